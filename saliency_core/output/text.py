"""Several results as plain text: one block for what may be compared, then how each figure was made."""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from saliency_core.output.axes import AXES, titles
from saliency_core.output.matrix import Matrix, matrix
from saliency_core.output.numbers import shown_interval, sign
from saliency_core.output.summarised import Summarised, confidence_of

_ARROWS = {"higher": " ↑", "lower": " ↓"}


def results_text(results: Sequence[Summarised], further: Sequence[str] = ("accuracy", "map_seconds")) -> str:
    """A block for every protocol, data set and model: methods × figures with intervals, the best of a column
    marked; then the images without figures and the provenance of each result.

    ``further``: keys of figures shown after the experiment's own.
    """
    lines = ["Saliscope results", ""]
    percent = round(100 * confidence_of(results), 1)
    lines += [
        f"Value [{percent:g} % bootstrap interval over images]; * the best of its column, as shown.",
        "↑ higher is better, ↓ lower is better.",
    ]
    for members in blocks(results):
        first = members[0].result
        lines += ["", first.experiment.protocol.full_name]
        lines += [f"  {first.experiment.description.title}. {first.experiment.protocol.summary}"]
        lines += [f"  Model: {first.model}   Data set: {AXES['dataset'].label(first)}", ""]
        own = [figure.key for figure in first.experiment.figures()]
        keys = [*own, *(key for key in further if key not in own)]
        lines += matrix_lines(matrix(members, keys, best_over=("method", "enhancement")), members)
    failures = _failures(results)
    if failures:
        lines += ["", "Images without figures", "", *failures]
    lines += ["", "How the figures were made", *_provenance_lines(results)]
    return "\n".join(lines) + "\n"


def blocks(results: Sequence[Summarised]) -> list[list[Summarised]]:
    """The results in groups of one protocol, data set and model, in the order of their first members."""
    groups: dict[Hashable, list[Summarised]] = {}
    for each in results:
        key = tuple(AXES[name].identity(each.result) for name in ("protocol", "dataset", "model"))
        groups.setdefault(key, []).append(each)
    return list(groups.values())


def matrix_lines(table: Matrix, results: Sequence[Summarised]) -> list[str]:
    """A matrix with one result a row as aligned lines, with the counts of images at the end of each."""
    header = [table.row_levels[0]]
    for column in table.columns:
        figure = column.figure
        assert figure is not None
        unit = f" ({sign(figure.unit)})" if sign(figure.unit) else ""
        header.append(f"{column.labels[-1]}{unit}{_ARROWS.get(figure.better, '')}")
    rows = [[*header, "Images", "Failed", "Constant maps"]]
    for heading, cells in zip(table.rows, table.cells, strict=True):
        texts = [
            "" if cell is None else shown_interval(cell.interval, cell.figure.unit) + " *" * cell.best
            for cell in cells
        ]
        summary = results[next(cell.number for cell in cells if cell is not None)].summary
        counts = [str(summary[name]) for name in ("images", "failed", "degenerate")]
        rows.append([heading.labels[0], *texts, *counts])
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns padded to their widest cell, two spaces apart; East Asian characters are two cells wide."""
    widths = [max(_width(cell) for cell in column) for column in zip_longest(*rows, fillvalue="")]
    return [
        "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=False)
        ).rstrip()
        for row in rows
    ]


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


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def _failures(results: Sequence[Summarised]) -> list[str]:
    """Each image once with its reason, and with which of the results it is missing."""
    missing: dict[tuple[str, str], list[str]] = {}
    for title, each in zip(titles([each.result for each in results]), results, strict=True):
        for failure in each.result.columns.failures:
            missing.setdefault((str(failure["image"]), str(failure["reason"])), []).append(title)
    return [
        f"{image}: {reason}" + (f" ({', '.join(names)})" if len(names) < len(results) else "")
        for (image, reason), names in missing.items()
    ]


def _provenance_lines(results: Sequence[Summarised]) -> list[str]:
    """What all results have in common, once, then the rest of each."""
    everything = [provenance(each) for each in results]
    common: dict[str, object] = {}
    if len(results) > 1:
        common = {
            name: value
            for name, value in everything[0].items()
            if all(name in other and other[name] == value for other in everything)
        }
    lines = ["", "All results", *(f"  {line}" for line in tree_lines(common))] if common else []
    for title, facts in zip(titles([each.result for each in results]), everything, strict=True):
        own = {name: value for name, value in facts.items() if name not in common}
        lines += ["", title, *(f"  {line}" for line in tree_lines(own))]
    return lines


def provenance(each: Summarised) -> dict[str, object]:
    """What must be known to quote or repeat a result, for people."""
    result = each.result
    protocol = result.experiment.protocol.to_dict()
    return {
        "model": result.model,
        "architecture": result.architecture,
        "weights sha256": result.weights_sha256,
        "preprocessing": result.preprocessing,
        "method": result.method,
        "parameters": result.parameters,
        **({"enhancement": result.enhancement} if result.enhancement is not None else {}),
        "protocol": protocol,
        "data set": result.dataset,
        "precision": result.precision,
        "intervals": each.summary["interval"],
        **result.environment,
    }
