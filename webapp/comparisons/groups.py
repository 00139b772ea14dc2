"""Which results may stand in one table, and what must be said where they do not quite agree."""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from saliency_core.statistics.comparability import differences
from webapp.benchmarks.models import Benchmark
from webapp.comparisons.choice import Measured

# What makes a table of its own; everything else that is listed below is marked in the table.
_APART = ("protocol", "dataset")
_MARKED = ("protocol", "dataset", "images", "class_mapping", "preprocessing", "precision", "complete")
_LETTERS = "abcdefg"


@dataclass
class Group:
    """Results in one table. `reference`: the position of the one that the others are compared with; `marks`: by
    position, what of _MARKED tells it from the reference.
    """

    members: list[Measured]
    reference: int
    marks: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def keys(self) -> list[str]:
        """What any member differs in, in the order of the letters."""
        return [key for key in _MARKED if any(key in marks for marks in self.marks)]

    def letters(self, position: int) -> str:
        """The letters that stand at a member's cells."""
        keys = self.keys
        return ",".join(_LETTERS[keys.index(key)] for key in keys if key in self.marks[position])

    def warnings(self) -> list[dict[str, str]]:
        """The letters with what they mean."""
        return [{"letter": _LETTERS[place], "text": meaning(key)} for place, key in enumerate(self.keys)]


def meaning(key: str) -> str:
    return {
        "protocol": _(
            "measured under another protocol than the reference: the figures do not measure the same and do not compare"
        ),
        "dataset": _(
            "measured on another data set than the reference: differences may come from the images alone"
        ),
        "images": _("measured on other images of the data set than the reference"),
        "class_mapping": _("labels lead to the model’s classes in another way than for the reference"),
        "preprocessing": _("the model saw the images prepared in another way than for the reference"),
        "precision": _("computed in another precision than the reference"),
        "complete": _("its benchmark is not complete: figures may still change"),
    }[key]


def grouped(measured: Sequence[Measured], reference: str, *, together: bool) -> list[Group]:
    """The results in tables: one for each protocol and data set, or, `together`, a single one with marks."""
    tables: dict[Hashable, list[Measured]] = {}
    for each in measured:
        tables.setdefault(() if together else identity(each), []).append(each)
    return [_group(members, reference) for members in tables.values()]


def identity(measured: Measured) -> Hashable:
    """What results must agree in to stand in one table unmarked."""
    facts = comparability_facts(measured)
    return json.dumps([facts["protocol"], facts["dataset_fingerprint"]], sort_keys=True, default=str)


def _group(members: list[Measured], reference: str) -> Group:
    place = next((number for number, each in enumerate(members) if each.chosen.name == reference), 0)
    base = comparability_facts(members[place])
    marks = []
    for member in members:
        found = {difference.key for difference in differences(base, comparability_facts(member))}
        if member.benchmark.state == Benchmark.State.SUCCEEDED:
            found.discard("complete")  # It is the reference that may still change, and that has the mark.
        marks.append(tuple(key for key in _MARKED if key in found))
    return Group(members, place, marks)


def comparability_facts(measured: Measured) -> dict[str, Any]:
    """What saliency_core.statistics.comparability compares; the images are those of the subset."""
    specification = measured.benchmark.specification
    classifier, subset = specification["classifier"], specification["subset"]
    protocol = measured.experiment.protocol
    return {
        "protocol": protocol.to_dict(),
        "preprocessing": {
            **classifier["preprocessing"],
            "pipeline": protocol.pipeline,
            "size": protocol.size,
        },
        "weights_sha256": classifier["weights_sha256"],
        "dataset_fingerprint": specification["dataset"]["fingerprint"],
        "images": {name: value for name, value in subset.items() if value is not False},
        "class_mapping": specification.get("class_mapping") or {},
        "precision": specification["precision"],
        "complete": measured.benchmark.state == Benchmark.State.SUCCEEDED,
    }
