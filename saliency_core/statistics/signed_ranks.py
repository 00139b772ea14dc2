"""Wilcoxon's signed-rank test and effect sizes of paired differences."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_DIGITS = 12  # of the differences, relative to the largest value: 0.3 − 0.2 and 0.2 − 0.1 are the same


@dataclass(frozen=True)
class SignedRanks:
    """Two methods' values on the same images; first minus second where there is a sign.

    ``p``: two-sided p-value of Wilcoxon's signed-rank test. ``rank_biserial``: matched-pairs rank-biserial
    correlation, −1 … 1 (Kerby 2014). ``d_z``: Cohen's d of paired differences, their mean over their
    standard deviation (n − 1); None where that is 0 / 0 or infinite, 0 where nothing differs. ``positive``,
    ``negative``, ``zero``: number of images by the sign of the difference. Everything but the counts is None
    without images.
    """

    p: float | None
    rank_biserial: float | None
    d_z: float | None
    positive: int
    negative: int
    zero: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def signed_ranks(first: npt.ArrayLike, second: npt.ArrayLike) -> SignedRanks:
    """Compares ``first`` and ``second`` [images]; images where either is NaN are left out.

    Images without a difference are ranked with the others and their ranks then dropped (Pratt 1959): figures
    such as the pointing game's hits have many, and Wilcoxon's own rule, to drop them before ranking, can
    make evidence look stronger by adding images on which the first is worse (Pratt's example). The p-value is
    exact up to 50 images without ties, up to 13 with, else from the normal approximation with corrections
    for ties and zeros (scipy.stats.wilcoxon with its defaults otherwise). Nothing but ties: p = 1.

    The rank-biserial correlation is the simple difference of the shares of favourable and unfavourable ranks,
    of the same ranks as in the test: 1 where the first is better on every image with a difference.
    """
    differences = rounded_differences(first, second)
    positive, negative = differences > 0, differences < 0
    counts = (int(positive.sum()), int(negative.sum()))
    zero = len(differences) - sum(counts)
    if not len(differences):
        return SignedRanks(None, None, None, 0, 0, 0)
    if not any(counts):
        return SignedRanks(1.0, 0.0, 0.0, 0, 0, zero)
    from scipy.stats import rankdata, wilcoxon

    ranks = rankdata(abs(differences))
    for_first, for_second = ranks[positive].sum(), ranks[negative].sum()
    return SignedRanks(
        p=float(wilcoxon(differences, zero_method="pratt").pvalue),
        rank_biserial=float((for_first - for_second) / (for_first + for_second)),
        d_z=_standardised_mean(differences),
        positive=counts[0],
        negative=counts[1],
        zero=zero,
    )


def rounded_differences(first: npt.ArrayLike, second: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """first − second [images where both are defined], free of the noise of rounding that would break ties."""
    left, right = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if left.shape != right.shape or left.ndim != 1:
        raise ValueError("Paired values come in two columns of the same length.")
    both = np.isfinite(left) & np.isfinite(right)
    left, right = left[both], right[both]
    scale = max(abs(left).max(initial=0.0), abs(right).max(initial=0.0))
    if scale == 0:
        return np.zeros(len(left))
    return np.asarray(np.round((left - right) / scale, _DIGITS) * scale)


def _standardised_mean(differences: npt.NDArray[np.float64]) -> float | None:
    if len(differences) < 2 or np.ptp(differences) == 0:
        return None
    return float(differences.mean() / differences.std(ddof=1))
