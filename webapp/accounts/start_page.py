"""The start page: what Saliscope is, for visitors; for members what goes on, and what to do first."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from webapp.accounts.models import User
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.selectors import benchmarks_for, live_workers
from webapp.library.models import Classifier
from webapp.studio.addresses import address_of
from webapp.studio.models import Explanation, State

RECENT_BENCHMARKS = 8
RECENT_MAPS = 6
MOST_MODELS = 5


@dataclass(frozen=True)
class RecentMap:
    row: Explanation
    address: str


@require_GET
def start(request: HttpRequest) -> HttpResponse:
    """Six queries for members, however much there is."""
    if not request.user.is_authenticated:
        return render(request, "home.html", {"sign_up_open": settings.SIGN_UP == "open"})
    benchmarks, maps = recent_benchmarks(request.user), recent_maps(request.user)
    context = {
        "benchmarks": benchmarks,
        "maps": maps,
        "models": models_on_the_way(request.user),
        "workers": live_workers(),
        "is_first_visit": not maps and not any(each.owner_id == request.user.pk for each in benchmarks),
    }
    return render(request, "start.html", context)


def recent_benchmarks(user: User) -> list[Benchmark]:
    """The newest ones that the member sees, without what is long in their rows."""
    return list(benchmarks_for(user).defer("figures", "notes")[:RECENT_BENCHMARKS])


def recent_maps(user: User) -> list[RecentMap]:
    ready = Explanation.objects.visible_to(user).filter(state=State.READY).defer("curves", "extras")
    related = ready.select_related("classifier", "dataset", "picture").defer(
        "classifier__description",
        "classifier__class_names",
        "classifier__compatibility",
        "dataset__problems",
        "dataset__classes",
        "curves",
        "extras",
    )
    return [RecentMap(row, address_of(row)) for row in related.order_by("-pk")[:RECENT_MAPS]]


def models_on_the_way(user: User) -> list[Classifier]:
    """Models that a worker prepares, is to prepare, or could not prepare."""
    states = (Classifier.State.WAITING, Classifier.State.PREPARING, Classifier.State.FAILED)
    found = Classifier.objects.visible_to(user).filter(state__in=states)
    return list(found.defer("description", "class_names", "compatibility").order_by("-pk")[:MOST_MODELS])
