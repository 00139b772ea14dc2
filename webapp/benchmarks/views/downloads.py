"""What can be taken away from a benchmark."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from webapp.benchmarks.exports import csv_lines, report_text
from webapp.benchmarks.selectors import benchmarks_for


@require_GET
@login_required
def images_csv(request: HttpRequest, pk: int) -> HttpResponse:
    """One row an image, those that failed included."""
    benchmark = get_object_or_404(benchmarks_for(request.user), pk=pk)
    text = "".join(csv_lines(benchmark))
    return _attachment(text, f"benchmark-{benchmark.pk}.csv", "text/csv; charset=utf-8")


@require_GET
@login_required
def report(request: HttpRequest, pk: int) -> HttpResponse:
    """Provenance and figures as plain text."""
    benchmark = get_object_or_404(benchmarks_for(request.user), pk=pk)
    return _attachment(report_text(benchmark), f"benchmark-{benchmark.pk}.txt", "text/plain; charset=utf-8")


def _attachment(text: str, name: str, content_type: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text, content_type=content_type, headers=headers)
