r"""LaTeX tables (booktabs), with the thesis' layouts.

A document needs \usepackage{booktabs}, and a typesetter that reads UTF-8 (any of today; for Chinese names
XeLaTeX or LuaLaTeX with a suitable font).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from saliency_core.output.matrix import FIGURE, Cell, Heading, Level, Matrix, matrix
from saliency_core.output.numbers import shown, sign
from saliency_core.output.summarised import Summarised, confidence_of

Intervals = Literal["none", "interval", "half_width"]
_ARROWS = {"higher": r" $\uparrow$", "lower": r" $\downarrow$"}
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",  # \textquotedbl needs another font encoding than the usual one
    "×": r"$\times$",
    "·": r"$\cdot$",
    "±": r"$\pm$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "−": r"$-$",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "°": r"$^{\circ}$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
_SPECIAL_PATTERN = re.compile("[" + re.escape("".join(_SPECIAL)) + "]")


def escaped(text: str) -> str:
    """The text with LaTeX's special characters made harmless, line breaks as spaces."""
    return _SPECIAL_PATTERN.sub(lambda found: _SPECIAL[found[0]], " ".join(text.split()))


@dataclass(frozen=True)
class Style:
    """How the cells of a table are written.

    ``intervals``: "none", "interval" for [low, high], "half_width" for ± half of the interval's width.
    ``digits``: decimals in place of the unit's own. ``second``: underline the second best. ``marks``: what is
    set above a value, by position in the list of results and key of the figure (see
    comparison.significance_marks), and ``marks_note`` what it means.
    """

    intervals: Intervals = "none"
    digits: int | None = None
    second: bool = False
    marks: Mapping[tuple[int, str], str] = field(default_factory=dict)
    marks_note: str = ""


def matrix_table(
    results: Sequence[Summarised],
    figures: Sequence[str] | None = None,
    *,
    rows: Sequence[Level] = (("method", "enhancement"),),
    columns: Sequence[Level] = (FIGURE,),
    best_over: Sequence[str] = ("method",),
    figure_titles: Mapping[str, str] | None = None,
    style: Style | None = None,
    caption: str = "",
    label: str = "",
    environment: str = "table",
) -> str:
    """A table of results in rows and columns, see output.matrix.matrix; the best in bold.

    ``caption`` stands before a note on units, images and intervals. ``environment``: "table", "table*" (both
    columns of a page), or "" for the tabular alone. Raises ParameterError where the results differ in
    something that the table does not show.
    """
    style = style or Style()
    table = matrix(results, figures, rows, columns, best_over=best_over, figure_titles=figure_titles)
    body = _tabular(table, style)
    if not environment:
        return "\n".join(body) + "\n"
    note = _note(results, table, style)
    lines = [f"\\begin{{{environment}}}[t]", r"\centering"]
    lines += [f"\\caption{{{' '.join(part for part in (escaped(caption), note) if part)}}}"]
    lines += [f"\\label{{{label}}}"] if label else []
    return "\n".join([*lines, *body, f"\\end{{{environment}}}"]) + "\n"


# --- the thesis' layouts ---------------------------------------------------------------------------------


def table_3_2(results: Sequence[Summarised], style: Style | None = None, caption: str = "") -> str:
    """Insertion / deletion: methods as columns, the figures as rows."""
    return matrix_table(
        results,
        ("insertion_auc", "deletion_auc", "overall"),
        rows=(FIGURE,),
        columns=(("method", "enhancement"),),
        best_over=("method", "enhancement"),
        figure_titles={"insertion_auc": "Insertion", "deletion_auc": "Deletion"},
        style=style,
        caption=caption or "Insertion and deletion.",
        label="tab:insertion-deletion",
        environment="table*",
    )


def table_3_3(
    results: Sequence[Summarised],
    figure: str = "pointing_accuracy",
    style: Style | None = None,
    caption: str = "",
) -> str:
    """Pointing game: methods as rows, data sets (each with its model) as columns."""
    models = len({each.result.model for each in results}) > 1
    return matrix_table(
        results,
        (figure,),
        rows=(("method", "enhancement"),),
        columns=("dataset", *(("model",) if models else ()), FIGURE),
        best_over=("method", "enhancement"),
        style=style,
        caption=caption or "Pointing game.",
        label="tab:pointing-game",
    )


def table_4_2(
    results: Sequence[Summarised],
    figures: Sequence[str] = ("negative_auc", "positive_auc", "overall"),
    figure_titles: Mapping[str, str] | None = None,
    style: Style | None = None,
    caption: str = "",
) -> str:
    """Perturbation: models and methods as rows; for the predicted and the target class, without and with the
    enhancement, the figures (negative, positive, over-all) as columns.
    """
    return matrix_table(
        results,
        figures,
        rows=("model", "method"),
        columns=(("target", "enhancement"), FIGURE),
        figure_titles=figure_titles or {"negative_auc": "Neg.", "positive_auc": "Pos."},
        style=style,
        caption=caption or "Positive and negative perturbation.",
        label="tab:perturbation",
        environment="table*",
    )


def table_4_4(
    results: Sequence[Summarised],
    figures: Sequence[str] = ("pixel_accuracy", "average_precision", "mean_iou"),
    figure_titles: Mapping[str, str] | None = None,
    style: Style | None = None,
    caption: str = "",
) -> str:
    """Segmentation: models and methods as rows; without and with the enhancement the figures (pixel accuracy,
    mAP, mIoU) as columns.
    """
    return matrix_table(
        results,
        figures,
        rows=("model", "method"),
        columns=("enhancement", FIGURE),
        figure_titles=figure_titles
        or {"pixel_accuracy": "Pixel acc.", "average_precision": "mAP", "mean_iou": "mIoU"},
        style=style,
        caption=caption or "Segmentation.",
        label="tab:segmentation",
        environment="table*",
    )


# --- parts -----------------------------------------------------------------------------------------------


def _tabular(table: Matrix, style: Style) -> list[str]:
    sides = len(table.row_levels)
    lines = [f"\\begin{{tabular}}{{{'l' * sides}{'r' * len(table.columns)}}}", r"\toprule"]
    lines += _header(table)
    lines.append(r"\midrule")
    before: Heading | None = None
    for heading, cells in zip(table.rows, table.cells, strict=True):
        changed = before is not None and sides > 1 and heading.labels[0] != before.labels[0]
        if changed:
            lines.append(r"\midrule")
        repeated = before.labels if before is not None and not changed else ()
        names = [
            "" if level < sides - 1 and heading.labels[: level + 1] == repeated[: level + 1] else name
            for level, name in enumerate(_names(heading, "rows", table))
        ]
        lines.append(_row([*names, *(_cell(cell, style) for cell in cells)]))
        before = heading
    return [*lines, r"\bottomrule", r"\end{tabular}"]


def _row(cells: Sequence[str]) -> str:
    r"""A line of a table. After the \\ of the line before, a star or bracket would be taken for its argument."""
    line = " & ".join(cells) + r" \\"
    return f"{{}}{line}" if line.startswith(("*", "[")) else line


def _header(table: Matrix) -> list[str]:
    """One line a level; labels that span several columns have a rule beneath."""
    sides, last = len(table.row_levels), len(table.column_levels) - 1
    lines: list[str] = []
    names = [_names(heading, "columns", table) for heading in table.columns]
    for level in range(last + 1):
        left = [escaped(title) for title in table.row_levels] if level == last else [""] * sides
        if level == last:
            lines.append(" & ".join([*left, *(name[level] for name in names)]) + r" \\")
            continue
        cells, rules, column = [], [], sides + 1
        outer = [heading.labels[: level + 1] for heading in table.columns]
        for _, members in groupby(range(len(outer)), outer.__getitem__):
            group = list(members)
            cells.append(f"\\multicolumn{{{len(group)}}}{{c}}{{{names[group[0]][level]}}}")
            rules.append(f"\\cmidrule(lr){{{column}-{column + len(group) - 1}}}")
            column += len(group)
        lines += [" & ".join([*left, *cells]) + r" \\", "".join(rules)]
    return lines


def _names(heading: Heading, side: str, table: Matrix) -> list[str]:
    """The labels, escaped; a figure's with its direction."""
    names = [escaped(label) for label in heading.labels]
    if heading.figure is not None and table.figure_level is not None and table.figure_level[0] == side:
        level = table.figure_level[1]
        names[level] += _ARROWS.get(heading.figure.better, "")
    return names


def _cell(cell: Cell | None, style: Style) -> str:
    if cell is None or cell.interval.value is None:
        return "--"
    unit, interval = cell.figure.unit, cell.interval
    value = _minus(shown(interval.value, unit, style.digits))
    if cell.best:
        value = f"\\textbf{{{value}}}"
    elif style.second and cell.second:
        value = f"\\underline{{{value}}}"
    mark = style.marks.get((cell.number, cell.figure.key), "")
    if mark:
        value += f"\\textsuperscript{{{escaped(mark)}}}"
    if style.intervals == "none" or interval.low is None or interval.high is None:
        return value
    if style.intervals == "interval":
        low, high = (_minus(shown(end, unit, style.digits)) for end in (interval.low, interval.high))
        return f"{value} [{low}, {high}]"
    return f"{value} $\\pm$ {shown((interval.high - interval.low) / 2, unit, style.digits)}"


def _minus(number: str) -> str:
    return f"$-${number[1:]}" if number.startswith("-") else number


def _note(results: Sequence[Summarised], table: Matrix, style: Style) -> str:
    """What a reader must know: units, images, intervals, marks."""
    parts = []
    figures = {cell.figure.key: cell.figure for row in table.cells for cell in row if cell is not None}
    units = {sign(figure.unit) for figure in figures.values()}
    if len(units) == 1 and "" not in units:
        names = {"%": r"\%", "s": "seconds", "MB": "megabytes", "px": "pixels"}
        parts.append(f"Values in {names.get(next(iter(units)), escaped(next(iter(units))))}")
    elif units - {""}:
        parts += [f"{escaped(f.title)} in {escaped(sign(f.unit))}" for f in figures.values() if sign(f.unit)]
    counts = sorted({each.summary["images"] for each in results})
    images = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    parts.append(f"{images} image{'' if counts == [1] else 's'}".replace(",", r"\,"))
    failed = sum(each.summary["failed"] for each in results)
    if failed:
        most = max(each.summary["failed"] for each in results)
        parts.append(f"up to {most} have no figures and are not counted")
    if style.intervals != "none":
        percent = f"{100 * confidence_of(results):g}"
        what = "in brackets" if style.intervals == "interval" else r"as $\pm$ half of their width"
        parts.append(f"{percent}\\,\\% bootstrap intervals over images {what}")
    best = "best in bold" + (", second best underlined" if style.second else "")
    if any(cell is not None and cell.best for row in table.cells for cell in row):
        parts.append(best)
    if style.marks and style.marks_note:
        parts.append(escaped(style.marks_note))
    return "; ".join(parts) + "."
