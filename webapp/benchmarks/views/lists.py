"""The list of benchmarks, and those that were deleted."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from webapp.benchmarks.deletion import deleted_benchmarks
from webapp.benchmarks.list_page import ListPage, seconds_taken
from webapp.benchmarks.models import Benchmark

MOST_DELETED_SHOWN = 200


@require_GET
@login_required
def benchmark_list(request: HttpRequest) -> HttpResponse:
    """The benchmarks that the member sees. All that is chosen stands in the address; see ListPage and ListFilter."""
    shown = ListPage(request.user, request.GET)
    for row in shown.page.object_list:
        row.seconds = seconds_taken(row)
    context = {"shown": shown, "page": shown.page, "form": shown.filter.form, "texts": list_texts()}
    context["language"] = get_language()
    return render(request, "benchmarks/list.html", context)


@require_GET
@login_required
def deleted(request: HttpRequest) -> HttpResponse:
    """What the member has deleted and can still bring back."""
    rows = deleted_benchmarks(request.user)[:MOST_DELETED_SHOWN]
    days = settings.DELETED_BENCHMARKS_KEPT_DAYS
    return render(request, "benchmarks/deleted.html", {"benchmarks": rows, "days": days})


def list_texts() -> dict[str, Any]:
    """What the list's script writes, in the reader's language."""
    return {
        "states": {value: str(label) for value, label in Benchmark.State.choices},
        "gone": _("no longer yours to see"),
        "selected": _("%(count)d selected"),
    }
