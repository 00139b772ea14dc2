"""Points of a saliency map, and which of them hit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from saliency_core.experiments.ground_truth import Mask

Points = npt.NDArray[np.float64]
"""[P, 2]: row and column of each point, in pixels; a pixel's own point is whole-numbered."""


def highest_points(saliency: npt.NDArray[Any], count: int) -> Points:
    """The ``count`` highest pixels of a map [H, W] (all, if it has fewer), equal ones by ascending raster
    index.
    """
    flat = saliency.ravel()
    count = min(count, flat.size)
    if count == 1:
        chosen = np.array([flat.argmax()])  # NumPy's is the first of several
    else:
        lowest = np.partition(flat, flat.size - count)[flat.size - count]
        above = np.flatnonzero(flat > lowest)
        equal = np.flatnonzero(flat == lowest)[: count - len(above)]
        chosen = np.concatenate([above, equal])
    return np.stack(np.unravel_index(chosen, saliency.shape), axis=1).astype(np.float64)


def hits(points: Points, region: Mask, tolerance: float) -> npt.NDArray[np.bool_]:
    """Which points [P] hit the region: those inside or, with a ``tolerance`` (pixels) above 0, those with a
    pixel of the region at a distance below it, strictly.
    """
    if tolerance <= 0:
        rows, columns = points.astype(np.int64).T
        return np.asarray(region[rows, columns])
    return np.array([_near(region, row, column, tolerance) for row, column in points], dtype=np.bool_)


def _near(region: Mask, row: float, column: float, tolerance: float) -> bool:
    rows = _window(row, tolerance, region.shape[0])
    columns = _window(column, tolerance, region.shape[1])
    squared = ((rows - row) ** 2)[:, None] + (columns - column) ** 2
    return bool((region[np.ix_(rows, columns)] & (squared < tolerance**2)).any())


def _window(centre: float, tolerance: float, length: int) -> npt.NDArray[np.int64]:
    first = max(0, int(np.ceil(centre - tolerance)))
    return np.arange(first, min(length, int(np.floor(centre + tolerance)) + 1))
