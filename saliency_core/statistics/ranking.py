"""Several methods on the same images: average ranks, Friedman's test, Nemenyi's critical difference.

Source: J. Demšar, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 7 (2006), with images
in the place of data sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Friedman:
    """Friedman's test that all of several methods rank alike.

    ``chi_square`` with methods − 1 degrees of freedom, corrected for ties, and its ``p``; both None with
    fewer than two methods or without images. ``average_ranks`` [methods], 1 the best.
    """

    chi_square: float | None
    p: float | None
    average_ranks: tuple[float, ...]
    images: int
    methods: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def image_ranks(values: npt.ArrayLike, better: Literal["higher", "lower"] = "higher") -> Floats:
    """Ranks [images, methods] of ``values`` within each image, 1 the best, ties sharing their average rank;
    images on which a method has no value are left out.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError("Values to rank have one row an image and one column a method.")
    if better not in ("higher", "lower"):
        raise ValueError(f"Better is 'higher' or 'lower', not {better!r}.")
    complete = table[~np.isnan(table).any(axis=1)]
    if not complete.size:
        return np.empty((len(complete), table.shape[1]))
    from scipy.stats import rankdata

    return np.asarray(rankdata(-complete if better == "higher" else complete, axis=1))


def average_ranks(values: npt.ArrayLike, better: Literal["higher", "lower"] = "higher") -> Floats:
    """Average rank [methods] over the images of ``values`` [images, methods], NaN without images."""
    ranks = image_ranks(values, better)
    return ranks.mean(axis=0) if len(ranks) else np.full(ranks.shape[1], np.nan)


def friedman(values: npt.ArrayLike, better: Literal["higher", "lower"] = "higher") -> Friedman:
    """Friedman's test of ``values`` [images, methods]; ``better`` decides only which end is rank 1.

    χ² = [12 N / (k (k + 1)) · Σ (Rⱼ − (k + 1) / 2)²] / [1 − Σ (t³ − t) / (N k (k² − 1))] over N images and k
    methods with average ranks Rⱼ, t the sizes of ties within images (Demšar 2006, (3.2.2); correction for
    ties: Conover 1999, as in scipy.stats.friedmanchisquare). All tied: χ² = 0, p = 1.
    """
    ranks = image_ranks(values, better)
    images, methods = ranks.shape
    if images == 0 or methods < 2:
        return Friedman(None, None, tuple(ranks.mean(axis=0).tolist()) if images else (), images, methods)
    averages = ranks.mean(axis=0)
    spread = 12 * images / (methods * (methods + 1)) * float(((averages - (methods + 1) / 2) ** 2).sum())
    # Σ rank² falls by (t³ − t) / 12 for each tie: the share of the variance that is left.
    untied = images * methods * (methods + 1) * (2 * methods + 1) / 6
    lost = 12 * (untied - float((ranks**2).sum()))
    left = 1 - lost / (images * methods * (methods**2 - 1))
    if left <= 1e-12:
        return Friedman(0.0, 1.0, tuple(averages.tolist()), images, methods)
    from scipy.special import chdtrc

    chi_square = spread / left
    return Friedman(
        chi_square, float(chdtrc(methods - 1, chi_square)), tuple(averages.tolist()), images, methods
    )


def nemenyi_critical_difference(methods: int, images: int, alpha: float = 0.05) -> float:
    """The difference in average rank from which two of ``methods`` differ at level ``alpha``:
    q_α √(k (k + 1) / (6 N)), q_α the studentised range's quantile over √2 (Demšar 2006, section 3.2.2).
    """
    if methods < 2 or images < 1:
        raise ValueError("A critical difference needs two methods and an image.")
    if not 0 < alpha < 1:
        raise ValueError(f"A level of significance lies between 0 and 1; {alpha} does not.")
    from scipy.stats import studentized_range

    quantile = studentized_range.ppf(1 - alpha, methods, np.inf) / np.sqrt(2)
    return float(quantile * np.sqrt(methods * (methods + 1) / (6 * images)))


def cliques(ranks: Sequence[float] | npt.ArrayLike, critical_difference: float) -> list[tuple[int, ...]]:
    """The largest groups of methods that do not differ: the bars of a critical-difference diagram.

    Each group holds positions in ``ranks`` [methods], best first; any two in it are less than the critical
    difference apart. Groups of one, and groups within others, are left out.
    """
    averages = np.asarray(ranks, dtype=np.float64)
    order = np.argsort(averages, kind="stable")
    found: list[tuple[int, ...]] = []
    reached = 0
    for start in range(len(order)):
        end = start
        while end < len(order) and averages[order[end]] - averages[order[start]] < critical_difference:
            end += 1
        if end - start > 1 and end > reached:
            found.append(tuple(int(position) for position in order[start:end]))
            reached = end
    return found
