"""Bootstrap confidence intervals of figures that are functions of sums over images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from saliency_core.statistics.resampling import replicates
from saliency_core.statistics.tables import (
    Array,
    Combine,
    Floats,
    Table,
    contributing,
    evaluate,
    image_sums,
    leave_one_out_values,
    total_of,
)

IntervalMethod = Literal["percentile", "bca"]

_SAME = 1e-12  # relative difference up to which two replicates are the same number, rounded differently


@dataclass(frozen=True)
class Interval:
    """A figure with its confidence interval.

    ``value`` is None where the figure is undefined. ``low`` and ``high`` are None as well with fewer than
    two images, or where the figure is undefined in most resamples. ``n``: number of images that contribute.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def figure_interval(
    table: Table,
    combine: Combine,
    groups: npt.ArrayLike | None = None,
    *,
    method: IntervalMethod = "percentile",
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """The interval of one figure, see figure_intervals."""
    return figure_intervals(
        [(table, combine)], groups, method=method, confidence=confidence, resamples=resamples, seed=seed
    )[0]


def figure_intervals(
    figures: Sequence[tuple[Table, Combine]],
    groups: npt.ArrayLike | None = None,
    *,
    method: IntervalMethod = "percentile",
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> list[Interval]:
    """The intervals of several figures of the same rows, from the same resamples.

    ``figures``: pairs of a table [rows, k] (an array, or a sparse matrix where it is wide) and the function
    that makes the figure from its column sums. ``groups`` [rows]: the image of each row (numbers or names);
    whole images are resampled, as the rows of one are not independent. None: each row is an image.
    All images are drawn from, also those with nothing but zeros for a figure; resamples in which a figure is
    undefined (none of its images drawn) are left out of its interval.

    ``method``: "percentile", or "bca", corrected for bias and skewness and second-order accurate (Efron &
    Tibshirani 1993, chapters 13 and 14). With one row an image the percentile interval of a mean is that of
    ``bootstrap.mean_interval`` with the same seed.

    Raises ValueError for tables of different lengths or with numbers that are not finite.
    """
    check_options(method, confidence, resamples)
    summed = [image_sums(table, groups)[1] for table, _ in figures]
    combines = [combine for _, combine in figures]
    if len({sums.shape[0] for sums in summed}) > 1:
        raise ValueError("The figures' tables have different numbers of rows.")
    if not summed:
        return []
    values = [evaluate(combine, total_of(sums)) for sums, combine in zip(summed, combines, strict=True)]
    counts = [int(contributing(sums).sum()) for sums in summed]
    if max(counts) < 2:
        return [
            Interval(number(value), None, None, count) for value, count in zip(values, counts, strict=True)
        ]
    drawn = replicates(summed, combines, resamples, seed)
    return [
        interval_of(
            float(values[figure]),
            drawn[:, figure],
            leave_one_out_values(summed[figure], combines[figure]) if method == "bca" else None,
            n=counts[figure],
            confidence=confidence,
        )
        for figure in range(len(figures))
    ]


def check_options(method: str, confidence: float, resamples: int) -> None:
    if method not in ("percentile", "bca"):
        raise ValueError(f"No kind of interval is called {method!r}; there are 'percentile' and 'bca'.")
    if not 0 < confidence < 1:
        raise ValueError(f"A confidence lies between 0 and 1; {confidence} does not.")
    if resamples < 1:
        raise ValueError("At least one resample is needed.")


def interval_of(
    value: float, drawn: Floats, left_out: Floats | None, *, n: int, confidence: float = 0.95
) -> Interval:
    """The interval from replicates ``drawn`` [resamples] of ``value``, NaN where undefined; with the
    jackknife values ``left_out`` [images] it is BCa, else the percentile interval.
    """
    defined = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or n < 2 or 2 * len(defined) < len(drawn):
        return Interval(number(value), None, None, n)
    tolerance = _SAME * max(abs(value), float(abs(defined).max()))
    if np.ptp(defined) <= tolerance and abs(defined[0] - value) <= tolerance:
        return Interval(value, value, value, n)
    tail = (1 - confidence) / 2
    points = np.array([tail, 1 - tail])
    if left_out is not None:
        points = _bca_points(points, value, defined, left_out, tolerance)
    low, high = np.quantile(defined, points)
    return Interval(value, float(low), float(high), n)


def number(value: float | Array) -> float | None:
    return float(value) if np.isfinite(value) else None


def _bca_points(points: Floats, value: float, drawn: Floats, left_out: Floats, tolerance: float) -> Floats:
    """The quantiles of the replicates that replace ``points`` (Efron & Tibshirani 1993, (14.10)).

    Replicates equal to the value count by half in the bias correction (14.14), as discrete figures have many;
    a correction that would be infinite, all replicates being on one side, is held at half a replicate.
    """
    from scipy.special import ndtr, ndtri

    below = np.count_nonzero(drawn < value - tolerance)
    equal = np.count_nonzero(abs(drawn - value) <= tolerance)
    half = 0.5 / len(drawn)
    bias = ndtri(np.clip((below + equal / 2) / len(drawn), half, 1 - half))
    shifted = bias + ndtri(points)
    stretch = 1 - _acceleration(left_out, tolerance) * shifted
    # A stretch of 0 or less is beyond the end of the corrected distribution.
    corrected = np.where(
        stretch > 0, ndtr(bias + shifted / np.where(stretch > 0, stretch, 1)), (shifted > 0).astype(float)
    )
    return np.asarray(corrected, dtype=np.float64)


def _acceleration(left_out: Floats, tolerance: float) -> float:
    """The skewness of the jackknife values, (14.15); 0 where they do not vary. Images without which the
    figure is undefined are left out.
    """
    defined = left_out[np.isfinite(left_out)]
    if len(defined) < 2 or np.ptp(defined) <= tolerance:
        return 0.0
    deviations = defined.mean() - defined
    deviations /= abs(deviations).max()  # the skewness has no scale; cubes of tiny numbers vanish
    return float((deviations**3).sum() / (6 * (deviations**2).sum() ** 1.5))
