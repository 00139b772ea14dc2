"""What can be taken away from a benchmark."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from webapp.benchmarks import exports
from webapp.benchmarks.archives import archive_jobs, ready_archive, request_archive
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.selectors import benchmarks_for
from webapp.common.streaming import lines_response, zip_response
from webapp.jobs.models import Job
from webapp.jobs.services import cancel_job

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


@require_POST
@login_required
def make_archive(request: HttpRequest, pk: int) -> HttpResponse:
    """Has everything packed by a job, which the benchmark's page shows."""
    request_archive(owner=request.user, benchmark=_benchmark(request, pk))
    return _to_files(pk)


@require_POST
@login_required
def cancel_archive(request: HttpRequest, pk: int) -> HttpResponse:
    for job in archive_jobs(request.user, _benchmark(request, pk)).filter(state__in=Job.OPEN):
        cancel_job(job)
    return _to_files(pk)


@require_GET
@login_required
def archive(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The newest ZIP with everything that was made for the member; where there is none the page says how to get one."""
    benchmark = _benchmark(request, pk)
    job = ready_archive(request.user, benchmark)
    if job is None:
        messages.info(request, _("There is no ZIP at the moment: have it made here first."))
        return _to_files(pk)
    return archive_response(request, benchmark, job)


def archive_response(request: HttpRequest, benchmark: Benchmark, job: Job) -> HttpResponseBase:
    """The file of an archive that is ready."""
    return zip_response(request, job.path, f"benchmark-{benchmark.pk}.zip")


def _to_files(pk: int) -> HttpResponse:
    return redirect(reverse("benchmarks:detail", args=[pk]) + "#files-title")


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
