"""The pointing game: do the highest points of a map lie on the object?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from saliency_core.errors import ParameterError
from saliency_core.experiments.base import (
    Experiment,
    ExperimentDescription,
    Explained,
    Measurement,
    Protocol,
)
from saliency_core.experiments.class_figures import class_mean_figure
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.figures import Figure, Table, ratio
from saliency_core.experiments.ground_truth import Mask, Truth
from saliency_core.experiments.pointing import Points, highest_points, hits
from saliency_core.experiments.regions import region_of
from saliency_core.methods.base import upsampled


@dataclass(frozen=True, kw_only=True)
class PointingGameProtocol(Protocol):
    """How the points of a map are chosen and judged.

    A map's ``points`` highest points are looked at, equal ones by ascending raster index. ``counting``: "each"
    point is a hit or a miss; or the pair of image and class is one hit if "any" point hits, or if more than
    half do ("majority"). A point hits if it lies inside the ground truth or, with a ``tolerance`` above 0
    (pixels), if a pixel of it is closer than that. ``resolution``: "input", the map's own, to which the ground
    truth is scaled; "original", the image's, to which the map is scaled (bilinear, half-pixel centres). ``truth``:
    union of the class's filled "boxes", or its "masks"; crowd regions count. ``skip_difficult``: pairs whose
    boxes are all marked difficult are left out. ``class_count``: what the sum over classes is divided by, so
    that classes without samples count 0 (TorchRay: 20 for VOC, 80 for COCO); None: the classes that occur.
    """

    experiment: str = "pointing_game"
    target_rule: str = "annotated"
    activation: str = ""
    ground_truth: tuple[str, ...] = ("boxes",)
    points: int = 100
    counting: Literal["each", "any", "majority"] = "each"
    tolerance: float = 0.0
    resolution: Literal["input", "original"] = "input"
    truth: Literal["boxes", "masks"] = "boxes"
    skip_difficult: bool = True
    class_count: int | None = None
    tie_rule: str = "stable, ascending raster index"
    constant_rule: str = "a constant map misses"


class PointingGame(Experiment):
    """Columns: annotated_class, hits, misses, difficult (1, 0, or NaN where the data set does not say).

    The subset called difficult is that of the excitation-backprop paper, from the data set's own list (small
    objects beside other classes); it is not VOC's mark of single boxes.
    """

    description: ClassVar[ExperimentDescription] = ExperimentDescription(
        key="pointing_game",
        title="Pointing game",
        summary=(
            "Looks whether the highest points of the map lie on an object of the class explained, for every "
            "annotated class of every image. Every class counts the same."
        ),
        protocols=(
            PointingGameProtocol(
                name="thesis@1",
                summary="Each of the 100 highest points counts; boxes scaled to 224 × 224, no tolerance.",
                source="Thesis, chapter 3, eq. 3-13",
            ),
            PointingGameProtocol(
                name="thesis-any@1",
                summary="As thesis@1, but an image and class is one hit if any of the 100 points is inside.",
                source="Thesis, chapter 3, another reading",
                counting="any",
            ),
            PointingGameProtocol(
                name="thesis-majority@1",
                summary="As thesis@1, but an image and class is one hit if more than half of the points are inside.",
                source="Thesis, chapter 3, another reading",
                counting="majority",
            ),
            PointingGameProtocol(
                name="torchray@1",
                summary=(
                    "The highest point at the image's own size hits within 15 pixels of a box. The image is "
                    "squashed to 224 × 224; TorchRay keeps its aspect."
                ),
                source="github.com/facebookresearch/TorchRay at 6a198ee, torchray/benchmark/pointing_game.py",
                points=1,
                tolerance=15.0,
                resolution="original",
            ),
            PointingGameProtocol(
                name="torchray-masks@1",
                summary="As torchray@1, within 15 pixels of a segmentation mask (COCO).",
                source="github.com/facebookresearch/TorchRay at 6a198ee, torchray/benchmark/pointing_game.py",
                ground_truth=("masks",),
                points=1,
                tolerance=15.0,
                resolution="original",
                truth="masks",
                skip_difficult=False,
            ),
        ),
    )
    protocol: PointingGameProtocol

    def __init__(self, protocol: Protocol) -> None:
        """Raises ParameterError where the map does not cover the whole image that it would be scaled to."""
        super().__init__(protocol)
        if self.protocol.resolution == "original" and protocol.pipeline != "squash":
            raise ParameterError(
                "A map can be scaled to the image's own size only if the classifier sees the whole image: "
                f'{protocol.full_name} needs the pipeline "squash".'
            )

    @classmethod
    def forwards_per_image(cls, protocol: Protocol) -> int:
        return 0

    def accepts(self, truth: Truth, label: str) -> bool:
        if self.protocol.truth == "masks":
            return label in truth.annotations.masks
        boxes = truth.boxes(label)
        return bool(boxes) and not (self.protocol.skip_difficult and all(box.difficult for box in boxes))

    def measure(self, explained: Explained) -> Measurement:
        maps = explained.maps.cpu()
        flat = maps.flatten(1)
        # Written so that a map with NaN counts as constant.
        varied = ((flat.amax(1) > flat.amin(1)) & ~explained.degenerate.cpu()).tolist()
        counted = []
        for number, (truth, label) in enumerate(zip(explained.truths, explained.unit_labels, strict=True)):
            region = self.region(truth, label)
            points = np.empty((0, 2))
            if varied[number]:
                # One at a time: images differ in size, and a figure must not depend on its neighbours.
                saliency = maps[number : number + 1]
                if saliency.shape[1:] != region.shape:
                    saliency = upsampled(saliency, region.shape)
                points = highest_points(saliency[0].numpy(), self.protocol.points)
            counted.append(self.count(points, region))
        return Measurement(self.columns(counted, explained.truths, explained.unit_labels))

    def region(self, truth: Truth | None, label: str | None) -> Mask:
        """Where points of a map for ``label`` should lie, at the protocol's resolution."""
        return region_of(truth, label, self.protocol.truth, framed=self.protocol.resolution == "input")

    def count(self, points: Points, region: Mask) -> tuple[int, int]:
        """Hits and misses of one map; no points at all, as of a constant map, are misses."""
        inside = int(hits(points, region, self.protocol.tolerance).sum()) if len(points) else 0
        if self.protocol.counting == "each":
            return inside, self.protocol.points - inside
        hit = inside > (0 if self.protocol.counting == "any" else self.protocol.points / 2)
        return int(hit), int(not hit)

    def columns(
        self, counted: list[tuple[int, int]], truths: list[Truth | None], labels: list[str | None]
    ) -> dict[str, npt.NDArray[Any]]:
        numbers = np.array(counted, dtype=np.int64).reshape(-1, 2)
        pairs = zip(truths, labels, strict=True)
        return {
            "annotated_class": np.array(labels, dtype=np.str_),
            "hits": numbers[:, 0],
            "misses": numbers[:, 1],
            "difficult": np.array([_difficult(*pair) for pair in pairs], dtype=np.float64),
        }

    def figures(self) -> tuple[Figure, ...]:
        classes = self.protocol.class_count
        return (
            class_mean_figure(
                "pointing_accuracy",
                "Pointing accuracy",
                "Hits over hits and misses within each class, averaged over the classes.",
                _counts,
                class_count=classes,
            ),
            class_mean_figure(
                "pointing_accuracy_difficult",
                "Pointing accuracy, difficult",
                "The same over the pairs of image and class that the data set lists as difficult: a small object "
                "beside other classes.",
                _counts,
                subset=_listed_difficult,
                class_count=classes,
            ),
            Figure(
                "pointing_accuracy_pooled",
                "Pointing accuracy, pooled",
                "percent",
                "higher",
                "Hits over hits and misses of all classes together.",
                _pooled_table,
                ratio,
            ),
        )


def _counts(columns: Columns) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    hit = np.asarray(columns.scalars.get("hits", np.empty(0)), dtype=np.float64)
    missed = np.asarray(columns.scalars.get("misses", np.empty(0)), dtype=np.float64)
    return hit, hit + missed


def _pooled_table(columns: Columns) -> Table:
    return np.stack(_counts(columns), axis=1)


def _difficult(truth: Truth | None, label: str | None) -> float:
    listed = None if truth is None else truth.annotations.flags.get("difficult")
    return float("nan") if listed is None else float(label in listed)


def _listed_difficult(columns: Columns) -> npt.NDArray[np.bool_]:
    """As TorchRay: images that the list leaves out stay in, once there is a list."""
    flag = np.asarray(columns.scalars.get("difficult", np.empty(0)), dtype=np.float64)
    return (flag != 0) & (not np.isnan(flag).all())
