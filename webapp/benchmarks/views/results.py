"""What a benchmark has found: figures, curves, bins, failures, images and their maps."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_POST

from saliency_core.experiments.columns import Columns
from saliency_core.experiments.summary import confidence_bins, mean_curves
from webapp.benchmarks.image_table import PAGE_SIZE, image_table
from webapp.benchmarks.models import Benchmark, Shard
from webapp.benchmarks.payloads import explanation_payload
from webapp.benchmarks.selectors import benchmarks_for, results_of
from webapp.studio.services import explain_benchmark_images

RESAMPLES = 2000
INTERIM_RESAMPLES = 300
RESULTS_KEPT_SECONDS = 3600


def results_context(benchmark: Benchmark) -> dict[str, Any]:
    """Curves, bins and failures of what is done; computed once for each number of finished shards.

    While a benchmark runs its bands come from fewer resamples: the page should keep up with the workers.
    """
    shards = benchmark.shards.filter(state__in=[Shard.State.DONE, Shard.State.SET_ASIDE]).count()
    if not shards:
        return _results(Columns(), resamples=0)
    resamples = INTERIM_RESAMPLES if benchmark.is_unfinished else RESAMPLES
    key = f"benchmark-results:{benchmark.pk}:{benchmark.specification_sha256[:16]}:{shards}:{resamples}"
    found = cache.get(key)
    if found is None:
        found = _results(results_of(benchmark), resamples)
        cache.set(key, found, RESULTS_KEPT_SECONDS)
    return found


def _results(columns: Columns, resamples: int) -> dict[str, Any]:
    return {
        "curves": mean_curves(columns, resamples) if len(columns) else None,
        "bins": confidence_bins(columns, resamples=resamples),
        "failures": columns.failures,
    }


@require_GET
@login_required
def images(request: HttpRequest, pk: int) -> HttpResponse:
    """The table of images alone; `sort` and `page` in the address are those of the benchmark's page."""
    benchmark = get_object_or_404(benchmarks_for(request.user), pk=pk)
    return render(
        request,
        "benchmarks/parts/images.html",
        {"benchmark": benchmark, **images_context(request, benchmark)},
    )


def images_context(request: HttpRequest, benchmark: Benchmark) -> dict[str, Any]:
    columns = results_of(benchmark, with_curves=False)
    return {"table": image_table(columns, request.GET.get("sort", ""), request.GET.get("page", ""))}


@require_POST
@login_required
def maps(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks for the maps of up to one page of images; those that are ready come at once, the others by the socket."""
    benchmark = get_object_or_404(benchmarks_for(request.user), pk=pk)
    asked = set(request.POST.getlist("image")[:PAGE_SIZE])
    columns = results_of(benchmark, with_curves=False)
    targets = columns.scalars.get("target", ())
    wanted = [
        (name, int(target)) for name, target in zip(columns.images, targets, strict=True) if name in asked
    ]
    explanations = explain_benchmark_images(owner=request.user, benchmark=benchmark, images=wanted)
    return JsonResponse(
        {"maps": [{"image": name, **explanation_payload(found)} for name, found in explanations.items()]}
    )
