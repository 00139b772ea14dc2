"""The energy-based pointing game: how much of a map lies on the object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from saliency_core.experiments.base import (
    Experiment,
    ExperimentDescription,
    Explained,
    Measurement,
    Protocol,
)
from saliency_core.experiments.class_figures import class_mean_figure
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.figures import Figure, mean_figure
from saliency_core.experiments.ground_truth import Truth
from saliency_core.experiments.regions import RegionKind, region_of


@dataclass(frozen=True, kw_only=True)
class EnergyPointingGameProtocol(Protocol):
    """Which ground truth holds the energy, and which images count.

    ``truth``: union of the "boxes" of the class explained, its "masks", or the "object_mask". Negative values of
    a map count 0, and the map is stretched to [0, 1] before its sums are taken. ``single_box``: only images with
    one box in all, which covers less than ``largest_share`` of them.
    """

    experiment: str = "energy_pointing_game"
    target_rule: str = "annotated"
    activation: str = ""
    ground_truth: tuple[str, ...] = ("boxes",)
    truth: RegionKind = "boxes"
    single_box: bool = False
    largest_share: float = 1.0
    map_rule: str = "negative values as 0, then stretched to [0, 1]"
    constant_rule: str = "a constant map has no energy: 0"


class EnergyPointingGame(Experiment):
    """Columns: annotated_class (where classes are annotated), energy, area; both fractions of 1.

    ``area`` is the share of the classifier's input that the ground truth covers: the energy a map would have
    there if it were spread evenly.
    """

    description: ClassVar[ExperimentDescription] = ExperimentDescription(
        key="energy_pointing_game",
        title="Energy-based pointing game",
        summary=(
            "The share of the map's sum that lies on an object of the class explained. Unlike the pointing game "
            "it looks at the whole map."
        ),
        protocols=(
            EnergyPointingGameProtocol(
                name="score-cam@1",
                summary="Images with a single box that covers less than half of them.",
                source="Wang et al., Score-CAM, CVPR Workshops 2020, section 4.2",
                single_box=True,
                largest_share=0.5,
            ),
            EnergyPointingGameProtocol(
                name="all@1",
                summary="Every annotated class of every image, boxes of one class taken together.",
                source="Wang et al., Score-CAM, CVPR Workshops 2020, without its choice of images",
            ),
            EnergyPointingGameProtocol(
                name="masks@1",
                summary="Every annotated class of every image, inside its segmentation masks.",
                source="Our choice",
                ground_truth=("masks",),
                truth="masks",
            ),
            EnergyPointingGameProtocol(
                name="object-mask@1",
                summary="The predicted class, inside the mask of the image's objects.",
                source="Our choice",
                target_rule="predicted",
                ground_truth=("object_mask",),
                truth="object_mask",
            ),
        ),
    )
    protocol: EnergyPointingGameProtocol

    @classmethod
    def forwards_per_image(cls, protocol: Protocol) -> int:
        return 0

    def accepts(self, truth: Truth, label: str) -> bool:
        if self.protocol.truth == "masks":
            return label in truth.annotations.masks
        boxes = truth.annotations.boxes
        if self.protocol.single_box:
            return len(boxes) == 1 and _share(truth) < self.protocol.largest_share
        return any(box.label == label for box in boxes)

    def measure(self, explained: Explained) -> Measurement:
        maps = explained.maps.cpu().numpy()
        energies, areas = [], []
        for number, (truth, label) in enumerate(zip(explained.truths, explained.unit_labels, strict=True)):
            region = region_of(truth, label, self.protocol.truth, framed=True)
            mass = _energy(maps[number])
            total = mass.sum()
            energies.append(mass[region].sum() / total if total > 0 else 0.0)
            areas.append(region.mean())
        scalars: dict[str, npt.NDArray[np.generic]] = {"energy": np.array(energies), "area": np.array(areas)}
        if self.protocol.target_rule == "annotated":
            scalars["annotated_class"] = np.array(explained.unit_labels, dtype=np.str_)
        return Measurement(scalars)

    def figures(self) -> tuple[Figure, ...]:
        return (
            mean_figure(
                "energy",
                "Energy on the object",
                "Mean share of the map's sum on the object.",
                better="higher",
            ),
            class_mean_figure(
                "energy_classes",
                "Energy on the object, by class",
                "The same averaged within each class first, then over the classes.",
                _energies,
            ),
            mean_figure(
                "area",
                "Area of the object",
                "Mean share of the image that the object covers: what a map without any preference would have.",
            ),
        )


def _energies(columns: Columns) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    energy = np.asarray(columns.scalars.get("energy", np.empty(0)), dtype=np.float64)
    return energy, np.ones(len(energy))


def _energy(saliency: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """float64 [H, W] from 0 up; all zero where constant or undefined. Stretching to 1 cancels in a share."""
    positive = np.maximum(saliency.astype(np.float64), 0.0)
    low, high = positive.min(), positive.max()
    # Written so that NaN, too, gives zeros.
    return positive - low if high > low else np.zeros_like(positive)


def _share(truth: Truth) -> float:
    """The share of the image that its only box covers."""
    (box,) = truth.annotations.boxes
    return float(truth.box_mask((box,), framed=False).mean())
