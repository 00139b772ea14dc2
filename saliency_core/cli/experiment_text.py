"""Experiments and what their protocols fix, in words: for the command experiments and the documentation."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from saliency_core.experiments.base import (
    Experiment,
    ExperimentDescription,
    Protocol,
    create_experiment,
    experiment_class,
)
from saliency_core.experiments.figures import CurveDescription, Figure

KINDS = {
    "label": "a label for every image",
    "boxes": "boxes around objects",
    "masks": "a mask for every class",
    "object_mask": "masks of objects",
}
TARGETS = {
    "predicted": "the class predicted for the image",
    "label": "the image's own label",
    "annotated": "every class that is annotated in the image",
}
_NAMING = ("full_name", "experiment", "name", "summary", "source")
_MANY_LAYERS = 10_000
_Item = TypeVar("_Item", bound=Figure | CurveDescription)


def settings(protocol: Protocol) -> dict[str, str]:
    """Everything the protocol fixes, by name."""
    return {name: _value(value) for name, value in protocol.to_dict().items() if name not in _NAMING}


def needs(protocol: Protocol) -> str:
    """What a data set must have, in words; "images alone" if nothing."""
    return " or ".join(KINDS[kind] for kind in protocol.ground_truth) or "images alone"


def cost(protocol: Protocol) -> str:
    """What scoring one map takes: "224 forward passes", "at most 20 further maps", "no forward passes"."""
    experiment = experiment_class(protocol.experiment)
    passes = experiment.forwards_per_image(protocol)
    maps = experiment.further_maps(protocol, _MANY_LAYERS)
    parts = [f"{passes} forward pass{'' if passes == 1 else 'es'}"] if passes else []
    parts += [f"at most {maps} further maps"] if maps else []
    return " and ".join(parts) or "no forward passes"


def definition(key: str) -> str:
    """What the settings of the experiment's protocols mean; empty where all have the common ones only."""
    kind = type(experiment_class(key).description.default_protocol)
    return "" if kind is Protocol else inspect.cleandoc(kind.__doc__ or "")


def columns_text(key: str) -> str:
    """The columns that the experiment adds to the table of images."""
    return inspect.cleandoc(experiment_class(key).__doc__ or "")


def figures(description: ExperimentDescription) -> list[tuple[Figure, tuple[str, ...]]]:
    """The figures under any of the protocols, in their order, each with the protocols that have it."""
    return _collected((made.protocol.name, made.figures()) for made in _under_each_protocol(description))


def curves(description: ExperimentDescription) -> list[tuple[CurveDescription, tuple[str, ...]]]:
    """The curves under any of the protocols, in their order, each with the protocols that have it."""
    return _collected((made.protocol.name, made.curves()) for made in _under_each_protocol(description))


def _under_each_protocol(description: ExperimentDescription) -> list[Experiment]:
    return [create_experiment(description.key, protocol.name) for protocol in description.protocols]


def _collected(named: Iterable[tuple[str, Sequence[_Item]]]) -> list[tuple[_Item, tuple[str, ...]]]:
    first: dict[str, _Item] = {}
    protocols: dict[str, tuple[str, ...]] = {}
    for name, items in named:
        for item in items:
            first.setdefault(item.key, item)
            protocols[item.key] = (*protocols.get(item.key, ()), name)
    return [(first[key], names) for key, names in protocols.items()]


def _value(value: Any) -> str:
    """A setting as a reader expects it: lists with commas, "yes", "no", "none"."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_value(item) for item in value) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None or value == "" else str(value)
