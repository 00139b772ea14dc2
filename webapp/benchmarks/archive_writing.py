"""Writing everything about a benchmark as one ZIP: tables, plots, report, JSON and the specification."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from saliency_core.experiments.columns import Columns
from saliency_core.output.folder import write_folder
from saliency_core.output.summarised import Summarised
from saliency_core.output.text import aligned, tree_lines
from webapp.benchmarks.exports import MOST_UNITS_IN_JSON, provenance, summarised_results
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.results import Place, columns_of, places_of

Report = Callable[[float], None]

# How far it is when the measured values are read, and when the tables and plots are written.
READ, WRITTEN = 0.2, 0.9

_FILES = {
    "README.txt": "this text",
    "benchmark.txt": "what was measured, when and with what",
    "specification.json": "everything that determines the figures; its SHA-256 is in benchmark.txt",
    "report.txt": "figures with intervals, comparisons in pairs, images without figures, provenance",
    "summary.csv": "one row a result and figure: value and interval",
    "classes.csv": "one row a result, class explained and figure",
    "bins.csv": "one row a result, range of the clean probability and figure",
    "curves.csv": "one row a result, curve and point: mean and band",
    "comparison.csv": "one row a figure and pair of methods: difference, tests, effect sizes",
    "tables.tex": "tables of methods and figures; needs \\usepackage{booktabs}",
    "results.json": "all of it as one document (saliscope-results/1); fractions of 1 where the unit is percent",
    "images/": "one row an image of each method and experiment, those that failed with their reason",
    "figures/": "plots of each protocol as PNG and SVG",
}


def write_archive(benchmark: Benchmark, path: Path, report: Report = lambda _share: None) -> None:
    """Writes everything about the benchmark as one ZIP, in one step. `report` is told the share that is done, and may
    raise to stop: nothing is left then.
    """
    # A name of its own, so that what a killed process left is found and removed by the next one.
    work = path.with_suffix(".part")
    shutil.rmtree(work, ignore_errors=True)
    try:
        folder = work / f"benchmark-{benchmark.pk}"
        folder.mkdir(parents=True)
        _write_files(benchmark, folder, report)
        files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        with zipfile.ZipFile(work / "archive", "w", zipfile.ZIP_DEFLATED) as archive:
            for number, file in enumerate(files):
                report(WRITTEN + (1 - WRITTEN) * number / len(files))
                archive.write(file, file.relative_to(work))
        (work / "archive").replace(path)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write_files(benchmark: Benchmark, folder: Path, report: Report) -> None:
    units = sum(row.content["units"] for row in benchmark.summaries.only("content"))
    small = units <= MOST_UNITS_IN_JSON
    places = places_of(benchmark)

    def columns(place: Place) -> Columns:
        report(READ * places.index(place) / len(places))
        return columns_of(benchmark, place, with_curves=small)

    results = summarised_results(benchmark, columns=columns)
    write_folder(
        results,
        folder,
        images_in_json=small,
        report_progress=lambda share: report(READ + (WRITTEN - READ) * share),
    )
    lines = tree_lines(provenance(benchmark))
    (folder / "benchmark.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    specification = dict(benchmark.specification)
    # Where data lie on the server is nobody's business elsewhere.
    specification["dataset"] = {
        key: value for key, value in specification["dataset"].items() if key != "path"
    }
    (folder / "specification.json").write_text(
        json.dumps(specification, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
    )
    (folder / "README.txt").write_text(readme(benchmark, results), encoding="utf-8")


def readme(benchmark: Benchmark, results: Sequence[Summarised]) -> str:
    """What is in the archive: files, units, protocols."""
    lines = [f"Saliscope: benchmark {benchmark}", "", "Files", ""]
    lines += aligned([[f"  {name}", text] for name, text in _FILES.items()])
    lines += ["", "Protocols and figures", ""]
    for experiment in {
        each.result.experiment.protocol.full_name: each.result.experiment for each in results
    }.values():
        lines.append(f"  {experiment.protocol.full_name}: {experiment.protocol.summary}")
        for figure in experiment.figures():
            unit = figure.unit or "plain number"
            better = f", {figure.better} is better" if figure.better else ""
            lines.append(f"    {figure.key} ({unit}{better}): {figure.summary}")
    lines += [
        "",
        "In tables the values are in the unit that the column “unit” names; in images/ they are as measured",
        "(shares are fractions of 1). Intervals are 95 % bootstrap intervals over images. An empty cell is not",
        "defined. Text that a spreadsheet would run as a formula begins with an apostrophe. Files are UTF-8.",
    ]
    return "\n".join(lines) + "\n"
