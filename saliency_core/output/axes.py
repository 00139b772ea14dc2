"""In what results can differ, and how that is named in tables and legends."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from saliency_core.experiments.result import Result

_TARGETS = {"predicted": "Predicted", "label": "Target", "annotated": "Annotated"}
BASE = "Base"


@dataclass(frozen=True)
class Axis:
    """One respect in which results differ.

    ``label`` names a result's value; ``facts`` hold what makes two values of one label different (the value
    itself is the label together with the facts); ``shown`` picks of them what a reader can use.
    """

    key: str
    title: str
    label: Callable[[Result], str]
    facts: Callable[[Result], Mapping[str, Any]]

    def identity(self, result: Result) -> Hashable:
        return self.label(result), json.dumps(self.facts(result), sort_keys=True, default=str)


def _protocol_facts(result: Result) -> dict[str, Any]:
    return result.experiment.protocol.to_dict()


def _protocol_without_target(result: Result) -> dict[str, Any]:
    unimportant = {"full_name", "name", "summary", "source", "target_rule"}
    return {key: value for key, value in _protocol_facts(result).items() if key not in unimportant}


AXES: Mapping[str, Axis] = {
    axis.key: axis
    for axis in (
        Axis(
            "model",
            "Model",
            lambda result: result.model,
            lambda result: {"weights": result.weights_sha256[:8], "architecture": result.architecture},
        ),
        Axis("method", "Method", lambda result: result.method_title, lambda result: result.parameters),
        Axis(
            "enhancement",
            "Enhancement",
            lambda result: "" if result.enhancement is None else "+ enhancement",
            lambda result: result.enhancement or {},
        ),
        Axis(
            "dataset",
            "Data set",
            lambda result: str(result.dataset.get("name", "")),
            lambda result: {
                "images": result.dataset.get("measured", result.dataset.get("images")),
                "subset seed": result.dataset.get("subset seed"),
                "fingerprint": str(result.dataset.get("fingerprint", ""))[:8],
            },
        ),
        Axis(
            "protocol",
            "Protocol",
            lambda result: result.experiment.protocol.full_name,
            _protocol_facts,
        ),
        Axis(
            "target",
            "Class explained",
            lambda result: _TARGETS.get(
                result.experiment.protocol.target_rule, result.experiment.protocol.target_rule
            ),
            lambda result: {},
        ),
    )
}
# Where a table has an axis of its own for the class explained, the protocols may differ in nothing else.
PROTOCOL_BUT_TARGET = Axis(
    "protocol", "Protocol", lambda result: result.experiment.description.key, _protocol_without_target
)


def labels(axis: Axis, results: Sequence[Result]) -> list[str]:
    """The label of each result; different values that share a label get what tells them apart added:
    "VGG19 (weights=1a2b3c4d)".
    """
    values: dict[str, dict[Hashable, Mapping[str, Any]]] = {}
    for result in results:
        values.setdefault(axis.label(result), {})[axis.identity(result)] = axis.facts(result)
    return [_label(axis, result, values[axis.label(result)]) for result in results]


def _label(axis: Axis, result: Result, sharing: Mapping[Hashable, Mapping[str, Any]]) -> str:
    label = axis.label(result)
    if len(sharing) == 1:
        return label
    facts = axis.facts(result)
    names = list(dict.fromkeys(name for each in sharing.values() for name in each))
    differing = [name for name in names if len({repr(each.get(name)) for each in sharing.values()}) > 1]
    details = ", ".join(f"{name}={facts[name]}" for name in differing if facts.get(name) is not None)
    return f"{label} ({details})" if details else label


def joined_labels(axes: Sequence[Axis], results: Sequence[Result]) -> list[str]:
    """The labels along several axes in one: "Grad-CAM + enhancement"."""
    columns = [labels(axis, results) for axis in axes]
    return [" ".join(part for part in parts if part) or BASE for parts in zip(*columns, strict=True)]


def titles(results: Sequence[Result]) -> list[str]:
    """The shortest names that tell results apart: the method with its enhancement, and before it whatever
    else differs, as in "VGG19 · Grad-CAM + enhancement".
    """
    names = joined_labels((AXES["method"], AXES["enhancement"]), results)
    for key in ("protocol", "dataset", "model"):
        axis = AXES[key]
        if len({axis.identity(result) for result in results}) > 1:
            names = [f"{label} · {name}" for label, name in zip(labels(axis, results), names, strict=True)]
    return names
