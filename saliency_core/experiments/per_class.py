"""The figures of any experiment, class by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from saliency_core.experiments.class_figures import class_names
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.figures import Figure
from saliency_core.statistics.intervals import Interval, figure_intervals


@dataclass(frozen=True)
class ClassFigures:
    """One class: how many ``images`` and ``rows`` (maps) it has, and its figures by key (NaN: undefined).

    ``intervals``: by key, where they are asked for.
    """

    name: str
    images: int
    rows: int
    values: Mapping[str, float]
    intervals: Mapping[str, Interval] = field(default_factory=dict)


def per_class(
    columns: Columns, figures: Sequence[Figure], drawing: Mapping[str, Any] | None = None
) -> list[ClassFigures]:
    """Figures of the rows of each explained class, by class name; with ``drawing`` (options of figure_intervals) also
    their intervals, from resamples of the images that the class is on.

    The name is the data set's where the experiment explains annotated classes ("annotated_class"), otherwise
    the classifier's ("target_name").
    """
    names, numbers = np.unique(class_names(columns), return_inverse=True)
    order = np.argsort(numbers, kind="stable")
    members = np.split(order, np.searchsorted(numbers[order], np.arange(1, len(names))))
    tables = [figure.table(columns) for figure in figures]

    def intervals(rows: npt.NDArray[np.int64]) -> dict[str, Interval]:
        # Results of an earlier version may lack a figure's column.
        there = [
            (figure, table[rows])
            for figure, table in zip(figures, tables, strict=True)
            if table.shape[0] == len(columns)
        ]
        found = figure_intervals(
            [(table, figure.combine) for figure, table in there], columns.indices[rows], **(drawing or {})
        )
        return {figure.key: each for (figure, _), each in zip(there, found, strict=True)}

    return [
        ClassFigures(
            name=str(name),
            images=len(np.unique(columns.indices[rows])),
            rows=len(rows),
            values={
                figure.key: float(figure.combine(table[rows].sum(0)))
                for figure, table in zip(figures, tables, strict=True)
            },
            intervals={} if drawing is None else intervals(rows),
        )
        for name, rows in zip(names, members, strict=False)
    ]
