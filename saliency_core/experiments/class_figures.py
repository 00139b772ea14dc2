"""Means over classes: every class counts the same, however many images it is on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from saliency_core.experiments.columns import Columns
from saliency_core.experiments.figures import Figure, Table

DENSE_ELEMENTS = 4_000_000  # 32 MB; larger tables, nearly empty all of them, are sparse

Counts = Callable[[Columns], tuple[npt.NDArray[Any], npt.NDArray[Any]]]
"""Successes and attempts [rows]."""


def class_names(columns: Columns) -> npt.NDArray[np.str_]:
    """The class that each row explains: as the data set calls it or else as the classifier does."""
    for name in ("annotated_class", "target_name"):
        if name in columns.scalars:
            return np.asarray(columns.scalars[name], dtype=np.str_)
    return np.full(len(columns), "", dtype=np.str_)


def class_mean_figure(
    key: str,
    title: str,
    summary: str,
    counts: Counts,
    *,
    subset: Counts | None = None,
    class_count: int | None = None,
) -> Figure:
    """Successes over attempts within each class, averaged over the classes that have attempts.

    ``class_count``: divide by so many classes instead, so that absent ones count 0. ``subset`` gives (chosen,
    known) [rows]: only chosen rows count, and the figure is undefined unless some row is known to be in or
    out.
    """

    def table(columns: Columns) -> Table:
        successes, attempts = counts(columns)
        last = np.zeros(len(columns))
        if subset is not None:
            chosen, last = subset(columns)
            successes, attempts = successes * chosen, attempts * chosen
        return _class_table(class_names(columns), successes, attempts, last)

    return Figure(
        key, title, "percent", "higher", summary, table, ClassMean(class_count, checked=subset is not None)
    )


@dataclass(frozen=True)
class ClassMean:
    """Sums [..., 2 · classes + 1] → the mean over classes [...]; see class_mean_figure."""

    class_count: int | None = None
    checked: bool = False

    def __call__(self, sums: Table) -> Table:
        successes, attempts, known = sums[..., 0:-1:2], sums[..., 1:-1:2], sums[..., -1]
        present = attempts > 0
        total = np.where(present, successes / np.where(present, attempts, 1.0), 0.0).sum(-1)
        classes = present.sum(-1)
        divisor = classes if self.class_count is None else np.maximum(classes, self.class_count)
        defined = (classes > 0) & ((known > 0) if self.checked else True)
        return np.where(defined, total / np.where(defined, divisor, 1), np.nan)


def _class_table(
    names: npt.NDArray[np.str_],
    successes: npt.NDArray[Any],
    attempts: npt.NDArray[Any],
    last: npt.NDArray[Any],
) -> Table:
    """[rows, 2 · classes + 1]: successes and attempts in the two columns of the row's class, then ``last``."""
    classes, numbers = np.unique(names, return_inverse=True)
    rows, width = len(names), 2 * len(classes) + 1
    every = np.arange(rows)
    if rows * width <= DENSE_ELEMENTS:
        table = np.zeros((rows, width))
        table[every, 2 * numbers] = successes
        table[every, 2 * numbers + 1] = attempts
        table[:, -1] = last
        return table
    from scipy.sparse import csr_array

    places = np.concatenate([2 * numbers, 2 * numbers + 1, np.full(rows, width - 1)])
    values = np.concatenate([successes, attempts, last]).astype(np.float64)
    sparse: Any = csr_array((values, (np.tile(every, 3), places)), shape=(rows, width))
    return sparse  # has the sums and rows that users of a table need
