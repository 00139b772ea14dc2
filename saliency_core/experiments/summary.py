"""What tables and plots show of a result, as pure functions of the per-image columns."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import numpy.typing as npt

from saliency_core.experiments.columns import Columns
from saliency_core.experiments.figures import COMMON_FIGURES, Figure, Table
from saliency_core.experiments.insertion_deletion import CONFIDENCE_EDGES
from saliency_core.experiments.per_class import per_class
from saliency_core.experiments.result import Result
from saliency_core.statistics.bootstrap import mean_intervals
from saliency_core.statistics.intervals import Interval, IntervalMethod, figure_intervals, number
from saliency_core.statistics.tables import contributing, image_sums, mean_of_sums, mean_table

if TYPE_CHECKING:
    from saliency_core.experiments.base import Experiment


def bin_numbers(
    probabilities: npt.ArrayLike, edges: tuple[float, ...] = CONFIDENCE_EDGES
) -> npt.NDArray[np.int64]:
    """The bin of each probability: [edge, next edge), the last bin closed on both sides."""
    # Both sides in float32, the type of the scores: a probability printed as 0.9 then belongs to the bin
    # from 0.9.
    inner = np.asarray(edges[1:-1], dtype=np.float32)
    return np.searchsorted(inner, np.asarray(probabilities, dtype=np.float32), side="right").astype(np.int64)


class _Drawing(TypedDict):
    """How intervals are drawn, see statistics.intervals.figure_intervals."""

    method: IntervalMethod
    confidence: float
    resamples: int
    seed: int


def summarise_result(
    result_or_columns: Result | Columns,
    experiment: Experiment | None = None,
    *,
    method: IntervalMethod = "percentile",
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
    class_intervals: bool = False,
) -> dict[str, Any]:
    """Everything that tables and plots show of one method under one protocol, JSON-able.

    ``experiment`` is needed with bare Columns and not heeded with a Result. The answer::

        {"images", "units", "failed", "degenerate": counts (images with figures, rows, images without, rows),
         "interval": {"method", "confidence", "resamples", "seed"},
         "figures": {key: {"value", "low", "high", "n"}},
         "curves": {key: {"title", "x_title", "y_title", "positions", "mean", "low", "high"}},
         "bins": [{"low", "high", "count", "figures": {key: as above}}],
         "classes": [{"name", "images", "units", "figures": {key: value}, "intervals": {key: [low, high]}}]}

    All figures are of the same resamples of whole images, without intervals if ``resamples`` is 0; values are
    fractions of 1 where a figure's unit is "percent". ``bins``: by the clean probability of the class
    explained, empty where there is no such column. ``classes``: by the class explained, with intervals only
    with ``class_intervals``, as there may be many, and for those figures that have one. A band is None with
    fewer than two images, as intervals are.
    """
    if isinstance(result_or_columns, Result):
        columns, experiment = result_or_columns.columns, result_or_columns.experiment
        own, figures = experiment.figures(), result_or_columns.figures
    elif experiment is not None:
        columns, own = result_or_columns, experiment.figures()
        figures = (*own, *COMMON_FIGURES)
    else:
        raise ValueError("Columns alone do not say of which experiment they are.")
    drawing = _Drawing(method=method, confidence=confidence, resamples=resamples, seed=seed)
    return {
        "images": len(np.unique(columns.indices)),
        "units": len(columns),
        "failed": len(columns.failures),
        "degenerate": int(np.sum(columns.scalars.get("degenerate", ()))),
        "interval": dict(drawing),
        "figures": _figures(columns, figures, drawing),
        "curves": summarise_curves(columns, experiment, **drawing),
        "bins": _bins(
            columns, own, getattr(experiment.protocol, "confidence_edges", CONFIDENCE_EDGES), drawing
        ),
        "classes": _classes(columns, own, drawing if class_intervals and resamples else None),
    }


def _figures(
    columns: Columns, figures: tuple[Figure, ...], drawing: _Drawing
) -> dict[str, dict[str, float | int | None]]:
    """The intervals of all figures of some rows, by key."""
    if not len(columns):
        return {figure.key: Interval(None, None, None, 0).to_dict() for figure in figures}
    tables = [(_table(columns, figure), figure.combine) for figure in figures]
    if not drawing["resamples"]:
        return {
            figure.key: _value(table, figure, columns.indices)
            for figure, (table, _) in zip(figures, tables, strict=True)
        }
    intervals = figure_intervals(tables, columns.indices, **drawing)
    return {figure.key: interval.to_dict() for figure, interval in zip(figures, intervals, strict=True)}


def _value(table: Table, figure: Figure, images: npt.NDArray[np.int64]) -> dict[str, float | int | None]:
    """A figure without its interval."""
    _, sums = image_sums(table, images)
    total = np.asarray(sums.sum(0), dtype=np.float64)
    return Interval(number(figure.combine(total)), None, None, int(contributing(sums).sum())).to_dict()


def _table(columns: Columns, figure: Figure) -> Table:
    """The figure's table; rows of zeros where results of an earlier version lack its column."""
    table = figure.table(columns)
    return table if table.shape[0] == len(columns) else np.zeros((len(columns), table.shape[1]))


def summarise_curves(
    columns: Columns,
    experiment: Experiment,
    *,
    method: IntervalMethod = "percentile",
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """The mean of every curve with its band (None if ``resamples`` is 0), as in summarise_result; only curves
    that the columns have.
    """
    drawing = _Drawing(method=method, confidence=confidence, resamples=resamples, seed=seed)
    result: dict[str, Any] = {}
    for curve in experiment.curves():
        values = columns.curves.get(curve.key)
        if values is None or not len(values):
            continue
        mean, low, high = _mean_and_band(values, columns.indices, drawing)
        result[curve.key] = {
            "title": curve.title,
            "x_title": curve.x_title,
            "y_title": curve.y_title,
            "positions": list(curve.positions(columns)),
            "mean": mean,
            "low": low,
            "high": high,
        }
    return result


def _mean_and_band(
    curves: npt.NDArray[np.float32], images: npt.NDArray[np.int64], drawing: _Drawing
) -> tuple[list[float | None], list[float | None] | None, list[float | None] | None]:
    if not drawing["resamples"]:
        tables = [mean_table(point).sum(0) for point in curves.T]
        return [number(mean_of_sums(sums)) for sums in tables], None, None
    plain = len(np.unique(images)) == len(images) and not np.isnan(curves).any()
    if plain and drawing["method"] == "percentile":
        # One matrix product for all points; the draws are those of figure_intervals.
        mean, low, high = mean_intervals(curves, drawing["confidence"], drawing["resamples"], drawing["seed"])
        banded = len(curves) > 1
        return mean.tolist(), low.tolist() if banded else None, high.tolist() if banded else None
    intervals = figure_intervals([(mean_table(point), mean_of_sums) for point in curves.T], images, **drawing)
    means = [interval.value for interval in intervals]
    if all(interval.low is None for interval in intervals):
        return means, None, None
    return means, [interval.low for interval in intervals], [interval.high for interval in intervals]


def _bins(
    columns: Columns, figures: tuple[Figure, ...], edges: tuple[float, ...], drawing: _Drawing
) -> list[dict[str, Any]]:
    """Figures by the clean probability of the class explained, empty bins with the count 0."""
    if "probability" not in columns.scalars:
        return []
    numbers = bin_numbers(columns.scalars["probability"], edges)
    return [
        {
            "low": low,
            "high": high,
            "count": len(np.unique(columns.indices[numbers == place])),
            "figures": _figures(columns.rows(numbers == place), figures, drawing),
        }
        for place, (low, high) in enumerate(pairwise(edges))
    ]


def _classes(columns: Columns, figures: tuple[Figure, ...], drawing: _Drawing | None) -> list[dict[str, Any]]:
    if not len(columns):
        return []
    return [
        {
            "name": each.name,
            "images": each.images,
            "units": each.rows,
            "figures": {key: None if np.isnan(value) else value for key, value in each.values.items()},
            **({} if drawing is None else {"intervals": _ends(each.intervals)}),
        }
        for each in per_class(columns, figures, drawing)
    ]


def _ends(intervals: Mapping[str, Interval]) -> dict[str, list[float]]:
    """[low, high] of those figures that have an interval."""
    return {
        key: [each.low, each.high]
        for key, each in intervals.items()
        if each.low is not None and each.high is not None
    }
