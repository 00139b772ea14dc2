"""Everything about several results in one folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from saliency_core.errors import ParameterError
from saliency_core.output.axes import titles
from saliency_core.output.comparison import Comparison, compare, comparison_text, pair_rows
from saliency_core.output.figures import (
    confidence_bins_figure,
    critical_difference_figure,
    distribution_figure,
    interval_figure,
    mean_curves_figure,
    save,
)
from saliency_core.output.files import write_rows, write_text
from saliency_core.output.json_document import write_json
from saliency_core.output.latex import matrix_table
from saliency_core.output.summarised import Summarised
from saliency_core.output.tables import bin_rows, class_rows, curve_rows, summary_rows, unit_rows
from saliency_core.output.text import blocks, results_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure


# The share of the work that is done when methods are compared, and when the tables are written.
_COMPARED, _TABLES = 0.4, 0.7


def write_folder(
    results: Sequence[Summarised],
    folder: str | Path,
    *,
    figures: bool = True,
    images_in_json: bool = True,
    report_progress: Callable[[float], None] = lambda _share: None,
) -> str:
    """Write report.txt, summary.csv, curves.csv, bins.csv, classes.csv, results.json, tables.tex,
    comparison.csv and, in images/, a table with a row per image for every result; with ``figures`` also plots
    of each protocol as PNG and SVG in figures/. Without ``images_in_json`` the JSON has no per-image columns,
    which for many images are large. ``report_progress`` is told the share that is done (0 to 1) and may raise to
    stop. The text of the report, which ends with the comparison of all pairs of
    methods under each protocol.
    """
    folder = Path(folder)
    compared = comparisons(results, lambda share: report_progress(_COMPARED * share))
    report = results_text(results) + "".join(f"\n{comparison_text(each)}" for each in compared)
    write_text(folder / "report.txt", report)
    write_rows(folder / "summary.csv", summary_rows(results))
    write_rows(folder / "curves.csv", curve_rows(results))
    write_rows(folder / "bins.csv", bin_rows(results))
    write_rows(folder / "classes.csv", class_rows(results))
    write_json(folder / "results.json", results, with_images=images_in_json)
    write_text(folder / "tables.tex", "\n".join(matrix_table(block) for block in blocks(results)))
    if compared:
        write_rows(folder / "comparison.csv", _pair_rows(compared))
    for number, (name, each) in enumerate(zip(file_names(results), results, strict=True)):
        report_progress(_COMPARED + (_TABLES - _COMPARED) * number / len(results))
        write_rows(folder / "images" / f"{name}.csv", unit_rows(each.result.columns))
    if figures:
        write_figures(
            results,
            folder / "figures",
            compared,
            lambda share: report_progress(_TABLES + (1 - _TABLES) * share),
        )
    return report


def write_figures(
    results: Sequence[Summarised],
    folder: str | Path,
    compared: Sequence[Comparison] | None = None,
    report_progress: Callable[[float], None] = lambda _share: None,
) -> list[Path]:
    """Plots of each protocol, model and data set as PNG and SVG: mean curves, figures with intervals, bins by
    confidence, spread over the images and, of three methods or more, critical differences. What a protocol
    does not have is left out. ``compared``: the results' comparisons, if they are there already;
    ``report_progress`` as in :func:`write_folder`.
    """
    folder = Path(folder)
    found = {each.titles: each for each in (comparisons(results) if compared is None else compared)}
    written: list[Path] = []
    groups = blocks(results)
    for number, (name, block) in enumerate(zip(_block_names(groups), groups, strict=True)):
        if not any(each.summary["images"] for each in block):
            continue
        plots = _plots(block, found.get(tuple(titles([each.result for each in block]))))
        for drawn, (kind, draw) in enumerate(plots.items()):
            report_progress((number + drawn / len(plots)) / len(groups))
            try:
                figure = draw()
            except ParameterError:
                continue  # what this plot shows is not among the results
            written += [save(figure, folder / f"{name}-{kind}.{ending}") for ending in ("png", "svg")]
    return written


def _plots(
    block: Sequence[Summarised], comparison: Comparison | None
) -> dict[str, Callable[[], MatplotlibFigure]]:
    plots: dict[str, Callable[[], MatplotlibFigure]] = {
        "mean-curves": lambda: mean_curves_figure(block),
        "intervals": lambda: interval_figure(block),
        "by-confidence": lambda: confidence_bins_figure(block),
        "spread": lambda: distribution_figure(block),
    }
    if comparison is not None:
        plots["critical-difference"] = lambda: critical_difference_figure(comparison)
    return plots


def _block_names(groups: Sequence[Sequence[Summarised]]) -> list[str]:
    names = [group[0].result.experiment.protocol.full_name.replace("/", "-") for group in groups]
    return [name if names.count(name) == 1 else f"{name}-{number + 1}" for number, name in enumerate(names)]


def comparisons(
    results: Sequence[Summarised], report_progress: Callable[[float], None] = lambda _share: None
) -> list[Comparison]:
    """All pairs of methods under each protocol, model and data set with several methods; ``report_progress`` as in
    :func:`write_folder`.
    """
    settings = results[0].summary["interval"]
    compared = [
        block
        for block in blocks(results)
        if len(block) > 1 and any(figure.better for figure in block[0].result.experiment.figures())
    ]
    found: list[Comparison] = []

    def report(share: float) -> None:
        report_progress((len(found) + share) / len(compared))

    for block in compared:
        found.append(
            compare(
                [each.result for each in block],
                method=settings["method"],
                confidence=settings["confidence"],
                seed=settings["seed"],
                report_progress=report,
            )
        )
    return found


def file_names(results: Sequence[Summarised]) -> list[str]:
    """A name for each result without special characters, all different."""
    names: list[str] = []
    named = {
        protocol: iter(titles([each.result for each in results if _protocol(each) == protocol]))
        for protocol in dict.fromkeys(_protocol(each) for each in results)
    }
    for protocol in map(_protocol, results):
        name = re.sub(r"[^\w@.-]+", "-", f"{protocol}-{next(named[protocol])}").strip("-").lower()
        names.append(name if name not in names else f"{name}-{len(names)}")
    return names


def _protocol(each: Summarised) -> str:
    return each.result.experiment.protocol.full_name


def _pair_rows(compared: Sequence[Comparison]) -> list[list[str]]:
    rows: list[list[str]] = []
    for each in compared:
        header, *own = pair_rows(each)
        rows += own if rows else [header, *own]
    return rows
