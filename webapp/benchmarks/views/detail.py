"""The page of one benchmark, what its buttons do, and what can be taken away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from saliency_core.experiments.base import experiment_description, protocol
from webapp.benchmarks import services
from webapp.benchmarks.archives import archive_of
from webapp.benchmarks.distributions import BOX, KINDS, distribution, kind_of
from webapp.benchmarks.experiment_page import ExperimentPage
from webapp.benchmarks.keeping import Access, Keeping
from webapp.benchmarks.log_page import LogPage
from webapp.benchmarks.methods import shown_enhancement, shown_parameters
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.priorities import priority_choices
from webapp.benchmarks.progress import progress_of
from webapp.benchmarks.protocol_facts import protocol_facts
from webapp.benchmarks.selectors import (
    benchmarks_for,
    environments_of,
    missing_label,
    troubles_of,
    working_seconds,
)
from webapp.benchmarks.transitions import TransitionRefused
from webapp.benchmarks.views.results import images_context
from webapp.library.models import Classifier


@require_GET
@login_required
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    return detail_page(request, pk)


def detail_page(request: HttpRequest, pk: int, refusal: ValidationError | None = None) -> HttpResponse:
    """The page; after a `refusal` (by field: name, notes, tags, member) with what was typed still in its fields."""
    benchmark = get_object_or_404(benchmarks_for(request.user), pk=pk)
    context = _live_context(request, benchmark)
    context |= {
        **images_context(request, context["shown"], context["access"]),
        "archive": archive_of(request.user, benchmark),
        "texts": live_texts(),
        "priorities": priority_choices(request.user),
        "keeping": Keeping(benchmark, request.user, request.POST if refusal else None, refusal),
    }
    return render(request, "benchmarks/detail.html", context, status=422 if refusal else 200)


@require_GET
@login_required
def live_parts(request: HttpRequest, pk: int) -> HttpResponse:
    """The parts of the page that change as shards finish, each swapped into its place."""
    benchmark = get_object_or_404(benchmarks_for(request.user), pk=pk)
    return render(request, "benchmarks/live_parts.html", {**_live_context(request, benchmark), "oob": True})


@require_POST
@login_required
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    return _changed(request, pk, services.cancel_benchmark)


@require_POST
@login_required
def pause(request: HttpRequest, pk: int) -> HttpResponse:
    return _changed(request, pk, services.pause_benchmark)


@require_POST
@login_required
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    return _changed(request, pk, services.resume_benchmark)


def _changed(request: HttpRequest, pk: int, change: Callable[[Benchmark], None]) -> HttpResponse:
    benchmark = get_object_or_404(Benchmark.objects.owned_by(request.user), pk=pk)
    try:
        change(benchmark)
    except TransitionRefused as refusal:
        messages.warning(request, str(refusal))
    return redirect("benchmarks:detail", pk=pk)


def _live_context(request: HttpRequest, benchmark: Benchmark) -> dict[str, Any]:
    """What changes as shards finish. Every part is made once, however often the templates look at it."""
    shown = ExperimentPage(benchmark, request.GET)
    specification = benchmark.specification
    chosen = shown.experiment
    charts = shown.charts()
    kind = kind_of(request.GET.get("plot", ""))
    if charts is not None and kind != BOX:
        # With one method the table has all figures; the plot shows the one that is asked for.
        keys = {shown.figure.key} if shown.single else None
        charts["distribution"] = distribution(shown.units(), kind, keys)
    progress = progress_of(benchmark)
    is_owner = benchmark.owner_id == request.user.pk
    has_ended_well = benchmark.state == Benchmark.State.SUCCEEDED
    return {
        "benchmark": benchmark,
        "is_owner": is_owner,
        "access": Access(request.user, benchmark),
        "progress": progress,
        "may_try_again": is_owner and has_ended_well and progress.shards_set_aside > 0,
        "troubles": troubles_of(benchmark),
        "missing_label": missing_label(benchmark),
        "shown": shown,
        "experiments": [
            {
                "index": index,
                "title": _(experiment_description(each["key"]).title),
                "protocol": protocol(each["key"], each["protocol"]),
                "current": index == shown.index,
            }
            for index, each in enumerate(specification["experiments"])
        ],
        "experiment": chosen.description,
        "protocol": chosen.protocol,
        "protocol_facts": protocol_facts(chosen.protocol),
        "plot_kind": kind,
        "plot_kinds": KINDS,
        "curves": chosen.curves(),
        "matrix": shown.matrix(),
        "differences": shown.difference_rows(),
        "reference_title": "" if shown.reference is None else shown.looks[shown.reference].title,
        "ranks": shown.ranks(),
        "bins": shown.bins(),
        "classes": shown.classes(),
        "failures": shown.failures(),
        "chart": charts and {**charts, "texts": chart_texts()},
        "methods": [
            {
                "look": look,
                "parameters": shown_parameters(method),
                "enhancement": shown_enhancement(method),
            }
            for look, method in zip(shown.looks, specification["methods"], strict=True)
        ],
        "environments": environments_of(benchmark),
        "seconds": working_seconds(benchmark),
        "log": LogPage.of(benchmark, request.GET.get("log", "")),
    }


def chart_texts() -> dict[str, str]:
    return {"mean": _("mean"), "median": _("median")}


def live_texts() -> dict[str, Any]:
    """What the page's script writes, in the reader's language."""
    return {
        "states": {value: str(label) for value, label in Benchmark.State.choices},
        "classifier_states": {value: str(label) for value, label in Classifier.State.choices},
        "missing_label": _("Waits for a worker with the label %(label)s: none that takes work is running."),
        "fetching": _("Fetching weights, %(share)s %% of %(total)s MB"),
        "map_failed": _("No map"),
        "map_of": _("Map of %(image)s"),
        "images_per_second": _("%(rate)s images per second"),
        "seconds_per_image": _("%(seconds)s seconds per image"),
        "under_a_second": _("under 1 s"),
        "days": _("%(whole)d d %(rest)d h"),
        "hours": _("%(whole)d h %(rest)d min"),
        "minutes": _("%(whole)d min %(rest)d s"),
        "seconds": _("%(seconds)d s"),
    }
