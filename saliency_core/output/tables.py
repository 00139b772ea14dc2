"""Tables for spreadsheets and statistics programs: rows of cells, the header first.

Text that a spreadsheet would run as a formula is neutralised in every cell that comes from outside (names of
files, classes, models, data sets).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from saliency_core.experiments.columns import Columns
from saliency_core.output.cells import neutralised
from saliency_core.output.numbers import scaled
from saliency_core.output.summarised import Summarised

_FIRST = ("target", "target_name", "predicted", "label")
_ALWAYS = ("target", "target_name", "label")
_LAST = ("degenerate", "map_seconds", "map_megabytes", "seconds")
_CLASS_NUMBERS = ("target", "predicted", "label")


# --- one row an image, or a class in an image -----------------------------------------------------------


def unit_columns(columns: Columns) -> list[str]:
    """The header of unit_rows: image, target, target_name, predicted (where recorded), label; then the
    experiment's own columns in its order; then degenerate, map_seconds, map_megabytes, seconds (where recorded),
    status, reason.
    """
    names = list(columns.scalars)
    first = [name for name in _FIRST if name in names or name in _ALWAYS]
    last = [name for name in _LAST if name in names]
    own = [name for name in names if name not in {*_FIRST, *_LAST}]
    return ["image", *first, *own, *last, "status", "reason"]


def unit_rows(columns: Columns) -> Iterator[list[str]]:
    """One row per unit in the order of the data set; failed images are rows with their reason.

    Values are as measured (shares are fractions of 1), with eight decimals, times with three or six; a value
    that is not defined is an empty cell.
    """
    header = unit_columns(columns)
    yield header
    rows = [(int(index), _unit_row(columns, header, row)) for row, index in enumerate(columns.indices)]
    rows += [(int(failure["index"]), _failed_row(failure, header)) for failure in columns.failures]
    for _, row in sorted(rows, key=lambda pair: pair[0]):
        yield row


def _unit_row(columns: Columns, header: Sequence[str], row: int) -> list[str]:
    cells = {"image": neutralised(columns.images[row]), "status": "done"}
    for name in header:
        if name in columns.scalars:
            cells[name] = _measured(name, columns.scalars[name][row].item())
    return [cells.get(name, "") for name in header]


def _measured(name: str, value: Any) -> str:
    if isinstance(value, str):
        return neutralised(value)
    if isinstance(value, bool):
        return str(int(value))
    if name in _CLASS_NUMBERS and value < 0:
        return ""
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return ""
    if name == "seconds":
        return f"{value:.3f}"
    return f"{value:.6f}" if name.endswith("seconds") else f"{value:.8f}"


def _failed_row(failure: Mapping[str, Any], header: Sequence[str]) -> list[str]:
    cells = {
        "image": neutralised(str(failure["image"])),
        "status": "failed",
        "reason": neutralised(str(failure["reason"])),
    }
    return [cells.get(name, "") for name in header]


# --- several results -------------------------------------------------------------------------------------

RESULT_COLUMNS: tuple[str, ...] = (
    "model",
    "architecture",
    "weights_sha256",
    "method",
    "method_title",
    "parameters",
    "enhancement",
    "protocol",
    "target_rule",
    "dataset",
    "dataset_fingerprint",
    "preprocessing",
    "precision",
)
"""What every row of the tables of several results begins with; parameters and enhancement are JSON."""

COUNT_COLUMNS: tuple[str, ...] = ("images", "units", "failed", "degenerate")
FIGURE_COLUMNS: tuple[str, ...] = ("figure", "title", "unit", "better", "value", "low", "high", "n")


def summary_rows(results: Sequence[Summarised]) -> Iterator[list[str]]:
    """One row per result and figure; ``value``, ``low`` and ``high`` are in ``unit`` (percent, not
    fractions).
    """
    yield [*RESULT_COLUMNS, *COUNT_COLUMNS, *FIGURE_COLUMNS]
    for each in results:
        start = [*_described(each), *(str(each.summary[name]) for name in COUNT_COLUMNS)]
        for figure in each.result.figures:
            yield [*start, *_figure_cells(each, figure.key, each.summary["figures"][figure.key])]


def bin_rows(results: Sequence[Summarised]) -> Iterator[list[str]]:
    """One row per result, bin of the clean probability and figure."""
    yield [*RESULT_COLUMNS, "probability_from", "probability_to", "bin_images", *FIGURE_COLUMNS]
    for each in results:
        for item in each.summary["bins"]:
            start = [*_described(each), repr(item["low"]), repr(item["high"]), str(item["count"])]
            for key, interval in item["figures"].items():
                yield [*start, *_figure_cells(each, key, interval)]


def class_rows(results: Sequence[Summarised]) -> Iterator[list[str]]:
    """One row per result, class explained and figure."""
    header = [name for name in FIGURE_COLUMNS if name not in {"low", "high", "n"}]
    yield [*RESULT_COLUMNS, "class", "class_images", "class_units", *header]
    for each in results:
        for item in each.summary["classes"]:
            start = [*_described(each), neutralised(item["name"]), str(item["images"]), str(item["units"])]
            for key, value in item["figures"].items():
                yield [*start, *_figure_cells(each, key, {"value": value})]


def curve_rows(results: Sequence[Summarised]) -> Iterator[list[str]]:
    """One row per result, curve and point: the mean over images with its band, as measured."""
    yield [*RESULT_COLUMNS, "curve", "point", "position", "mean", "low", "high"]
    for each in results:
        start = _described(each)
        for key, curve in each.summary["curves"].items():
            count = len(curve["mean"])
            lows, highs = curve["low"] or [None] * count, curve["high"] or [None] * count
            points = zip(curve["positions"], curve["mean"], lows, highs, strict=True)
            for number, (position, mean, low, high) in enumerate(points):
                place = neutralised(position) if isinstance(position, str) else _number(position)
                yield [*start, key, str(number), place, _number(mean), _number(low), _number(high)]


def _described(each: Summarised) -> list[str]:
    result, protocol = each.result, each.result.experiment.protocol
    return [
        neutralised(result.model),
        neutralised(result.architecture),
        result.weights_sha256,
        result.method,
        neutralised(result.method_title),
        _json(result.parameters),
        "" if result.enhancement is None else _json(result.enhancement),
        protocol.full_name,
        protocol.target_rule,
        neutralised(str(result.dataset.get("name", ""))),
        str(result.dataset.get("fingerprint", "")),
        neutralised(str(result.preprocessing.get("name", _json(result.preprocessing)))),
        result.precision,
    ]


def _figure_cells(each: Summarised, key: str, interval: Mapping[str, Any]) -> list[str]:
    figure = each.figure(key)
    numbers = [
        None if interval[end] is None else scaled(interval[end], figure.unit)
        for end in ("value", "low", "high")
        if end in interval
    ]
    counted = [str(interval["n"])] if "n" in interval else []
    return [key, figure.title, figure.unit, figure.better, *map(_number, numbers), *counted]


def _number(value: float | None) -> str:
    """Eight significant digits, so that no interval is cut by rounding; empty where undefined."""
    return "" if value is None or math.isnan(value) else f"{value:.8g}"


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(dict(value), sort_keys=True, ensure_ascii=False, default=str)
