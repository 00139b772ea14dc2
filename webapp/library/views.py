"""Pages of data sets."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from webapp.library import selectors

PROBLEMS_SHOWN = 200


@require_GET
@login_required
def datasets(request: HttpRequest) -> HttpResponse:
    return render(request, "library/datasets.html", {"datasets": selectors.datasets_for(request.user)})


@require_GET
@login_required
def dataset(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(selectors.datasets_for(request.user), pk=pk)
    context = {
        "dataset": found,
        "problems": found.problems[:PROBLEMS_SHOWN],
        "problems_left_out": max(0, len(found.problems) - PROBLEMS_SHOWN),
    }
    return render(request, "library/dataset.html", context)
