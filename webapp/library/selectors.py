"""What is read of classifiers and data sets."""

from __future__ import annotations

from django.db.models import QuerySet

from webapp.accounts.models import User
from webapp.library.models import Classifier, Dataset, ForwardRate


def classifiers_for(user: User) -> QuerySet[Classifier]:
    """The classifiers a member may use, with their measured rates."""
    return Classifier.objects.visible_to(user).prefetch_related("rates")


def datasets_for(user: User) -> QuerySet[Dataset]:
    """The data sets that a member may use: ready ones."""
    return Dataset.objects.visible_to(user).filter(state=Dataset.State.READY)


def forward_rates(classifier: Classifier, devices: list[str], precision: str = "fp32") -> list[ForwardRate]:
    """The classifier's measured rates on these devices, fastest first."""
    return list(classifier.rates.filter(device__in=devices, precision=precision))
