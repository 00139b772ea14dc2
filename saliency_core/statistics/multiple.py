"""Corrections for several tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def holm(p_values: Sequence[float | None] | npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Holm's (1979) step-down adjusted p-values [tests], in the order given.

    The smallest of m p-values is multiplied by m, the next by m − 1, and so on; none may be below the one
    before it, nor above 1. Rejecting where the adjusted value is ≤ α keeps the probability of any false
    rejection ≤ α, however the tests depend on each other. A p-value of NaN or None is no test: it stays NaN
    and does not count in m. Raises ValueError for numbers outside 0 … 1.
    """
    given = np.array(p_values, dtype=np.float64)
    if given.ndim != 1:
        raise ValueError("p-values come in one column.")
    adjusted = np.full(given.shape, np.nan)
    tests = np.flatnonzero(~np.isnan(given))
    if not len(tests):
        return adjusted
    if given[tests].min() < 0 or given[tests].max() > 1:
        raise ValueError("p-values lie between 0 and 1.")
    order = tests[np.argsort(given[tests], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(given[order] * factors), 1.0)
    return adjusted
