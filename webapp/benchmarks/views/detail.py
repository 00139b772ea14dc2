"""The page of one benchmark, what its buttons do, and what can be taken away."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from saliency_core.experiments.base import experiment_description, protocol
from saliency_core.methods.registry import method_description
from webapp.benchmarks import services
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.protocol_facts import protocol_facts
from webapp.benchmarks.selectors import benchmarks_for, environments_of, progress_of, working_seconds
from webapp.benchmarks.templatetags.figures import method_colour
from webapp.benchmarks.transitions import TransitionRefused
from webapp.benchmarks.views.results import images_context, results_context
from webapp.library.models import Classifier

EVENTS_SHOWN = 50


@require_GET
@login_required
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    benchmark = get_object_or_404(benchmarks_for(request.user), pk=pk)
    context = {**_live_context(benchmark), **images_context(request, benchmark), "texts": live_texts()}
    return render(request, "benchmarks/detail.html", context)


@require_GET
@login_required
def live_parts(request: HttpRequest, pk: int) -> HttpResponse:
    """The parts of the page that change as shards finish, each swapped into its place."""
    benchmark = get_object_or_404(benchmarks_for(request.user), pk=pk)
    return render(request, "benchmarks/live_parts.html", {**_live_context(benchmark), "oob": True})


@require_POST
@login_required
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    benchmark = get_object_or_404(benchmarks_for(request.user), pk=pk)
    try:
        services.cancel_benchmark(benchmark)
    except TransitionRefused as refusal:
        messages.warning(request, str(refusal))
    return redirect("benchmarks:detail", pk=pk)


@require_POST
@login_required
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    benchmark = get_object_or_404(benchmarks_for(request.user), pk=pk)
    try:
        services.resume_benchmark(benchmark)
    except TransitionRefused as refusal:
        messages.warning(request, str(refusal))
    return redirect("benchmarks:detail", pk=pk)


def _live_context(benchmark: Benchmark) -> dict[str, Any]:
    specification = benchmark.specification
    method, experiment = specification["methods"][0], specification["experiments"][0]
    description = method_description(method["key"])
    found = results_context(benchmark)
    method_shown = {"key": method["key"], "title": description.title, "colour": method_colour(method["key"])}
    chart = {**found["curves"], "method": method_shown, "texts": chart_texts()} if found["curves"] else None
    return {
        **found,
        "benchmark": benchmark,
        "progress": progress_of(benchmark),
        "method": description,
        "parameters": [
            (parameter, method["parameters"].get(parameter.name)) for parameter in description.parameters
        ],
        "experiment": experiment_description(experiment["key"]),
        "protocol": protocol(experiment["key"], experiment["protocol"]),
        "protocol_facts": protocol_facts(protocol(experiment["key"], experiment["protocol"])),
        "chart": chart,
        "environments": environments_of(benchmark),
        "seconds": working_seconds(benchmark),
        "events": benchmark.events.exclude(kind="figures").order_by("-seq")[:EVENTS_SHOWN],
    }


def chart_texts() -> dict[str, str]:
    return {
        "probability": _("probability of the class"),
        "inserted": _("pixels revealed, %"),
        "deleted": _("pixels removed, %"),
    }


def live_texts() -> dict[str, Any]:
    """What the page's script writes, in the reader's language."""
    return {
        "states": {value: str(label) for value, label in Benchmark.State.choices},
        "classifier_states": {value: str(label) for value, label in Classifier.State.choices},
        "fetching": _("Fetching weights, %(share)s %% of %(total)s MB"),
        "map_failed": _("No map"),
        "map_of": _("Map of %(image)s"),
        "under_a_second": _("under 1 s"),
        "days": _("%(whole)d d %(rest)d h"),
        "hours": _("%(whole)d h %(rest)d min"),
        "minutes": _("%(whole)d min %(rest)d s"),
        "seconds": _("%(seconds)d s"),
    }
