"""Benchmarks, their shards and workers in the admin. States change through `transitions` alone."""

from __future__ import annotations

from functools import partial

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from webapp.benchmarks import transitions
from webapp.benchmarks.models import (
    Benchmark,
    BenchmarkEvent,
    BenchmarkPin,
    BenchmarkShare,
    BenchmarkTag,
    ExpectedCode,
    ResultComparison,
    ResultSummary,
    SavedView,
    Shard,
    ShardResult,
    Turn,
    WorkerNode,
    WorkerTrouble,
)
from webapp.benchmarks.priorities import set_priority
from webapp.benchmarks.services import resume_benchmark
from webapp.common.admin import LookingAdmin, TurnAdmin, for_each


@admin.register(Benchmark)
class BenchmarkAdmin(LookingAdmin):
    names = _("benchmark"), _("benchmarks")
    list_display = (
        "id", "name", "owner", "state", "priority", "number_of_images", "shared_with_lab", "deleted", "created",
        "finished",
    )  # fmt: skip
    list_display_links = ("id", "name")
    list_filter = ("state", "priority", "shared_with_lab", ("deleted", admin.EmptyFieldListFilter))
    list_select_related = ("owner",)
    search_fields = ("=id", "name", "owner__username", "specification_sha256")
    date_hierarchy = "created"
    heavy = ("specification", "figures", "notes", "problem")
    actions = ("pause", "cancel", "resume", "priority_low", "priority_normal", "priority_high")

    @admin.action(description=_("Pause the chosen benchmarks"), permissions=["view"])
    def pause(self, request: HttpRequest, rows: QuerySet[Benchmark]) -> None:
        for_each(self, request, rows, transitions.pause, (transitions.TransitionRefused,))

    @admin.action(description=_("Cancel the chosen benchmarks"), permissions=["view"])
    def cancel(self, request: HttpRequest, rows: QuerySet[Benchmark]) -> None:
        for_each(self, request, rows, transitions.cancel, (transitions.TransitionRefused,))

    @admin.action(description=_("Resume the chosen benchmarks"), permissions=["view"])
    def resume(self, request: HttpRequest, rows: QuerySet[Benchmark]) -> None:
        for_each(self, request, rows, resume_benchmark, (transitions.TransitionRefused,))

    @admin.action(description=_("Give low priority to the chosen benchmarks"), permissions=["view"])
    def priority_low(self, request: HttpRequest, rows: QuerySet[Benchmark]) -> None:
        self._prioritise(request, rows, "low")

    @admin.action(description=_("Give normal priority to the chosen benchmarks"), permissions=["view"])
    def priority_normal(self, request: HttpRequest, rows: QuerySet[Benchmark]) -> None:
        self._prioritise(request, rows, "normal")

    @admin.action(description=_("Give high priority to the chosen benchmarks"), permissions=["view"])
    def priority_high(self, request: HttpRequest, rows: QuerySet[Benchmark]) -> None:
        self._prioritise(request, rows, "high")

    def _prioritise(self, request: HttpRequest, rows: QuerySet[Benchmark], priority: str) -> None:
        change = partial(set_priority, priority=priority, by=request.user)
        for_each(self, request, rows, change, (transitions.TransitionRefused,))


class PartAdmin(LookingAdmin):
    """A row that belongs to a benchmark, which lists show by its number: its own row is long."""

    search_fields: tuple[str, ...] = ("=benchmark__id",)


@admin.register(Shard)
class ShardAdmin(PartAdmin):
    names = _("part of a benchmark"), _("parts of benchmarks")
    list_display = (
        "id", "benchmark_id", "method_index", "start", "stop", "state", "attempt", "fence", "worker", "progress",
        "claimed_at", "finished_at",
    )  # fmt: skip
    list_filter = ("state", "attempt")
    list_select_related = ("worker",)
    heavy = ("environment", "problem")


@admin.register(ShardResult)
class ShardResultAdmin(LookingAdmin):
    """The packed columns are never loaded here."""

    names = _("part's columns"), _("columns of parts")
    list_display = ("id", "shard_id", "experiment_index", "created")
    search_fields = ("=shard__id", "=shard__benchmark__id")
    hidden = ("scalars", "curves")


@admin.register(ResultSummary)
class ResultSummaryAdmin(PartAdmin):
    names = _("result's figures"), _("figures of results")
    list_display = ("id", "benchmark_id", "experiment_index", "method_index", "results", "complete")
    list_filter = ("complete",)
    heavy = ("content", "classes", "running")


@admin.register(ResultComparison)
class ResultComparisonAdmin(PartAdmin):
    names = _("comparison of methods"), _("comparisons of methods")
    list_display = ("id", "benchmark_id", "experiment_index", "results")
    heavy = ("content",)


@admin.register(BenchmarkEvent)
class BenchmarkEventAdmin(PartAdmin):
    names = _("event of a benchmark"), _("events of benchmarks")
    list_display = ("id", "benchmark_id", "seq", "kind", "created")
    list_filter = ("kind",)
    date_hierarchy = "created"
    heavy = ("payload",)


@admin.register(BenchmarkShare)
class BenchmarkShareAdmin(PartAdmin):
    names = _("share of a benchmark"), _("shares of benchmarks")
    list_display = ("id", "benchmark_id", "user", "created")
    list_select_related = ("user",)
    search_fields = ("=benchmark__id", "user__username")


@admin.register(BenchmarkTag)
class BenchmarkTagAdmin(PartAdmin):
    names = _("tag of a benchmark"), _("tags of benchmarks")
    list_display = ("name", "benchmark_id")
    search_fields = ("=benchmark__id", "name")


@admin.register(BenchmarkPin)
class BenchmarkPinAdmin(PartAdmin):
    names = _("pinned benchmark"), _("pinned benchmarks")
    list_display = ("id", "benchmark_id", "user")
    list_select_related = ("user",)
    search_fields = ("=benchmark__id", "user__username")


@admin.register(SavedView)
class SavedViewAdmin(LookingAdmin):
    names = _("saved view"), _("saved views")
    list_display = ("name", "owner", "query")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username")


@admin.register(WorkerNode)
class WorkerNodeAdmin(LookingAdmin):
    names = _("worker"), _("workers")
    list_display = (
        "name",
        "kind",
        "device",
        "label",
        "mode",
        "activity",
        "heartbeat_at",
        "started_at",
        "stopped_at",
    )
    list_filter = ("kind", "mode", ("stopped_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "device")
    heavy = ("versions", "memory")


@admin.register(WorkerTrouble)
class WorkerTroubleAdmin(PartAdmin):
    names = _("trouble of a worker"), _("troubles of workers")
    list_display = ("id", "benchmark_id", "worker", "failures", "not_before", "reason")
    list_select_related = ("worker",)
    search_fields = ("=benchmark__id", "worker__name", "reason")


@admin.register(ExpectedCode)
class ExpectedCodeAdmin(LookingAdmin):
    names = _("expected code"), _("expected codes")
    list_display = ("version", "since")


admin.site.register(Turn, TurnAdmin)
