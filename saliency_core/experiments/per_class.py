"""The figures of any experiment, class by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from saliency_core.experiments.class_figures import class_names
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.figures import Figure


@dataclass(frozen=True)
class ClassFigures:
    """One class: how many ``images`` and ``rows`` (maps) it has, and its figures by key (NaN: undefined)."""

    name: str
    images: int
    rows: int
    values: Mapping[str, float]


def per_class(columns: Columns, figures: Sequence[Figure]) -> list[ClassFigures]:
    """Figures of the rows of each explained class, by class name.

    The name is the data set's where the experiment explains annotated classes ("annotated_class"), otherwise
    the classifier's ("target_name").
    """
    names, numbers = np.unique(class_names(columns), return_inverse=True)
    order = np.argsort(numbers, kind="stable")
    members = np.split(order, np.searchsorted(numbers[order], np.arange(1, len(names))))
    tables = [figure.table(columns) for figure in figures]
    return [
        ClassFigures(
            name=str(name),
            images=len(np.unique(columns.indices[rows])),
            rows=len(rows),
            values={
                figure.key: float(figure.combine(table[rows].sum(0)))
                for figure, table in zip(figures, tables, strict=True)
            },
        )
        for name, rows in zip(names, members, strict=False)
    ]
