"""Experiments and their named, versioned protocols (importable without torch)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from saliency_core.classifiers.preprocessing import Pipeline
from saliency_core.errors import ParameterError, suggestion

if TYPE_CHECKING:
    import torch

    from saliency_core.classifiers.classifier import Classifier
    from saliency_core.experiments.figures import CurveDescription, Figure
    from saliency_core.experiments.ground_truth import Truth
    from saliency_core.methods.base import Method
    from saliency_core.scoring.scorer import Scorer


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Everything about an experiment that must be equal for two figures to be comparable.

    ``name`` is "preset@version". The protocol fixes the geometry of preprocessing; the classifier brings
    mean, standard deviation and interpolation. ``target_rule`` says which classes of an image are explained:
    "predicted", the arg-max on the untouched image, kept fixed; "label", the image's own; "annotated", every
    class with a box or mask. ``ground_truth``: kinds of which the data set must have at least one (see
    Dataset.ground_truth); empty: none is needed.
    """

    experiment: str
    name: str
    summary: str
    source: str
    pipeline: Pipeline = "squash"
    size: int = 224
    target_rule: str = "predicted"
    activation: str = "softmax"
    ground_truth: tuple[str, ...] = ()

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
    protocols: tuple[Protocol, ...]

    @property
    def default_protocol(self) -> Protocol:
        return self.protocols[0]


@dataclass(frozen=True)
class Explained:
    """Maps of a batch of units and what is needed to judge them.

    A unit is an image explained for one class; most experiments have one unit an image, some one for every
    class in it. U is the number of units, H = W the protocol's size.

    ``images`` float32 [U, 3, H, W], normalised; ``targets`` int64 [U], the classes explained; ``labels``
    int64 [U], the class of the image's own label, or −1; ``maps`` float32 [U, H, W]; ``degenerate`` bool [U];
    all on the classifier's device. ``truths``: boxes and masks of the unit's image, or None.
    ``unit_labels``: what the data set calls the class explained, under the target rule "annotated".
    ``method`` is bound to ``classifier``.
    """

    classifier: Classifier
    method: Method
    scorer: Scorer
    images: torch.Tensor
    targets: torch.Tensor
    labels: torch.Tensor
    maps: torch.Tensor
    degenerate: torch.Tensor
    identifiers: list[str]
    indices: list[int]
    truths: list[Truth | None]
    unit_labels: list[str | None]

    def __len__(self) -> int:
        return len(self.identifiers)


@dataclass(frozen=True)
class Measurement:
    """Figures of some units: ``scalars`` name → [U], ``curves`` name → float32 [U, points].

    ``notes``: what is the same for every image and is needed to read the columns, such as the layers along a
    curve; JSON-able.
    """

    scalars: Mapping[str, npt.NDArray[Any]]
    curves: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)


class Experiment(ABC):
    """Measures saliency maps; one value or curve per unit, never an aggregate."""

    description: ClassVar[ExperimentDescription]

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol

    @classmethod
    @abstractmethod
    def forwards_per_image(cls, protocol: Protocol) -> int:
        """Forward passes that scoring one map takes under ``protocol``."""

    @classmethod
    def further_maps(cls, protocol: Protocol, layers: int) -> int:
        """Maps made beside the one that is measured, for a classifier with ``layers`` layers with weights."""
        return 0

    def accepts(self, truth: Truth, label: str) -> bool:
        """Whether the class ``label`` of an image counts; asked under the target rule "annotated"."""
        return True

    @abstractmethod
    def measure(self, explained: Explained) -> Measurement:
        """Figures of each unit."""

    @abstractmethod
    def figures(self) -> tuple[Figure, ...]:
        """The summary figures, the most telling first."""

    def curves(self) -> tuple[CurveDescription, ...]:
        """The curves among the columns, for plots of their means."""
        return ()


def _experiments() -> dict[str, type[Experiment]]:
    from saliency_core.experiments.average_drop import AverageDrop
    from saliency_core.experiments.energy_pointing_game import EnergyPointingGame
    from saliency_core.experiments.insertion_deletion import InsertionDeletion
    from saliency_core.experiments.perturbation import Perturbation
    from saliency_core.experiments.pointing_game import PointingGame
    from saliency_core.experiments.road import Road
    from saliency_core.experiments.sanity_check import SanityCheck
    from saliency_core.experiments.segmentation import Segmentation
    from saliency_core.experiments.sparsity import Sparsity

    return {
        experiment.description.key: experiment
        for experiment in (
            InsertionDeletion,
            Perturbation,
            Road,
            AverageDrop,
            PointingGame,
            EnergyPointingGame,
            Segmentation,
            SanityCheck,
            Sparsity,
        )
    }


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
