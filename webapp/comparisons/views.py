"""The page that compares results of several benchmarks, its maps and its downloads."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from saliency_core.experiments.base import experiment_description
from webapp.benchmarks.sharing import may_see_images
from webapp.benchmarks.views.detail import chart_texts, live_texts
from webapp.benchmarks.views.results import asked_maps
from webapp.common.text import storable
from webapp.comparisons import downloads
from webapp.comparisons.choice import MOST_RESULTS, read_choice
from webapp.comparisons.page import ComparisonPage
from webapp.comparisons.picker import find_results, picker_rows
from webapp.comparisons.settings_table import setting_rows

FILES: dict[tuple[str, str], tuple[Callable[[ComparisonPage], Iterable[str]], str]] = {
    ("comparison", "csv"): (downloads.summary_csv, "text/csv; charset=utf-8"),
    ("differences", "csv"): (downloads.tests_csv, "text/csv; charset=utf-8"),
    ("comparison", "tex"): (lambda page: [downloads.latex(page)], "application/x-tex; charset=utf-8"),
    ("comparison", "txt"): (lambda page: [downloads.report(page)], "text/plain; charset=utf-8"),
    ("comparison", "json"): (lambda page: [downloads.json_text(page)], "application/json"),
}


@require_GET
@login_required
def compare(request: HttpRequest) -> HttpResponse:
    """Everything is in the address; whole benchmarks named there become their results."""
    choice = read_choice(request.user, request.GET)
    if "benchmark" in request.GET and choice.chosen and not choice.unknown:
        return redirect(f"{reverse('comparisons:compare')}?{choice.address()}")
    page = ComparisonPage(request.user, choice)
    charts = page.charts()
    text = storable(request.GET.get("q", "")).strip()[:100]
    everything = request.GET.get("settings") == "all"
    context = {
        "choice": choice,
        "shown": page,
        "most": MOST_RESULTS,
        "rows": picker_rows(choice),
        "text": text,
        "found": find_results(request.user, choice, text) if text or len(choice.chosen) < 2 else None,
        "experiments": [
            {
                "key": key,
                "title": experiment_description(key).title,
                "count": count,
                "address": choice.address(experiment=key, figure=None, images=None),
                "current": key == choice.experiment,
            }
            for key, count in choice.experiment_keys.items()
        ],
        "tables": page.tables(),
        "settings": setting_rows(page.measured, everything=everything) if page.measured else [],
        "everything": everything,
        "settings_address": choice.address(settings=None if everything else "all"),
        "together_address": choice.address(together=None if choice.together else "1"),
        "pairs": page.pair_tables(),
        "over_settings": page.ranks_over_settings(),
        "job": page.paired.job,
        "curves": page.curve_titles(charts),
        "costs": page.costs.tables(),
        "images": page.images.groups(),
        "chart": charts and {**charts, "texts": chart_texts()},
        "texts": live_texts(),
        "query": choice.address(),
    }
    return render(request, "comparisons/compare.html", context)


@require_POST
@login_required
def maps(request: HttpRequest) -> HttpResponse:
    """Asks for one result's maps: `method` is its position among the results that the address names. Not found where
    the member sees the figures only.
    """
    measured = read_choice(request.user, request.GET).measured
    text = request.POST.get("method", "")
    if not (text.isascii() and text.isdecimal()) or len(text) > 4 or int(text) >= len(measured):
        raise Http404
    chosen = measured[int(text)]
    if not may_see_images(request.user, chosen.benchmark):
        raise Http404
    place = chosen.chosen.method_index, chosen.experiment_index
    found = asked_maps(request, chosen.benchmark, place)
    return JsonResponse({"maps": [{**each, "method": int(text)} for each in found]})


@require_GET
@login_required
def download(request: HttpRequest, name: str, ending: str) -> HttpResponse:
    """One of FILES; not found where the address names a result that is not there."""
    if (name, ending) not in FILES:
        raise Http404
    choice = read_choice(request.user, request.GET)
    if choice.unknown or not choice.measured:
        raise Http404
    make, content_type = FILES[name, ending]
    text = "".join(make(ComparisonPage(request.user, choice)))
    headers = {"Content-Disposition": f'attachment; filename="{name}.{ending}"'}
    return HttpResponse(text, content_type=content_type, headers=headers)
