"""The list of benchmarks."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.selectors import benchmarks_for

PAGE_SIZE = 25


@require_GET
@login_required
def benchmark_list(request: HttpRequest) -> HttpResponse:
    """The member's benchmarks; `state` and `page` in the address."""
    counts = dict(
        Benchmark.objects.visible_to(request.user).order_by().values_list("state").annotate(count=Count("pk"))
    )
    state = request.GET.get("state", "")
    benchmarks = benchmarks_for(request.user)
    if state in Benchmark.State.values:
        benchmarks = benchmarks.filter(state=state)
    context = {
        "page": Paginator(benchmarks, PAGE_SIZE).get_page(request.GET.get("page")),
        "state": state,
        "states": [(value, label, counts.get(value, 0)) for value, label in Benchmark.State.choices],
        "total": sum(counts.values()),
    }
    return render(request, "benchmarks/list.html", context)
