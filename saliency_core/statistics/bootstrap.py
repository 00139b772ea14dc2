"""Percentile bootstrap of means."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_CHUNK_ELEMENTS = 4_000_000  # draws held at once: 32 MB of indices


@dataclass(frozen=True)
class Interval:
    """A mean with its confidence interval; ``low`` and ``high`` are None with fewer than two values, all
    with none.
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def mean_interval(
    values: npt.ArrayLike, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Mean of ``values`` [n] with a percentile bootstrap interval; the same seed gives the same interval."""
    column = np.asarray(values, dtype=np.float64).reshape(-1, 1)
    n = len(column)
    if n == 0:
        return Interval(None, None, None, 0)
    mean, low, high = mean_intervals(column, confidence, resamples, seed)
    if n < 2:
        return Interval(float(mean[0]), None, None, n)
    return Interval(float(mean[0]), float(low[0]), float(high[0]), n)


def mean_intervals(
    values: npt.ArrayLike, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Means, lower and upper ends [k] for the k columns of ``values`` [n, k], n ≥ 1; rows are resampled
    together.
    """
    table = np.asarray(values, dtype=np.float64)
    n = len(table)
    generator = np.random.default_rng(seed)
    means = np.empty((resamples, table.shape[1]))
    rows = max(1, _CHUNK_ELEMENTS // n)
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        draws = generator.integers(0, n, size=(count, n))
        # How often each image was drawn, per resample: one matrix product then gives all columns' means.
        flat = (draws + np.arange(count)[:, None] * n).ravel()
        weights = np.bincount(flat, minlength=count * n).reshape(count, n)
        means[start : start + count] = weights @ table / n
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    return table.mean(0), low, high
