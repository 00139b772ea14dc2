"""Everything about several results in one folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from saliency_core.output.axes import titles
from saliency_core.output.comparison import Comparison, compare, comparison_text, pair_rows
from saliency_core.output.files import write_rows, write_text
from saliency_core.output.json_document import write_json
from saliency_core.output.latex import matrix_table
from saliency_core.output.summarised import Summarised
from saliency_core.output.tables import bin_rows, curve_rows, summary_rows, unit_rows
from saliency_core.output.text import blocks, results_text


def write_folder(results: Sequence[Summarised], folder: str | Path) -> str:
    """Write report.txt, summary.csv, curves.csv, bins.csv, results.json, tables.tex, comparison.csv and, in
    images/, a table with a row per image for every result. The text of the report, which ends with the
    comparison of all pairs of methods under each protocol.
    """
    folder = Path(folder)
    compared = comparisons(results)
    report = results_text(results) + "".join(f"\n{comparison_text(each)}" for each in compared)
    write_text(folder / "report.txt", report)
    write_rows(folder / "summary.csv", summary_rows(results))
    write_rows(folder / "curves.csv", curve_rows(results))
    write_rows(folder / "bins.csv", bin_rows(results))
    write_json(folder / "results.json", results)
    write_text(folder / "tables.tex", "\n".join(matrix_table(block) for block in blocks(results)))
    if compared:
        write_rows(folder / "comparison.csv", _pair_rows(compared))
    for name, each in zip(file_names(results), results, strict=True):
        write_rows(folder / "images" / f"{name}.csv", unit_rows(each.result.columns))
    return report


def comparisons(results: Sequence[Summarised]) -> list[Comparison]:
    """All pairs of methods under each protocol, model and data set with several methods."""
    settings = results[0].summary["interval"]
    return [
        compare(
            [each.result for each in block],
            method=settings["method"],
            confidence=settings["confidence"],
            resamples=settings["resamples"],
            seed=settings["seed"],
        )
        for block in blocks(results)
        if len(block) > 1 and any(figure.better for figure in block[0].result.experiment.figures())
    ]


def file_names(results: Sequence[Summarised]) -> list[str]:
    """A name for each result without special characters, all different."""
    names: list[str] = []
    for each, title in zip(results, titles([item.result for item in results]), strict=True):
        protocol = each.result.experiment.protocol.full_name.replace("/", "-")
        name = re.sub(r"[^\w@.-]+", "-", f"{protocol}-{title}").strip("-").lower()
        names.append(name if name not in names else f"{name}-{len(names)}")
    return names


def _pair_rows(compared: Sequence[Comparison]) -> list[list[str]]:
    rows: list[list[str]] = []
    for each in compared:
        header, *own = pair_rows(each)
        rows += own if rows else [header, *own]
    return rows
