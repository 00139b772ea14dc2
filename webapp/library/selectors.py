"""What is read of classifiers and data sets."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet

from webapp.accounts.models import User
from webapp.library.compatibility import RUNNING, WAITING
from webapp.library.models import Classifier, Dataset, ForwardRate

MOST_WATCHED = 64


def classifiers_for(user: User) -> QuerySet[Classifier]:
    """The classifiers a member may use, with their measured rates."""
    return Classifier.objects.visible_to(user).prefetch_related("rates")


def watched_classifiers(classifiers: Iterable[Classifier]) -> str:
    """The query string of the socket that tells what becomes of those that a worker is busy with; "" if none is."""
    busy = [each.pk for each in classifiers if is_busy(each)]
    return "&".join(f"classifier={pk}" for pk in busy[:MOST_WATCHED])


def is_busy(classifier: Classifier) -> bool:
    """Whether a worker is at it, or will be."""
    return classifier.is_being_prepared or classifier.compatibility.get("state") in (WAITING, RUNNING)


def datasets_for(user: User) -> QuerySet[Dataset]:
    """The data sets that a member may use: ready ones."""
    return Dataset.objects.visible_to(user).filter(state=Dataset.State.READY)


def forward_rates(classifier: Classifier, devices: list[str], precision: str = "fp32") -> list[ForwardRate]:
    """The classifier's measured rates on these devices, fastest first."""
    return list(classifier.rates.filter(device__in=devices, precision=precision))
