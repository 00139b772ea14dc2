"""Boxes and masks of one image, in its own pixels and in those of the classifier's input."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.datasets.base import Annotations, Box

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Truth:
    """What is known about one image, and how the classifier sees that image."""

    annotations: Annotations
    preprocessing: Preprocessing

    def boxes(self, label: str) -> tuple[Box, ...]:
        return tuple(box for box in self.annotations.boxes if box.label == label)

    def box_mask(self, boxes: Iterable[Box], *, framed: bool) -> Mask:
        """Union of filled boxes: bool [H, W] at the image's own size, or [size, size] as the classifier sees
        it. A pixel is inside iff its centre is.
        """
        if framed:
            size = self.preprocessing.size
            scale_x, scale_y, left, top = self.preprocessing.geometry(
                self.annotations.width, self.annotations.height
            )
            return filled_boxes(boxes, size, size, scale_x, scale_y, left, top)
        return filled_boxes(boxes, self.annotations.width, self.annotations.height)

    def framed(self, mask: Mask) -> Mask:
        """A mask [H, W] of the image as the classifier sees it, bool [size, size]; nearest neighbour."""
        return self.preprocessing.framed_mask(mask)


def filled_boxes(
    boxes: Iterable[Box],
    width: int,
    height: int,
    scale_x: float = 1.0,
    scale_y: float = 1.0,
    left: float = 0.0,
    top: float = 0.0,
) -> Mask:
    """Union bool [height, width] of boxes whose coordinates become x · scale_x − left, y · scale_y − top."""
    mask = np.zeros((height, width), dtype=np.bool_)
    for box in boxes:
        columns = _inside(box.left * scale_x - left, box.right * scale_x - left, width)
        rows = _inside(box.top * scale_y - top, box.bottom * scale_y - top, height)
        mask[rows, columns] = True
    return mask


def _inside(low: float, high: float, count: int) -> slice:
    """The pixels 0 … count − 1 whose centre lies in [low, high)."""
    first = max(0, int(np.ceil(low - 0.5)))
    end = min(count, int(np.ceil(high - 0.5)))
    return slice(first, max(first, end))
