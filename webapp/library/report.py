"""A classifier's compatibility report as its page shows it, in the reader's language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext

from saliency_core.datasets.sample_photographs import PHOTOGRAPHS
from saliency_core.methods.registry import method_description, method_descriptions
from webapp.accounts.models import User
from webapp.benchmarks.suitability import why_not_applicable
from webapp.library import compatibility
from webapp.library.models import Classifier, Dataset

SAMPLES = "Sample photographs"


@dataclass(frozen=True)
class ShownMethod:
    key: str
    title: str
    reason: str | None


@dataclass(frozen=True)
class ShownPrediction:
    """A photograph, where its thumbnail lies ("" if nowhere) and its top classes as (name, probability)."""

    image: str
    thumbnail: str
    classes: list[tuple[str, float]]


@dataclass(frozen=True)
class ShownReport:
    """`state` is "" where there is none yet. `works` and `refused` are known from the description alone, also without
    a report; they are empty before a worker has looked at the network.
    """

    state: str
    problem: str
    works: list[ShownMethod]
    refused: list[ShownMethod]
    facts: dict[str, Any]
    findings: dict[str, Any]
    relevance: list[dict[str, Any]]
    predictions: list[ShownPrediction]

    @property
    def is_open(self) -> bool:
        return self.state in (compatibility.WAITING, compatibility.RUNNING)


def shown_report(classifier: Classifier, user: User) -> ShownReport:
    report = classifier.compatibility
    methods = shown_methods(classifier) if classifier.description else []
    ready = report.get("state") == compatibility.READY
    return ShownReport(
        state=report.get("state", ""),
        problem=report.get("problem", ""),
        works=[each for each in methods if each.reason is None],
        refused=[each for each in methods if each.reason is not None],
        facts=classifier.description.get("facts") or {},
        findings=report if ready else {},
        relevance=[_relevance(classifier, each) for each in report["relevance"]] if ready else [],
        predictions=_predictions(classifier, report["predictions"], user) if ready else [],
    )


def shown_methods(classifier: Classifier) -> list[ShownMethod]:
    """Every method with the reason why it can't explain the classifier."""
    return [
        ShownMethod(each.key, gettext(each.title), why_not_applicable(classifier, each.key))
        for each in method_descriptions()
    ]


def _relevance(classifier: Classifier, found: dict[str, Any]) -> dict[str, Any]:
    names = class_names(classifier)
    return {
        **found,
        "title": gettext(method_description(found["method"]).title),
        "class_name": names[found["target"]] if found["target"] < len(names) else str(found["target"]),
        "of_logit": found["method"] == "lrp",
    }


def _predictions(classifier: Classifier, found: list[dict[str, Any]], user: User) -> list[ShownPrediction]:
    names = class_names(classifier)
    thumbnails = _thumbnails(user)
    return [
        ShownPrediction(
            each["image"],
            thumbnails.get(each["image"], ""),
            [
                (names[index] if index < len(names) else str(index), probability)
                for index, probability in zip(each["classes"], each["probabilities"], strict=True)
            ],
        )
        for each in found
    ]


def class_names(classifier: Classifier) -> list[str]:
    return classifier.description.get("class_names") or classifier.class_names


def _thumbnails(user: User) -> dict[str, str]:
    """By name, where the sample photographs are registered as the data set that comes with Saliscope."""
    samples = Dataset.objects.visible_to(user).filter(name=SAMPLES, owner=None).only("pk").first()
    if samples is None:
        return {}
    # The images of a data set are in the order of their names, as these are.
    return {
        name: reverse("studio:thumbnail", args=[samples.pk, index])
        for index, name in enumerate(sorted(PHOTOGRAPHS))
    }
