"""What pages show of data sets: lists narrowed down by the address, classes with their counts and their outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.http import QueryDict

from saliency_core.datasets.class_mappings import BUILTIN_MAPPINGS
from saliency_core.datasets.mapping import ClassMapping
from saliency_core.datasets.survey import Survey
from saliency_core.errors import SaliscopeError
from webapp.accounts.models import User
from webapp.benchmarks.class_mappings import builtin_mapping, mapping_between
from webapp.common.text import row_number, storable
from webapp.library.models import Classifier, Dataset
from webapp.library.open_datasets import surveyed
from webapp.library.selectors import classifiers_for
from webapp.studio.sources import class_names_of

ORDERS = {
    "name": "name",
    "-name": "-name",
    "images": "number_of_images",
    "-images": "-number_of_images",
    "registered": "registered_at",
    "-registered": "-registered_at",
}
BARS = 240
OUTPUTS_SHOWN = 6


def listed_datasets(user: User, query: QueryDict) -> QuerySet[Dataset]:
    """All data sets that a member sees, those that are being prepared or failed among them.

    `q`: part of the name or format; `whose`: "own" or "lab"; `truth`: a kind of ground truth; `order`.
    """
    found = Dataset.objects.visible_to(user).select_related("owner")
    words = storable(query.get("q", "")).strip()
    if words:
        found = found.filter(Q(name__icontains=words) | Q(format__icontains=words))
    if query.get("whose") == "own":
        found = found.filter(owner=user)
    elif query.get("whose") == "lab":
        found = found.exclude(owner=user)
    return found.order_by(ORDERS.get(query.get("order", ""), "name"), "pk")


@dataclass(frozen=True)
class ClassRow:
    """One class: on how many images, with how many boxes and masks, and what a model calls it.

    `share`: of the images of the most frequent class, in percent. `outputs`: (number, name) of the model's outputs.
    """

    label: str
    images: int
    share: float
    boxes: int | None = None
    masks: int | None = None
    outputs: tuple[tuple[int, str], ...] = ()
    reason: str = ""
    close: tuple[str, ...] = ()

    @property
    def further(self) -> int:
        """How many outputs a table does not show."""
        return max(0, len(self.outputs) - OUTPUTS_SHOWN)


@dataclass(frozen=True)
class Mapped:
    """How a model's outputs serve a data set: `builtin`: the list that was used, "" for names alone."""

    classifier: Classifier
    mapping: ClassMapping | None
    builtin: str = ""

    @property
    def found(self) -> int:
        return sum(1 for numbers in self.mapping.classes.values() if numbers) if self.mapping else 0


def counted(dataset: Dataset) -> Survey | None:
    """Boxes and masks by class; None where the folder can't be read now."""
    try:
        return surveyed(dataset)
    except (SaliscopeError, OSError):
        return None


def mapped(user: User, dataset: Dataset, number: str) -> Mapped | None:
    """The classes under the model that an address names; None where it names none that the member may see."""
    if (key := row_number(number)) is None:
        return None
    classifier = classifiers_for(user).filter(pk=key).first()
    if classifier is None:
        return None
    names = {*class_names_of(classifier), *(classifier.description.get("class_ids") or [])}
    if not dataset.classes.keys() <= names:
        # A list that covers everything is tried before names are compared, which takes long where few agree.
        for name in BUILTIN_MAPPINGS:
            explicit = builtin_mapping(name, dataset)
            if len(explicit) == len(dataset.classes) > 0:
                mapping = mapping_between(classifier, dataset, explicit)
                if mapping is not None and not mapping.unmapped:
                    return Mapped(classifier, mapping, name)
    return Mapped(classifier, mapping_between(classifier, dataset))


def class_rows(
    dataset: Dataset, query: QueryDict, survey: Survey | None, chosen: Mapped | None
) -> list[ClassRow]:
    """The classes, narrowed down by `class` (part of a name) and sorted by `sort`: label, images, boxes, masks."""
    words = query.get("find", "").strip().casefold()
    most = max(dataset.classes.values(), default=0) or 1
    rows = [
        _row(label, images, most, survey, chosen)
        for label, images in dataset.classes.items()
        if words in label.casefold()
    ]
    if query.get("only") == "unmapped" and chosen and chosen.mapping:
        rows = [row for row in rows if not row.outputs]
    key = query.get("sort", "")
    name = key.removeprefix("-")
    if name in ("label", "images", "boxes", "masks"):
        rows.sort(key=lambda row: row.label)
        rows.sort(
            key=lambda row: getattr(row, name) or 0 if name != "label" else row.label, reverse=key[0] == "-"
        )
    return rows


def _row(label: str, images: int, most: int, survey: Survey | None, chosen: Mapped | None) -> ClassRow:
    counts: dict[str, Any] = {}
    if survey is not None:
        counts = {"boxes": survey.boxes[label], "masks": survey.masks[label]}
    if chosen is not None and chosen.mapping is not None:
        names = class_names_of(chosen.classifier)
        counts["outputs"] = tuple((number, names[number]) for number in chosen.mapping.classes_of(label))
        counts["reason"] = chosen.mapping.reasons.get(label, "")
        counts["close"] = chosen.mapping.close.get(label, ())
    return ClassRow(label, images, round(100 * images / most, 2), **counts)


@dataclass(frozen=True)
class Distribution:
    """Images per class, the most frequent first: `bars` are (x, y, width, height) in a field of BARS × 60."""

    smallest: int
    median: float
    largest: int
    bars: list[tuple[float, float, float, float]]


def distribution(dataset: Dataset) -> Distribution | None:
    """How evenly the images are spread over the classes; None for fewer than two classes."""
    counts = sorted(dataset.classes.values(), reverse=True)
    if len(counts) < 2:
        return None
    middle = len(counts) // 2
    median = counts[middle] if len(counts) % 2 else (counts[middle - 1] + counts[middle]) / 2
    number = min(len(counts), BARS)
    width = BARS / number
    picked = [counts[position * len(counts) // number] for position in range(number)]
    heights = [max(0.5, 60 * count / (counts[0] or 1)) for count in picked]
    gap = width * 0.15 if width > 3 else 0
    bars = [
        (round(position * width, 2), round(60 - height, 2), round(width - gap, 2), round(height, 2))
        for position, height in enumerate(heights)
    ]
    return Distribution(counts[-1], median, counts[0], bars)
