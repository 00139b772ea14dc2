"""The command report: results of several runs put together."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from saliency_core.errors import ParameterError
from saliency_core.output import latex
from saliency_core.output.files import write_text
from saliency_core.output.folder import write_folder
from saliency_core.output.json_document import read_json
from saliency_core.output.summarised import Summarised


def _pointing_table(results: Sequence[Summarised], style: latex.Style) -> str:
    return latex.table_3_3(results, results[0].result.experiment.figures()[0].key, style)


def _segmentation_table(results: Sequence[Summarised], style: latex.Style) -> str:
    return latex.table_4_4(results, ("pixel_accuracy", "average_precision", "mean_iou"), style=style)


# The experiment and the layout of each of the thesis' tables.
LAYOUTS: dict[str, tuple[str, Callable[[Sequence[Summarised], latex.Style], str]]] = {
    "3-2": ("insertion_deletion", latex.table_3_2),
    "3-3": ("pointing_game", _pointing_table),
    "4-2": ("perturbation", lambda results, style: latex.table_4_2(results, style=style)),
    "4-4": ("segmentation", _segmentation_table),
}


def add_commands(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "report",
        help="put the results of several runs together",
        description="Put results of the command benchmark together: report, tables and comparisons of all of "
        "them, or one table in a layout of the thesis.",
    )
    parser.add_argument("files", nargs="+", metavar="results.json")
    parser.add_argument("--table", choices=LAYOUTS, help="only this table of the thesis, as LaTeX")
    parser.add_argument(
        "--intervals", default="none", choices=("none", "interval", "half_width"), help="in that table"
    )
    parser.add_argument("--out", required=True, metavar="DIR|FILE.tex")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    results = [each for file in options.files for each in read_json(Path(file))]
    if options.table is None:
        print(write_folder(results, options.out), end="")
        return
    experiment, layout = LAYOUTS[options.table]
    chosen = [each for each in results if each.result.experiment.description.key == experiment]
    if not chosen:
        raise ParameterError(f"Table {options.table} is of {experiment}; these files have no results of it.")
    write_text(options.out, layout(chosen, latex.Style(intervals=options.intervals)))
    print(f"Written to {options.out}")
