"""Means over classes: every class counts the same, however many images it is on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from saliency_core.experiments.columns import Columns
from saliency_core.experiments.figures import Figure, Table
from saliency_core.statistics.tables import class_table, is_sparse, mean_over_classes

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
        names, numbers = np.unique(class_names(columns), return_inverse=True)
        return _with_last(class_table(successes, attempts, numbers, len(names)), last)

    return Figure(
        key, title, "percent", "higher", summary, table, ClassMean(class_count, checked=subset is not None)
    )


@dataclass(frozen=True)
class ClassMean:
    """Sums [..., 2 · classes + 1] → the mean over classes [...]; see class_mean_figure."""

    class_count: int | None = None
    checked: bool = False

    def __call__(self, sums: Table) -> Table:
        means = mean_over_classes(sums[..., :-1], self.class_count)
        return np.where(sums[..., -1] > 0, means, np.nan) if self.checked else means


def _with_last(table: Any, last: npt.NDArray[Any]) -> Any:
    """[rows, k + 1]: ``last`` as one more column, sparse where the table is."""
    if not is_sparse(table):
        return np.column_stack([table, last])
    from scipy.sparse import csr_array, hstack

    return hstack([table, csr_array(last.reshape(-1, 1).astype(np.float64))], format="csr")
