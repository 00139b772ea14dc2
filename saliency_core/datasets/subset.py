"""Choosing some of a data set's images."""

from __future__ import annotations

import numpy as np

from saliency_core.errors import ParameterError


def subset_indices(total: int, count: int | None, seed: int = 0) -> list[int]:
    """Indices (ascending) of ``count`` of ``total`` images, drawn without replacement; all when count is
    None or ≥ total.

    The same three numbers give the same images everywhere.
    """
    if count is not None and count < 1:
        raise ParameterError(f"The number of images must be at least 1; got {count}.")
    if count is None or count >= total:
        return list(range(total))
    chosen = np.random.default_rng(seed).choice(total, size=count, replace=False)
    return [int(index) for index in np.sort(chosen)]
