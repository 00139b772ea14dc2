"""Summary figures as pure functions of the per-image columns."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from saliency_core.experiments.columns import Columns
from saliency_core.experiments.insertion_deletion import CONFIDENCE_EDGES
from saliency_core.statistics.bootstrap import Interval, mean_interval, mean_intervals

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
