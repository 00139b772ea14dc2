"""Summary figures as pure functions of the per-image columns."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import numpy.typing as npt

from saliency_core.experiments.columns import Columns
from saliency_core.experiments.figures import COMMON_FIGURES, Figure, Table
from saliency_core.experiments.insertion_deletion import CONFIDENCE_EDGES
from saliency_core.experiments.per_class import per_class
from saliency_core.experiments.result import Result
from saliency_core.statistics.bootstrap import Interval, mean_interval, mean_intervals
from saliency_core.statistics.intervals import Interval as FigureInterval
from saliency_core.statistics.intervals import IntervalMethod, figure_intervals
from saliency_core.statistics.tables import mean_of_sums, mean_table

if TYPE_CHECKING:
    from saliency_core.experiments.base import Experiment

FIGURES: tuple[str, ...] = ("insertion_auc", "deletion_auc", "overall")


def summarise(columns: Columns, resamples: int = 2000) -> dict[str, Any]:
    """Means with 95 % intervals, as fractions of 1, and the counts that belong to them.

    {"images", "failed", "degenerate": counts; "insertion_auc", "deletion_auc", "overall": {mean, low, high,
    n}; "accuracy": the same over images with a known label, or None without labels}.
    """
    scalars = columns.scalars
    summary: dict[str, Any] = {
        "images": len(columns),
        "failed": len(columns.failures),
        "degenerate": int(np.sum(scalars.get("degenerate", ()))),
    }
    for figure in FIGURES:
        summary[figure] = mean_interval(scalars.get(figure, ()), resamples=resamples).to_dict()
    labels = np.asarray(scalars.get("label", ()), dtype=np.int64)
    known = labels >= 0
    correct = np.asarray(scalars.get("target", ()), dtype=np.int64)[known] == labels[known]
    summary["accuracy"] = mean_interval(correct, resamples=resamples).to_dict() if len(correct) else None
    return summary


def mean_curves(columns: Columns, resamples: int = 2000) -> dict[str, Any]:
    """Mean curves with 95 % bands: {"insertion": {mean, low, high}, "deletion": …, "fraction": share of
    pixels changed}.

    With one image the band is None; without images everything is empty.
    """
    result: dict[str, Any] = {}
    fraction: list[float] = []
    for name in ("insertion", "deletion"):
        curves = columns.curves.get(name)
        if curves is None or not len(curves):
            result[name] = {"mean": [], "low": [], "high": []}
            continue
        mean, low, high = mean_intervals(curves, resamples=resamples)
        banded = len(curves) > 1
        result[name] = {
            "mean": mean.tolist(),
            "low": low.tolist() if banded else None,
            "high": high.tolist() if banded else None,
        }
        fraction = np.linspace(0, 1, curves.shape[1]).tolist()
    return {**result, "fraction": fraction}


def bin_numbers(
    probabilities: npt.ArrayLike, edges: tuple[float, ...] = CONFIDENCE_EDGES
) -> npt.NDArray[np.int64]:
    """The bin of each probability: [edge, next edge), the last bin closed on both sides."""
    # Both sides in float32, the type of the scores: a probability printed as 0.9 then belongs to the bin
    # from 0.9.
    inner = np.asarray(edges[1:-1], dtype=np.float32)
    return np.searchsorted(inner, np.asarray(probabilities, dtype=np.float32), side="right").astype(np.int64)


def confidence_bins(
    columns: Columns, edges: tuple[float, ...] = CONFIDENCE_EDGES, resamples: int = 2000
) -> list[dict[str, Any]]:
    """Per bin of clean probability: {low, high, count, insertion_auc, deletion_auc, overall}, figures as in
    summarise or None where the bin is empty.
    """
    numbers = bin_numbers(columns.scalars.get("probability", ()), edges)
    rows = []
    for number, (low, high) in enumerate(pairwise(edges)):
        members = numbers == number
        count = int(members.sum())
        figures: dict[str, Any] = dict.fromkeys(FIGURES)
        if count:
            intervals: dict[str, Interval] = {
                figure: mean_interval(columns.scalars[figure][members], resamples=resamples)
                for figure in FIGURES
            }
            figures = {figure: interval.to_dict() for figure, interval in intervals.items()}
        rows.append({"low": low, "high": high, "count": count, **figures})
    return rows


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
) -> dict[str, Any]:
    """Everything that tables and plots show of one method under one protocol, JSON-able.

    ``experiment`` is needed with bare Columns and not heeded with a Result. The answer::

        {"images", "units", "failed", "degenerate": counts (images with figures, rows, images without, rows),
         "interval": {"method", "confidence", "resamples", "seed"},
         "figures": {key: {"value", "low", "high", "n"}},
         "curves": {key: {"title", "x_title", "y_title", "positions", "mean", "low", "high"}},
         "bins": [{"low", "high", "count", "figures": {key: as above}}],
         "classes": [{"name", "images", "units", "figures": {key: value}}]}

    All figures are of the same resamples of whole images; values are fractions of 1 where a figure's unit is
    "percent". ``bins``: by the clean probability of the class explained, empty where there is no such
    column. ``classes``: by the class explained. A band is None with fewer than two images, as intervals are.
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
        "curves": _curves(columns, experiment, drawing),
        "bins": _bins(
            columns, own, getattr(experiment.protocol, "confidence_edges", CONFIDENCE_EDGES), drawing
        ),
        "classes": _classes(columns, own),
    }


def _figures(
    columns: Columns, figures: tuple[Figure, ...], drawing: _Drawing
) -> dict[str, dict[str, float | int | None]]:
    """The intervals of all figures of some rows, by key."""
    if not len(columns):
        return {figure.key: FigureInterval(None, None, None, 0).to_dict() for figure in figures}
    tables = [(_table(columns, figure), figure.combine) for figure in figures]
    intervals = figure_intervals(tables, columns.indices, **drawing)
    return {figure.key: interval.to_dict() for figure, interval in zip(figures, intervals, strict=True)}


def _table(columns: Columns, figure: Figure) -> Table:
    """The figure's table; rows of zeros where results of an earlier version lack its column."""
    table = figure.table(columns)
    return table if table.shape[0] == len(columns) else np.zeros((len(columns), table.shape[1]))


def _curves(columns: Columns, experiment: Experiment, drawing: _Drawing) -> dict[str, Any]:
    """The mean of every curve with its band; only curves that the columns have."""
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
            "count": int((numbers == number).sum()),
            "figures": _figures(columns.rows(numbers == number), figures, drawing),
        }
        for number, (low, high) in enumerate(pairwise(edges))
    ]


def _classes(columns: Columns, figures: tuple[Figure, ...]) -> list[dict[str, Any]]:
    if not len(columns):
        return []
    return [
        {
            "name": each.name,
            "images": each.images,
            "units": each.rows,
            "figures": {key: None if np.isnan(value) else value for key, value in each.values.items()},
        }
        for each in per_class(columns, figures)
    ]
