"""A saliency map against a mask: pixels counted once, for every figure of segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from saliency_core.experiments.ground_truth import Mask

Map = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """Pixels of one image: ``predicted`` foreground, ``actual`` foreground, ``both``, and ``pixels`` in all."""

    both: int
    predicted: int
    actual: int
    pixels: int

    @classmethod
    def of(cls, predicted: Mask, actual: Mask) -> Counts:
        both, size = int(np.count_nonzero(predicted & actual)), actual.size
        return cls(both, int(np.count_nonzero(predicted)), int(np.count_nonzero(actual)), size)

    @property
    def foreground_union(self) -> int:
        return self.predicted + self.actual - self.both

    @property
    def background_intersection(self) -> int:
        return self.pixels - self.foreground_union

    @property
    def background_union(self) -> int:
        return self.pixels - self.both

    @property
    def correct(self) -> int:
        return self.both + self.background_intersection

    @property
    def f1(self) -> float:
        """2 · both / (predicted + actual); 0 where there is neither."""
        marked = self.predicted + self.actual
        return 2 * self.both / marked if marked else 0.0

    @property
    def foreground_iou(self) -> float:
        """0 where there is neither object nor foreground."""
        return self.both / self.foreground_union if self.foreground_union else 0.0


def stretched(saliency: npt.NDArray[np.floating]) -> Map | None:
    """The map in [0, 1], float32; None where it is constant or undefined."""
    values = saliency.astype(np.float64)
    low, high = values.min(), values.max()
    if not high > low:  # also where either is NaN
        return None
    return ((values - low) / (high - low)).astype(np.float32)


def above_mean(saliency: Map | None, shape: tuple[int, ...]) -> Mask:
    """The foreground: pixels strictly above the map's mean; none of a constant map."""
    if saliency is None:
        return np.zeros(shape, dtype=np.bool_)
    values = saliency.astype(np.float64)
    return np.asarray(values > values.mean())


def row_f1(predicted: Mask, actual: Mask) -> float:
    """F1 of every image row [H, W], 0 where a row has neither object nor foreground; the mean."""
    both = (predicted & actual).sum(1)
    marked = predicted.sum(1) + actual.sum(1)
    return float(np.mean(2 * both / np.maximum(marked, 1)))


def micro_average_precision(saliency: Map | None, mask: Mask) -> float:
    """Average precision of [1 − R ; R] as scores of [background ; foreground], all in one ranking, for a map R
    in [0, 1]: Σ (recall gained) · precision over the distinct scores. A constant map scores 0 throughout: 0.5.
    """
    if saliency is None:
        return 0.5
    foreground = saliency.ravel() + np.float32(0)  # no negative zero
    scores = np.concatenate([np.float32(1) - foreground, foreground])
    positive = np.concatenate([~mask.ravel(), mask.ravel()])
    # Floats from 0 up are ordered as their bits are, so one sort of whole numbers carries the truth along.
    ranked = np.sort((scores.view(np.uint32) << 1) | positive)[::-1]
    last = np.flatnonzero(np.diff(ranked >> 1, append=np.uint32(2**32 - 1)))  # of each run of equal scores
    found = np.cumsum(ranked & 1, dtype=np.int64)[last]
    gained = np.diff(found, prepend=0)
    return float((gained * (found / (last + 1))).sum() / mask.size)


class Ranking:
    """A map's pixels in descending order against a mask, for the foreground at many cuts.

    Equal pixels go by ascending raster index. A constant map has no foreground at any cut.
    """

    def __init__(self, saliency: Map | None, mask: Mask) -> None:
        self._constant = saliency is None
        flat = np.zeros(mask.size, dtype=np.float32) if saliency is None else saliency.ravel()
        order = np.argsort(-flat, kind="stable")
        self._ascending = flat[order][::-1].astype(np.float64)
        self._found = np.concatenate([[0], np.cumsum(mask.ravel()[order], dtype=np.int64)])

    def iou_above(self, thresholds: Sequence[float]) -> Floats:
        """IoU of the pixels strictly above each threshold with the mask."""
        taken = len(self._ascending) - np.searchsorted(self._ascending, np.asarray(thresholds), side="right")
        return self._iou(taken)

    def iou_of_top(self, shares: Sequence[float]) -> Floats:
        """IoU of the highest pixels, such a share of all (rounded to whole pixels, halves up), with the mask."""
        return self._iou(np.floor(np.asarray(shares) * len(self._ascending) + 0.5).astype(np.int64))

    def _iou(self, taken: npt.NDArray[np.int64]) -> Floats:
        if self._constant:
            return np.zeros(len(taken))
        both = self._found[taken]
        union = taken + self._found[-1] - both
        return both / np.maximum(union, 1)
