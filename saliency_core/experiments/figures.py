"""Figures as pure functions of sums over the rows of an experiment's columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from saliency_core.experiments.columns import Columns
from saliency_core.statistics.tables import divided, image_values, mean_table

Table = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """One summary figure: its definition, its unit, and how it follows from per-image values.

    ``table`` gives one row of k numbers per row of the columns; ``combine`` makes the figure out of their
    sums [..., k] → [...], NaN where it is not defined. So a figure can be had of any set of images, parts
    merge exactly, and a bootstrap only draws sums. ``unit``: "percent" (values are fractions of 1),
    "seconds", "megabytes", "pixels", or "" for a plain number. ``better``: "higher", "lower" or "".
    ``curve``: the curve that ``table`` reads beside the scalars, "" for none. ``of_single_images``: False where one
    image alone would give another quantity than the figure's, such as its own best threshold: no test, rank or
    spread of images then.
    """

    key: str
    title: str
    unit: str
    better: str
    summary: str
    table: Callable[[Columns], Table]
    combine: Callable[[Table], Table]
    curve: str = ""
    of_single_images: bool = True

    def value(self, columns: Columns) -> float:
        """The figure of all rows; NaN where it is not defined."""
        return float(self.combine(self.table(columns).sum(0)))

    def image_values(self, sums: Table) -> Table:
        """The figure of each image alone [images] from its sums [images, k]; NaN where it is not defined."""
        return image_values(sums, self.combine) if self.of_single_images else np.full(sums.shape[0], np.nan)


@dataclass(frozen=True)
class CurveDescription:
    """A curve among the columns: ``key`` its column, ``positions`` its points' places or names along x."""

    key: str
    title: str
    x_title: str
    y_title: str
    positions: Callable[[Columns], list[float] | list[str]]


def mean_figure(
    key: str, title: str, summary: str, *, unit: str = "percent", better: str = "", column: str | None = None
) -> Figure:
    """The mean of a column (of the same name unless ``column`` names another) over the rows where it is a
    number.
    """
    name = column or key

    def table(columns: Columns) -> Table:
        missing = np.full(len(columns), np.nan)
        return mean_table(columns.scalars.get(name, missing))

    return Figure(key, title, unit, better, summary, table, ratio)


def ratio(sums: Table) -> Table:
    """First sum over second [..., 2] → [...]; NaN where the second is zero."""
    return divided(sums[..., 0], sums[..., 1])


def _accuracy_table(columns: Columns) -> Table:
    labels = np.asarray(columns.scalars.get("label", np.full(len(columns), -1)), dtype=np.int64)
    # Results of version 0.1 explained the predicted class only and have no column of its own for it.
    predicted = columns.scalars.get("predicted", columns.scalars.get("target", labels))
    known = labels >= 0
    # An image counts once, however many of its classes were explained.
    first = np.ones(len(labels), dtype=np.bool_)
    first[1:] = columns.indices[1:] != columns.indices[:-1]
    counted = known & first
    return np.stack([(predicted == labels) & counted, counted], axis=1).astype(np.float64)


ACCURACY = Figure(
    "accuracy",
    "Top-1 accuracy",
    "percent",
    "",
    "Share of the images with a known label whose predicted class is that label.",
    _accuracy_table,
    ratio,
)
MAP_MEGABYTES = mean_figure(
    "map_megabytes",
    "Memory per map",
    "Memory at the peak of making a batch of maps, beyond model and images.",
    unit="megabytes",
    better="lower",
)
MAP_SECONDS = mean_figure(
    "map_seconds",
    "Time per map",
    "Seconds to make one map, scoring excluded.",
    unit="seconds",
    better="lower",
)
COMMON_FIGURES = (ACCURACY, MAP_SECONDS, MAP_MEGABYTES)
"""What every experiment's results have beside its own figures."""
