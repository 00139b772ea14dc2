"""Benchmarks and workers in Django's admin."""

from __future__ import annotations

from django.contrib import admin

from webapp.benchmarks.models import Benchmark, WorkerNode
from webapp.common.admin import LookedAtOnly


@admin.register(Benchmark)
class BenchmarkAdmin(LookedAtOnly):
    list_display = (
        "id",
        "name",
        "owner",
        "classifier",
        "dataset",
        "number_of_images",
        "state",
        "created",
        "deleted",
    )
    list_select_related = ("owner", "classifier", "dataset")
    list_filter = ("state", "shared_with_lab")
    search_fields = ("name", "owner__username", "classifier__name", "dataset__name")
    list_per_page = 50


@admin.register(WorkerNode)
class WorkerNodeAdmin(LookedAtOnly):
    list_display = ("name", "kind", "device", "mode", "heartbeat_at", "stopped_at", "activity")
    list_filter = ("kind", "mode")
