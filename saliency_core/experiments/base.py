"""Experiments and their named, versioned protocols (importable without torch)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from saliency_core.classifiers.preprocessing import Pipeline
from saliency_core.errors import ParameterError, suggestion

if TYPE_CHECKING:
    import torch

    from saliency_core.classifiers.classifier import Classifier
    from saliency_core.scoring.scorer import Scorer


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Everything about an experiment that must be equal for two figures to be comparable.

    ``name`` is "preset@version". The protocol fixes the geometry of preprocessing; the classifier brings
    mean, standard deviation and interpolation. ``target_rule`` "predicted": the arg-max on the untouched
    image, kept fixed.
    """

    experiment: str
    name: str
    summary: str
    source: str
    pipeline: Pipeline = "squash"
    size: int = 224
    target_rule: str = "predicted"
    activation: str = "softmax"

    @property
    def full_name(self) -> str:
        return f"{self.experiment.replace('_', '-')}/{self.name}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, for specifications and reports."""
        values = {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()
        }
        return {"full_name": self.full_name, **values}


@dataclass(frozen=True)
class ExperimentDescription:
    """What a user needs to know about an experiment; ``protocols`` has the default first."""

    key: str
    title: str
    summary: str
    needs: tuple[str, ...]
    protocols: tuple[Protocol, ...]

    @property
    def default_protocol(self) -> Protocol:
        return self.protocols[0]


@dataclass(frozen=True)
class Measurement:
    """Figures of some images: ``scalars`` name → float [B], ``curves`` name → float32 [B, steps + 1]."""

    scalars: Mapping[str, npt.NDArray[np.float64]]
    curves: Mapping[str, npt.NDArray[np.float32]]


class Experiment(ABC):
    """Measures saliency maps; one value or curve per image, never an aggregate."""

    description: ClassVar[ExperimentDescription]

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol

    @classmethod
    @abstractmethod
    def forwards_per_image(cls, protocol: Protocol) -> int:
        """Forward passes that scoring one image takes under ``protocol``."""

    @abstractmethod
    def measure(
        self,
        classifier: Classifier,
        images: torch.Tensor,
        targets: torch.Tensor,
        maps: torch.Tensor,
        scorer: Scorer,
    ) -> Measurement:
        """Measure maps [B, H, W] of normalised images [B, 3, H, W] for classes ``targets`` [B]."""


def _experiments() -> dict[str, type[Experiment]]:
    from saliency_core.experiments.insertion_deletion import InsertionDeletion

    return {experiment.description.key: experiment for experiment in (InsertionDeletion,)}


def experiment_descriptions() -> tuple[ExperimentDescription, ...]:
    return tuple(experiment.description for experiment in _experiments().values())


def experiment_description(key: str) -> ExperimentDescription:
    return experiment_class(key).description


def experiment_class(key: str) -> type[Experiment]:
    """The experiment of that key. Raises ParameterError."""
    known = _experiments()
    if key not in known:
        raise ParameterError(
            f"There is no experiment {key!r}; there are {', '.join(known)}.{suggestion(key, known)}"
        )
    return known[key]


def protocol(experiment: str, name: str) -> Protocol:
    """The protocol ``name`` ("thesis@1") of an experiment. Raises ParameterError."""
    choices = {choice.name: choice for choice in experiment_description(experiment).protocols}
    if name not in choices:
        raise ParameterError(
            f"{experiment} has no protocol {name!r}; it has {', '.join(choices)}.{suggestion(name, choices)}"
        )
    return choices[name]


def create_experiment(key: str, protocol_name: str) -> Experiment:
    """The experiment under a protocol. Raises ParameterError."""
    return experiment_class(key)(protocol(key, protocol_name))
