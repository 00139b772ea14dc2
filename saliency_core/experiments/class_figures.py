"""Means over classes: every class counts the same, however many images it is on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from saliency_core.experiments.columns import Columns
from saliency_core.experiments.figures import Figure, Table
from saliency_core.statistics.tables import class_table, mean_over_classes

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
    subset: Callable[[Columns], npt.NDArray[np.bool_]] | None = None,
    class_count: int | None = None,
) -> Figure:
    """Successes over attempts within each class, averaged over the classes that have attempts.

    ``class_count``: divide by so many classes instead, so that absent ones count 0. ``subset`` says which rows
    count; without any the figure is undefined.
    """

    def table(columns: Columns) -> Table:
        successes, attempts = counts(columns)
        if subset is not None:
            chosen = subset(columns)
            successes, attempts = successes * chosen, attempts * chosen
        names, numbers = np.unique(class_names(columns), return_inverse=True)
        return class_table(successes, attempts, numbers, len(names))

    return Figure(key, title, "percent", "higher", summary, table, ClassMean(class_count))


@dataclass(frozen=True)
class ClassMean:
    """Sums [..., 2 · classes] → the mean over classes [...]; see class_mean_figure."""

    class_count: int | None = None

    def __call__(self, sums: Table) -> Table:
        return mean_over_classes(sums, self.class_count)
