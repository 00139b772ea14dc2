"""What pointing at the centre of every image is worth: the pointing game's baseline, without a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.datasets.base import Dataset
from saliency_core.errors import ImageError
from saliency_core.experiments.checks import check_ground_truth
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.ground_truth import Truth
from saliency_core.experiments.pointing import Points, highest_points
from saliency_core.experiments.pointing_game import PointingGame


@dataclass(frozen=True)
class PublishedBaseline:
    """TorchRay's figures for the centre of the images of a well-known data set, as fractions of 1."""

    dataset: str
    protocol: str
    images: int
    accuracy: float
    difficult: float


PUBLISHED: tuple[PublishedBaseline, ...] = (
    PublishedBaseline("VOC 2007 test", "torchray@1", 4952, 0.696, 0.424),
    PublishedBaseline("COCO val2014", "torchray-masks@1", 40504, 0.278, 0.195),
)
PUBLISHED_SOURCE = "github.com/facebookresearch/TorchRay at 6a198ee, docs/pointing.csv"


def published_baseline(protocol: str, images: int) -> PublishedBaseline | None:
    """The published figures for a data set of that size under the protocol, if there are any."""
    return next((row for row in PUBLISHED if (row.protocol, row.images) == (protocol, images)), None)


def centre_points(height: int, width: int, count: int) -> Points:
    """The ``count`` pixels nearest to the centre of a map, equally near ones by ascending raster index; a single
    point is (height / 2, width / 2), as in TorchRay.
    """
    if count == 1:
        return np.array([[height / 2, width / 2]])
    rows, columns = 2 * np.arange(height) + 1 - height, 2 * np.arange(width) + 1 - width
    return highest_points(-(rows[:, None] ** 2 + columns**2), count)


def centre_point(
    dataset: Dataset,
    experiment: PointingGame,
    indices: Sequence[int] | None = None,
    on_image: Callable[[int], None] | None = None,
) -> Columns:
    """The pointing game's columns for the centre of every image, for each annotated class; no pixels are read.

    ``on_image(done)`` is called after each image. Images with broken annotations are among the failures.
    Raises DatasetError where the data set lacks what the protocol needs.
    """
    protocol = experiment.protocol
    check_ground_truth(dataset.ground_truth, experiment)
    preprocessing = Preprocessing(pipeline=protocol.pipeline, size=protocol.size)
    parts: list[Columns] = []
    for done, index in enumerate(range(len(dataset)) if indices is None else indices, start=1):
        identifier = dataset.sample(index).identifier
        try:
            truth = Truth(dataset.annotations(index), preprocessing)
        except ImageError as error:
            parts.append(Columns(failures=[{"index": index, "image": identifier, "reason": str(error)}]))
        else:
            parts.append(_of_image(experiment, truth, index, identifier))
        if on_image is not None:
            on_image(done)
    return Columns.merge(parts)


def _of_image(experiment: PointingGame, truth: Truth, index: int, identifier: str) -> Columns:
    labels = [label for label in truth.annotations.labels if experiment.accepts(truth, label)]
    counted = []
    for label in labels:
        region = experiment.region(truth, label)
        points = centre_points(region.shape[0], region.shape[1], experiment.protocol.points)
        counted.append(experiment.count(points, region))
    return Columns(
        indices=np.full(len(labels), index, dtype=np.int64),
        images=[identifier] * len(labels),
        scalars=experiment.columns(counted, [truth] * len(labels), [*labels]),
    )
