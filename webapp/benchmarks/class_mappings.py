"""What the classes of a data set are called by a model, as far as rows tell: checked before a benchmark starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from saliency_core.datasets.class_mappings import BUILTIN_MAPPINGS, class_mapping
from saliency_core.datasets.mapping import ClassMapping, parse_class_mapping
from saliency_core.errors import DatasetError
from saliency_core.experiments.base import protocol as find_protocol
from saliency_core.experiments.checks import uses_class_labels
from webapp.library.models import Classifier, Dataset

MOST_CHARACTERS = 200_000
NAMED_AT_MOST = 10

Explicit = Mapping[str, Sequence[str]]


def class_labels_count(experiments: Sequence[Mapping[str, Any]]) -> bool:
    """Whether what the data set calls its classes decides anything under one of the experiments (key, protocol)."""
    return any(uses_class_labels(find_protocol(each["key"], each["protocol"])) for each in experiments)


def mapping_between(
    classifier: Classifier, dataset: Dataset, explicit: Explicit | None = None
) -> ClassMapping | None:
    """The classes of the data set among the model's outputs; None while the names of one of them are not known."""
    names = classifier.description.get("class_names") or classifier.class_names
    if not names or not dataset.classes:
        return None
    ids = classifier.description.get("class_ids") or []
    return ClassMapping.for_labels(dataset.classes, names, ids, explicit)


def why_not_mapped(classifier: Classifier, dataset: Dataset, explicit: Explicit | None = None) -> str | None:
    """Which classes of the data set have no output in the model and what to do, or None if that is fine."""
    mapping = mapping_between(classifier, dataset, explicit)
    if mapping is None:
        return None
    names = {"dataset": dataset.name, "model": classifier.name}
    if not mapping.unmapped:
        if any(mapping.classes.values()):
            return None
        return _("This list leaves out every class of %(dataset)s: nothing would be measured.") % names
    sentence = _(
        "These classes of %(dataset)s have no output in %(model)s: %(classes)s. Choose or give a list of what the "
        "model calls them; an empty class there leaves one out."
    ) % (names | {"classes": _shortened(mapping.unmapped)})
    close = [f"{label}: {', '.join(known)}" for label, known in mapping.close.items() if known]
    if close:
        sentence += " " + _("Outputs with similar names: %(names)s.") % {
            "names": "; ".join(close[:NAMED_AT_MOST])
        }
    return sentence


def fitting_mappings(classifier: Classifier, dataset: Dataset) -> list[str]:
    """The built-in mappings under which every class of the data set has an output in the model, or is left out."""
    return [name for name in BUILTIN_MAPPINGS if _fits(name, classifier, dataset)]


def builtin_mapping(name: str, dataset: Dataset) -> dict[str, tuple[str, ...]]:
    """A built-in mapping, as far as the data set has its classes; all of it while they are not known."""
    return {
        label: classes
        for label, classes in _read(name).items()
        if not dataset.classes or label in dataset.classes
    }


def typed_mapping(text: str) -> dict[str, tuple[str, ...]]:
    """A mapping pasted as CSV with the columns label,class, or as JSON. Raises ValidationError."""
    if len(text) > MOST_CHARACTERS:
        raise ValidationError(
            _("The list of classes is longer than %(count)s characters.") % {"count": f"{MOST_CHARACTERS:,}"}
        )
    try:
        return parse_class_mapping(text)
    except DatasetError as refused:
        raise ValidationError(
            _(
                "The list of classes can't be read. Begin it with the line label,class and give one class a line, or "
                'write JSON, {"label": ["class", …]}. (%(reason)s)'
            )
            % {"reason": refused}
        ) from refused


@cache
def _read(name: str) -> dict[str, tuple[str, ...]]:
    return class_mapping(name)


def _fits(name: str, classifier: Classifier, dataset: Dataset) -> bool:
    explicit = _read(name)
    if not dataset.classes:
        # Registered before annotated classes were counted: the format tells as much.
        return name.startswith(f"{dataset.format}-")
    if not explicit.keys() & dataset.classes.keys():
        return False
    mapping = mapping_between(classifier, dataset, explicit)
    if mapping is None:
        return explicit.keys() >= dataset.classes.keys()
    return not mapping.unmapped and any(mapping.classes.values())


def _shortened(labels: Sequence[str]) -> str:
    named = ", ".join(labels[:NAMED_AT_MOST])
    more = len(labels) - NAMED_AT_MOST
    return named if more <= 0 else _("%(names)s and %(count)d more") % {"names": named, "count": more}
