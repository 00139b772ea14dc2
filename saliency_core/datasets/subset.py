"""Choosing some of a data set's images."""

from __future__ import annotations

from collections.abc import Sequence

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


def stratified_subset_indices(labels: Sequence[str | None], count: int | None, seed: int = 0) -> list[int]:
    """Indices (ascending) of ``count`` images, each class having its share: all when count is None or ≥ the number
    of labels.

    A class of n_c of the N images gets count · n_c / N of them, rounded down; what is left goes to the largest
    remainders, in an order drawn by lot among equal ones. Images without a label are a class of their own. The
    same arguments give the same images everywhere; the order of the images in the data set matters, as it
    does for subset_indices.
    """
    if count is not None and count < 1:
        raise ParameterError(f"The number of images must be at least 1; got {count}.")
    total = len(labels)
    if count is None or count >= total:
        return list(range(total))
    members: dict[str | None, list[int]] = {}
    for index, label in enumerate(labels):
        members.setdefault(label, []).append(index)
    classes = sorted(members, key=lambda label: (label is None, label or ""))
    generator = np.random.default_rng(seed)
    lots = generator.permutation(len(classes))
    shares = [count * len(members[label]) // total for label in classes]
    remainders = [count * len(members[label]) % total for label in classes]
    by_remainder = sorted(range(len(classes)), key=lambda number: (-remainders[number], lots[number]))
    for number in by_remainder[: count - sum(shares)]:
        shares[number] += 1
    chosen: list[int] = []
    for label, share in zip(classes, shares, strict=True):
        chosen += generator.choice(members[label], size=share, replace=False).tolist()
    return sorted(chosen)
