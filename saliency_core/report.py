"""Results as plain text and as CSV, for the command line and the web application alike."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

from saliency_core.experiments.columns import Columns

CSV_COLUMNS: tuple[str, ...] = (
    "image",
    "target",
    "target_name",
    "label",
    "probability",
    "insertion_auc",
    "deletion_auc",
    "overall",
    "degenerate",
    "seconds",
    "status",
    "reason",
)
_FIGURE_TITLES = {"insertion_auc": "Insertion AUC", "deletion_auc": "Deletion AUC", "overall": "Over-all"}


def neutralised(text: str) -> str:
    """The text with a leading ' where a spreadsheet would otherwise run it as a formula."""
    return f"'{text}" if text.lstrip(" ")[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") and text else text


def csv_rows(columns: Columns) -> Iterator[list[str]]:
    """Header and one row per image in the order of the data set; failed images are rows with their reason."""
    yield list(CSV_COLUMNS)
    rows = [(int(index), _measured_row(columns, position)) for position, index in enumerate(columns.indices)]
    rows += [(int(failure["index"]), _failed_row(failure)) for failure in columns.failures]
    for _, row in sorted(rows, key=lambda pair: pair[0]):
        yield row


def write_csv(columns: Columns, file: TextIO) -> None:
    csv.writer(file, lineterminator="\n").writerows(csv_rows(columns))


def _measured_row(columns: Columns, position: int) -> list[str]:
    cells = {"image": neutralised(columns.images[position]), "status": "done", "reason": ""}
    for name in CSV_COLUMNS:
        if name in columns.scalars:
            cells[name] = _cell(name, columns.scalars[name][position].item())
    return [cells.get(name, "") for name in CSV_COLUMNS]


def _cell(name: str, value: Any) -> str:
    if isinstance(value, str):
        return neutralised(value)
    if isinstance(value, bool):
        return str(int(value))
    if name == "label" and value < 0:
        return ""
    if name == "seconds":
        return f"{value:.3f}"
    return f"{value:.8f}" if isinstance(value, float) else str(value)


def _failed_row(failure: Mapping[str, Any]) -> list[str]:
    cells = {
        "image": neutralised(str(failure["image"])),
        "status": "failed",
        "reason": neutralised(str(failure["reason"])),
    }
    return [cells.get(name, "") for name in CSV_COLUMNS]


def percent(interval: Mapping[str, Any] | None) -> str:
    """A figure in percent with its interval: "53.19 [52.80, 53.57]"."""
    if interval is None or interval["mean"] is None:
        return "–"
    mean = f"{100 * interval['mean']:.2f}"
    if interval["low"] is None:
        return mean
    return f"{mean} [{100 * interval['low']:.2f}, {100 * interval['high']:.2f}]"


def text_report(
    provenance: Mapping[str, Any],
    summary: Mapping[str, Any],
    bins: Sequence[Mapping[str, Any]] = (),
    failures: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Plain text: what was measured and how, the figures in percent with 95 % intervals, the bins, the
    failed images.

    ``provenance`` is printed in its order; nested mappings are indented.
    """
    lines = ["Saliscope benchmark report", "", *tree_lines(provenance), "", *summary_lines(summary)]
    if bins:
        lines += ["", "By probability of the class on the untouched image", ""]
        lines += [f"{'probability':<18}{'images':>8}  {'insertion':<24}{'deletion':<24}over-all"]
        last = bins[-1]
        for row in bins:
            bracket = "]" if row is last else ")"
            edges = f"[{row['low']:g}, {row['high']:g}{bracket}"
            figures = "".join(f"{percent(row[figure]):<24}" for figure in _FIGURE_TITLES)
            lines.append(f"{edges:<18}{row['count']:>8}  {figures}".rstrip())
    if failures:
        lines += ["", "Images without figures", ""]
        lines += [f"{failure['image']}: {failure['reason']}" for failure in failures]
    return "\n".join(lines) + "\n"


def summary_lines(summary: Mapping[str, Any]) -> list[str]:
    """The figures as lines of text, in percent with 95 % intervals."""
    lines = ["Results in percent, with 95 % bootstrap intervals over images", ""]
    lines += [f"{title:<18}{percent(summary[figure])}" for figure, title in _FIGURE_TITLES.items()]
    if summary.get("accuracy"):
        lines.append(
            f"{'Top-1 accuracy':<18}{percent(summary['accuracy'])}  (n = {summary['accuracy']['n']})"
        )
    lines += [
        f"{'Images':<18}{summary['images']}",
        f"{'Failed':<18}{summary['failed']}",
        f"{'Constant maps':<18}{summary['degenerate']}",
    ]
    return lines


def tree_lines(values: Mapping[str, Any], indent: int = 0) -> list[str]:
    """One line a value, nested mappings indented."""
    lines = []
    for key, value in values.items():
        title = f"{' ' * indent}{key}:"
        if isinstance(value, Mapping):
            lines += [title, *tree_lines(value, indent + 2)]
        else:
            text = ", ".join(str(item) for item in value) if isinstance(value, (list, tuple)) else str(value)
            lines.append(f"{title:<26} {text}")
    return lines
