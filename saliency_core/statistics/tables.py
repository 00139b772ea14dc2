"""Tables of additive contributions to a figure: one row a unit, summed by image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Floats: TypeAlias = npt.NDArray[np.float64]
Table: TypeAlias = Any
"""[rows, k] numbers: an array, or a scipy.sparse matrix of that shape (for wide ones, mostly zero)."""
Combine: TypeAlias = Callable[[Floats], Array]
"""Sums [..., k] → figure [...]; NaN where it is undefined."""

_WIDE = 32  # columns from which a mostly empty table is kept sparse
_MOSTLY_EMPTY = 0.1  # share of non-zero entries
_DENSE_ELEMENTS = 4_000_000  # 32 MB; larger tables of classes are sparse
_CHUNK_ELEMENTS = 1_000_000  # dense elements held at once: 8 MB


def mean_table(values: npt.ArrayLike) -> Floats:
    """[value, 1] of each of ``values`` [rows], [0, 0] where it is NaN: the contributions to a mean."""
    column = np.asarray(values, dtype=np.float64)
    defined = ~np.isnan(column)
    return np.stack([np.where(defined, column, 0.0), defined.astype(np.float64)], axis=1)


def mean_of_sums(sums: Floats) -> Floats:
    """The mean from sums of mean_table [..., 2]; NaN without values."""
    return divided(sums[..., 0], sums[..., 1])


def class_table(
    numerators: npt.ArrayLike, denominators: npt.ArrayLike, classes: npt.ArrayLike, count: int
) -> Table:
    """[rows, 2 · count]: the numerator of each row in the column of its class (0 … count − 1), its denominator in
    column count + class; a row whose numerator is NaN contributes nothing. The contributions to a mean over
    classes of ratios within classes, such as the pointing game's accuracy (Zhang et al. 2018). Sparse where it is
    large, as it is nearly empty.
    """
    above, below = np.broadcast_arrays(np.asarray(numerators, float), np.asarray(denominators, float))
    numbers = np.asarray(classes, dtype=np.int64)
    if above.ndim != 1 or above.shape != numbers.shape:
        raise ValueError("A class is needed for each value.")
    if numbers.size and (numbers.min() < 0 or numbers.max() >= count):
        raise ValueError(f"Class numbers go from 0 to {count - 1}.")
    rows = np.flatnonzero(~np.isnan(above))
    chosen = numbers[rows]
    if len(above) * 2 * count <= _DENSE_ELEMENTS:
        table = np.zeros((len(above), 2 * count))
        table[rows, chosen] = above[rows]
        table[rows, chosen + count] = below[rows]
        return table
    from scipy.sparse import csr_array

    entries = np.concatenate([above[rows], below[rows]])
    positions = (np.tile(rows, 2), np.concatenate([chosen, chosen + count]))
    return csr_array((entries, positions), shape=(len(above), 2 * count))


def mean_over_classes(sums: Floats, class_count: int | None = None) -> Floats:
    """The mean, over the classes that have a denominator, of their ratios, from sums of class_table
    [..., 2 · classes]; with ``class_count`` over so many classes, absent ones counting 0. NaN without any.
    """
    classes = sums.shape[-1] // 2
    below = sums[..., classes:]
    present = below > 0
    ratios = np.where(present, sums[..., :classes] / np.where(present, below, 1.0), 0.0)
    found = present.sum(-1)
    divisor = found if class_count is None else np.where(found > 0, np.maximum(found, class_count), 0)
    return divided(ratios.sum(-1), divisor)


def divided(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> Floats:
    """numerator / denominator, NaN where the denominator is 0."""
    above, below = np.broadcast_arrays(np.asarray(numerator, float), np.asarray(denominator, float))
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0)


def image_sums(table: Table, groups: npt.ArrayLike | None) -> tuple[Array, Table]:
    """Sums of each image's rows: (identifiers [images], ascending; sums [images, k], dense or sparse).

    ``groups`` [rows] names the image of each row; None: every row is an image of its own, in their order.
    Raises ValueError for a table that is not two-dimensional, has other than finite numbers, or another
    length than ``groups``.
    """
    rows = _checked(table)
    if groups is None:
        return np.arange(rows.shape[0]), rows
    names = np.asarray(groups)
    if names.shape != (rows.shape[0],):
        raise ValueError(f"{rows.shape[0]} rows need as many image numbers, not {names.shape}.")
    identifiers, inverse = np.unique(names, return_inverse=True)
    if is_sparse(rows):
        from scipy.sparse import csr_array

        members = csr_array(
            (np.ones(len(names)), (inverse, np.arange(len(names)))), shape=(len(identifiers), len(names))
        )
        return identifiers, (members @ rows).tocsr()
    order = np.argsort(inverse, kind="stable")
    if not len(order):
        return identifiers, rows
    return identifiers, np.add.reduceat(
        rows[order], np.searchsorted(inverse[order], np.arange(len(identifiers)))
    )


def is_sparse(table: Table) -> bool:
    return hasattr(table, "tocsr")


def contributing(sums: Table) -> npt.NDArray[np.bool_]:
    """Which images [images] contribute anything to a figure: a row of zeros changes no sum."""
    if is_sparse(sums):
        return np.asarray(abs(sums).sum(axis=1)).ravel() > 0
    return np.asarray((sums != 0).any(axis=1))


def total_of(sums: Table) -> Floats:
    """Sums [k] over all images."""
    return np.asarray(sums.sum(axis=0), dtype=np.float64).reshape(-1)


def evaluate(combine: Combine, sums: Floats) -> Floats:
    """The figure [...] of ``sums`` [..., k], NaN wherever it is not finite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.asarray(combine(sums), dtype=np.float64)
    if values.shape != sums.shape[:-1]:
        raise ValueError(
            f"A figure of sums {sums.shape} has the shape {sums.shape[:-1]}, not {values.shape}."
        )
    return np.where(np.isfinite(values), values, np.nan)


def image_values(sums: Table, combine: Combine) -> Floats:
    """The figure of each image alone [images], NaN where undefined."""
    return _by_rows(sums, lambda rows: evaluate(combine, rows))


def leave_one_out_values(sums: Table, combine: Combine) -> Floats:
    """The figure without each image in turn [images]: the jackknife of an additive figure."""
    total = total_of(sums)
    return _by_rows(sums, lambda rows: evaluate(combine, total - rows))


def _by_rows(sums: Table, function: Callable[[Floats], Floats]) -> Floats:
    parts = [function(rows) for rows in _dense_chunks(sums)]
    return np.concatenate(parts) if parts else np.empty(0)


def _dense_chunks(sums: Table) -> Iterator[Floats]:
    images, width = sums.shape
    step = max(1, _CHUNK_ELEMENTS // max(1, width))
    for start in range(0, images, step):
        chunk = sums[start : start + step]
        yield chunk.toarray() if is_sparse(chunk) else chunk


def _checked(table: Table) -> Table:
    """As float64, sparse where that is how it came or where it is wide and mostly empty."""
    if is_sparse(table):
        rows = table.tocsr().astype(np.float64)
        entries = rows.data
    else:
        rows = entries = np.asarray(table, dtype=np.float64)
    if rows.ndim != 2:
        raise ValueError(f"A table has rows and columns, not the shape {rows.shape}.")
    if not np.isfinite(entries).all():
        raise ValueError(
            "A table of contributions has finite numbers only; a missing value is a row of zeros."
        )
    if is_sparse(rows) or rows.shape[1] <= _WIDE:
        return rows
    if np.count_nonzero(rows) > _MOSTLY_EMPTY * rows.size:
        return rows
    from scipy.sparse import csr_array

    return csr_array(rows)
