"""What can be taken away from a benchmark."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from webapp.benchmarks import exports
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.selectors import benchmarks_for
from webapp.common.streaming import lines_response, zip_response

MOST_AT_ONCE = 5000
"""Images; tables of more begin to arrive before they are complete."""
CSV = "text/csv; charset=utf-8"


@require_GET
@login_required
def images_csv(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One row an image of one method under one experiment, those that failed included; long ones as they are made."""
    benchmark = _benchmark(request, pk)
    method, experiment = (_index(request, benchmark, name) for name in ("method", "experiment"))
    several = sum(len(benchmark.specification[name]) for name in ("methods", "experiments")) > 2
    name = f"benchmark-{pk}-{method + 1}-{experiment + 1}.csv" if several else f"benchmark-{pk}.csv"
    lines = exports.image_lines(benchmark, method_index=method, experiment_index=experiment)
    if benchmark.number_of_images <= MOST_AT_ONCE:
        return _attachment("".join(lines), name, CSV)
    return lines_response(request, lines, name, CSV)


@require_GET
@login_required
def table(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    """The summary, the classes, the bins or the mean curves of all methods and experiments."""
    if name not in exports.TABLES:
        raise Http404
    lines = exports.table_lines(_benchmark(request, pk), name)
    return _attachment("".join(lines), f"benchmark-{pk}-{name}.csv", CSV)


@require_GET
@login_required
def latex(request: HttpRequest, pk: int) -> HttpResponse:
    text = exports.latex_text(_benchmark(request, pk))
    return _attachment(text, f"benchmark-{pk}.tex", "application/x-tex; charset=utf-8")


@require_GET
@login_required
def json_document(request: HttpRequest, pk: int) -> HttpResponse:
    text = exports.results_json(_benchmark(request, pk))
    return _attachment(text, f"benchmark-{pk}.json", "application/json")


@require_GET
@login_required
def report(request: HttpRequest, pk: int) -> HttpResponse:
    """Provenance and figures as plain text."""
    text = exports.report_text(_benchmark(request, pk))
    return _attachment(text, f"benchmark-{pk}.txt", "text/plain; charset=utf-8")


@require_GET
@login_required
def archive(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Everything in one ZIP, plots included."""
    benchmark = _benchmark(request, pk)
    try:
        return archive_response(request, benchmark)
    except exports.ArchiveFailed as problem:
        messages.error(request, _("The archive could not be made: %(problem)s") % {"problem": problem})
        return redirect("benchmarks:detail", pk=pk)


def archive_response(request: HttpRequest, benchmark: Benchmark) -> HttpResponseBase:
    """The archive of what there is now, made if need be. Raises ArchiveFailed."""
    return zip_response(request, exports.archive_path(benchmark), f"benchmark-{benchmark.pk}.zip")


def _benchmark(request: HttpRequest, pk: int) -> Benchmark:
    return get_object_or_404(benchmarks_for(request.user), pk=pk)


def _index(request: HttpRequest, benchmark: Benchmark, name: str) -> int:
    """The number of a method or experiment that the address names; what does not exist is not found."""
    text = request.GET.get(name, "0")
    if not text.isdecimal() or len(text) > 6 or int(text) >= len(benchmark.specification[f"{name}s"]):
        raise Http404
    return int(text)


def _attachment(text: str, name: str, content_type: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text, content_type=content_type, headers=headers)
