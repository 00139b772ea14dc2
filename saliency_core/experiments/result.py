"""One method's columns under one protocol, with everything needed to quote them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from saliency_core.experiments.base import Experiment
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.figures import COMMON_FIGURES, Figure


@dataclass(frozen=True)
class Result:
    """What one method achieved with one classifier on one data set.

    ``preprocessing``: the classifier's as the protocol frames it (Preprocessing.to_dict). ``enhancement``:
    parameters of the sliding-window enhancement, or None. ``dataset``: {"name", "format", "images",
    "measured", "fingerprint", "subset seed"}. ``environment``: device, versions, start, seconds.
    """

    model: str
    architecture: str
    weights_sha256: str
    preprocessing: Mapping[str, Any]
    method: str
    method_title: str
    parameters: Mapping[str, Any]
    enhancement: Mapping[str, Any] | None
    experiment: Experiment
    dataset: Mapping[str, Any]
    columns: Columns
    precision: str = "fp32"
    environment: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The method as tables name it, with a mark where it is enhanced."""
        return self.method_title if self.enhancement is None else f"{self.method_title} + enhancement"

    @property
    def figures(self) -> tuple[Figure, ...]:
        """The experiment's own figures, then those that every benchmark has."""
        return (*self.experiment.figures(), *COMMON_FIGURES)
