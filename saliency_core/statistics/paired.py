"""Differences of figures between methods, on the images that all of them have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from itertools import combinations
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from saliency_core.statistics.intervals import Interval, IntervalMethod, check_options, interval_of, number
from saliency_core.statistics.multiple import holm
from saliency_core.statistics.resampling import replicates
from saliency_core.statistics.signed_ranks import signed_ranks
from saliency_core.statistics.tables import (
    Array,
    Combine,
    Floats,
    Table,
    contributing,
    evaluate,
    image_sums,
    image_values,
    leave_one_out_values,
    total_of,
)

Better = Literal["higher", "lower", ""]

_SAME = 1e-12  # relative to the figures: differences up to this are rounding


@dataclass(frozen=True)
class PairedDifference:
    """A figure of one method minus that of another, on the images both have.

    ``value``, ``low``, ``high``: the difference of the figures with its bootstrap interval (None where
    undefined, as in Interval); ``n``: the images in common. ``p_bootstrap``: two-sided p-value of that
    difference, from the same resamples. ``p_wilcoxon``, ``rank_biserial``, ``d_z`` compare the images' own
    values (see signed_ranks; positive where the first is *higher*) and are None where images have none.
    ``wins``, ``losses``, ``ties``: images on which the first is *better*, worse, equal.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    p_wilcoxon: float | None
    p_bootstrap: float | None
    rank_biserial: float | None
    d_z: float | None
    wins: int
    losses: int
    ties: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Pair:
    """Two methods, by their positions, with their difference; the p-values adjusted by Holm's method over
    all pairs of the table.
    """

    first: int
    second: int
    difference: PairedDifference
    p_wilcoxon_holm: float | None
    p_bootstrap_holm: float | None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class PairwiseTable:
    """Several methods on the images that all of them have.

    ``images``: identifiers of these images. ``intervals``: each method's figure on them. ``values``
    [images, methods]: the figure of each image alone, NaN where undefined (for ranking.friedman).
    """

    images: Array
    intervals: tuple[Interval, ...]
    pairs: tuple[Pair, ...]
    values: Floats


def paired_difference(
    first: Table,
    second: Table,
    combine: Combine,
    first_groups: npt.ArrayLike | None = None,
    second_groups: npt.ArrayLike | None = None,
    *,
    better: Better = "higher",
    method: IntervalMethod = "percentile",
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> PairedDifference:
    """The figure of ``first`` minus that of ``second`` (tables [rows, k]) on the images both have.

    Images are matched by ``…_groups`` (see figure_intervals), or by position where both are None, which
    needs as many rows in both. An image counts as had where it contributes anything: one whose rows are all
    zeros for one method is left out for both. Both figures are of the same resampled images. ``better`` only
    decides what is a win ("" counts as "higher").
    """
    table = pairwise_table(
        [first, second],
        combine,
        [first_groups, second_groups],
        better=better,
        method=method,
        confidence=confidence,
        resamples=resamples,
        seed=seed,
    )
    return table.pairs[0].difference


def pairwise_table(
    tables: Sequence[Table],
    combine: Combine,
    groups: Sequence[npt.ArrayLike | None],
    *,
    reference: int | None = None,
    single_images: bool = True,
    better: Better = "higher",
    method: IntervalMethod = "percentile",
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> PairwiseTable:
    """All pairs (first before second) of several methods' ``tables``, on the images all of them have, with
    the same resamples for all; options as in paired_difference. ``reference``: only the pairs that this method is
    one of. ``single_images``: False where a single image's own figure means something else, so that it is not
    compared. Tables may have different numbers of columns, as those by class have where other classes occur.

    A bootstrap p-value is never below 2 / (resamples + 1): with many pairs Holm's adjustment needs more
    resamples before any can be significant.
    """
    check_options(method, confidence, resamples)
    if better not in ("higher", "lower", ""):
        raise ValueError(f"Better is 'higher' or 'lower', not {better!r}.")
    images, sums = _common_sums(tables, groups)
    n, methods = len(images), len(sums)
    figures = np.array([evaluate(combine, total_of(part)) for part in sums])
    drawn = np.full((1, methods), np.nan)
    left_out: Floats | None = None
    if n >= 2:
        drawn = replicates(sums, [combine] * methods, resamples, seed)
        if method == "bca":
            left_out = np.stack([leave_one_out_values(part, combine) for part in sums], axis=1)
    values = np.full((n, methods), np.nan)
    if single_images:
        values = np.stack([image_values(part, combine) for part in sums], axis=1)

    def interval(value: float, of_drawn: Floats, of_left_out: Floats | None) -> Interval:
        return interval_of(value, of_drawn, of_left_out, n=n, confidence=confidence)

    intervals = tuple(
        interval(float(figures[m]), drawn[:, m], None if left_out is None else left_out[:, m])
        for m in range(methods)
    )
    every = combinations(range(methods), 2)
    numbers = [pair for pair in every if reference is None or reference in pair]
    differences = []
    for a, b in numbers:
        scale = _SAME * float(np.nanmax(np.append(abs(drawn[:, [a, b]]), 0.0)))
        apart = _without_noise(drawn[:, a] - drawn[:, b], scale)
        found = interval(
            float(_without_noise(figures[a] - figures[b], scale)),
            apart,
            None if left_out is None else left_out[:, a] - left_out[:, b],
        )
        differences.append(_difference(found, apart, values[:, a], values[:, b], better))
    wilcoxon_holm = holm([difference.p_wilcoxon for difference in differences])
    bootstrap_holm = holm([difference.p_bootstrap for difference in differences])
    pairs = tuple(
        Pair(a, b, difference, number(by_ranks), number(by_draws))
        for (a, b), difference, by_ranks, by_draws in zip(
            numbers, differences, wilcoxon_holm, bootstrap_holm, strict=True
        )
    )
    return PairwiseTable(images, intervals, pairs, values)


def _common_sums(
    tables: Sequence[Table], groups: Sequence[npt.ArrayLike | None]
) -> tuple[Array, list[Table]]:
    """(Images that contribute in every table; their sums [images, k] in each.)"""
    if len(tables) < 2 or len(tables) != len(groups):
        raise ValueError("A comparison needs two tables or more, each with its image numbers.")
    summed = [image_sums(table, names) for table, names in zip(tables, groups, strict=True)]
    without = [names is None for names in groups]
    if any(without) and not (all(without) and len({len(identifiers) for identifiers, _ in summed}) == 1):
        raise ValueError("Tables that differ in their rows are matched by image numbers; some have none.")
    present = [(identifiers[contributing(sums)], identifiers, sums) for identifiers, sums in summed]
    images = reduce(np.intersect1d, [having for having, _, _ in present])
    return images, [sums[np.searchsorted(identifiers, images)] for _, identifiers, sums in present]


def _difference(
    interval: Interval, drawn: Floats, first: Floats, second: Floats, better: Better
) -> PairedDifference:
    ranks = signed_ranks(first, second)
    wins, losses = ranks.positive, ranks.negative
    if better == "lower":
        wins, losses = losses, wins
    return PairedDifference(
        value=interval.value,
        low=interval.low,
        high=interval.high,
        n=interval.n,
        p_wilcoxon=ranks.p,
        p_bootstrap=_bootstrap_p(drawn) if interval.low is not None else None,
        rank_biserial=ranks.rank_biserial,
        d_z=ranks.d_z,
        wins=wins,
        losses=losses,
        ties=ranks.zero,
    )


def _bootstrap_p(drawn: Floats) -> float:
    """Two-sided p-value of "no difference": twice the smaller share of replicates on or beyond 0, the
    observed sample counted in (Davison & Hinkley 1997, section 4.2.3), so the level at which the percentile
    interval begins to hold 0.
    """
    defined = drawn[np.isfinite(drawn)]
    below = np.count_nonzero(defined <= 0)
    above = np.count_nonzero(defined >= 0)
    return float(min(1.0, 2 * (min(below, above) + 1) / (len(defined) + 1)))


def _without_noise(differences: Floats, tolerance: float) -> Floats:
    """``differences`` with 0 for what is only rounding: equal figures may have been summed in another order."""
    return np.where(abs(differences) <= tolerance, 0.0, differences)
