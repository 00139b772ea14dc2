"""What can be taken away: tables, LaTeX, JSON and a report from the summaries, and one archive with everything."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from django.conf import settings

from saliency_core.experiments.columns import Columns
from saliency_core.experiments.result import Result
from saliency_core.experiments.summary import summarise_result
from saliency_core.output.files import csv_lines
from saliency_core.output.folder import write_folder
from saliency_core.output.json_document import json_text
from saliency_core.output.latex import matrix_table
from saliency_core.output.summarised import Summarised
from saliency_core.output.tables import bin_rows, class_rows, curve_rows, summary_rows, unit_rows
from saliency_core.output.text import aligned, blocks, results_text, tree_lines
from webapp.benchmarks.models import Benchmark, ResultSummary
from webapp.benchmarks.results import Place, columns_of, environment_of, places_of, result_of
from webapp.benchmarks.selectors import environments_of, working_seconds
from webapp.benchmarks.summaries import RESAMPLES, result_counts
from webapp.environment import REPOSITORY

Rows = Iterable[Sequence[str]]

TABLES: Mapping[str, Callable[[Sequence[Summarised]], Rows]] = {
    "summary": summary_rows,
    "classes": class_rows,
    "bins": bin_rows,
    "curves": curve_rows,
}
# Beyond this the JSON document has no columns by image, which the tables have all the same.
MOST_UNITS_IN_JSON = 10_000
ARCHIVE_SECONDS = 600

_archive_lock = Lock()


class ArchiveFailed(Exception):
    """The archive could not be made; the message says why."""


# --- tables and texts ----------------------------------------------------------------------------------------


def image_lines(benchmark: Benchmark, *, method_index: int = 0, experiment_index: int = 0) -> Iterator[str]:
    """The table of the images, line by line: measured and failed ones, in the order of the data set."""
    return csv_lines(unit_rows(columns_of(benchmark, (method_index, experiment_index), with_curves=False)))


def table_lines(benchmark: Benchmark, name: str) -> Iterator[str]:
    """One of TABLES over all methods and experiments, line by line."""
    return csv_lines(TABLES[name](summarised_results(benchmark)))


def latex_text(benchmark: Benchmark) -> str:
    """A table of methods and figures for every experiment."""
    return "\n".join(matrix_table(block) for block in blocks(summarised_results(benchmark)))


def results_json(benchmark: Benchmark, *, with_images: bool | None = None) -> str:
    """Everything as one document, with the columns by image unless there are very many, or as `with_images` says."""
    if with_images is None:
        units = sum(row.content["units"] for row in benchmark.summaries.only("content"))
        with_images = units <= MOST_UNITS_IN_JSON
    found = summarised_results(
        benchmark, columns=(lambda place: columns_of(benchmark, place)) if with_images else None
    )
    return json_text(found, with_images=with_images)


def report_text(benchmark: Benchmark) -> str:
    """Everything one needs to quote the benchmark or to repeat it, with its figures."""
    lines = ["Saliscope benchmark report", "", *tree_lines(provenance(benchmark)), "", ""]
    return "\n".join(lines) + results_text(summarised_results(benchmark))


def summarised_results(
    benchmark: Benchmark, *, columns: Callable[[Place], Columns] | None = None
) -> list[Summarised]:
    """The results with the figures that are kept; without `columns` they have their failures only.

    Nothing is computed but for what has no summary yet.
    """
    environment = environment_of(benchmark)
    rows = {(row.method_index, row.experiment_index): row for row in benchmark.summaries.defer("running")}
    found = []
    for place in places_of(benchmark):
        row = rows.get(place)
        known = Columns(failures=row.content["failures"] if row else [])
        result = result_of(benchmark, place, columns(place) if columns else known, environment)
        found.append(Summarised(result, summary_of(row, result)))
    return found


def summary_of(row: ResultSummary | None, result: Result) -> dict[str, Any]:
    """What is kept of a result as summarise_result of saliency_core makes it."""
    if row is None:
        return summarise_result(Columns(), result.experiment, resamples=RESAMPLES)
    return {
        **row.content,
        "classes": row.classes,
        "interval": {**row.content["interval"], "resamples": RESAMPLES},
    }


def provenance(benchmark: Benchmark) -> dict[str, Any]:
    """What was measured, when and with what; how, is with each result."""
    specification = benchmark.specification
    classifier, dataset, subset = (
        specification["classifier"],
        specification["dataset"],
        specification["subset"],
    )
    environments = environments_of(benchmark)
    return {
        "benchmark": str(benchmark),
        "state": benchmark.state,
        "owner": f"{benchmark.owner.username} ({benchmark.owner.account_number})",
        "queued": _time(benchmark.created),
        "started": _time(benchmark.started),
        "finished": _time(benchmark.finished),
        "duration": _duration(working_seconds(benchmark)),
        "model": {
            "name": classifier["name"],
            "architecture": f"{classifier['library']} {classifier['architecture']}",
            "weights sha256": classifier["weights_sha256"] or "not known yet",
            "output activation": classifier.get("activation", "softmax"),
        },
        "data set": {
            "name": dataset["name"],
            "format": dataset["format"],
            "fingerprint": dataset["fingerprint"],
            "images": f"{subset['count']} of {dataset['number_of_images']} (subset seed {subset['seed']})",
        },
        "specification sha256": benchmark.specification_sha256 or "not sealed yet",
        "devices": sorted({str(environment.get("device")) for environment in environments}) or ["none yet"],
        "versions": environments[0].get("versions", {}) if environments else {},
    }


def _time(value: Any) -> str:
    return value.strftime("%Y-%m-%d %H:%M:%S UTC") if value else "not yet"


def _duration(seconds: float | None) -> str:
    return "not yet" if seconds is None else f"{seconds:.1f} s"


# --- the archive ---------------------------------------------------------------------------------------------


def archive_path(benchmark: Benchmark) -> Path:
    """The archive of what there is now, made unless it is there: by another process, as plots need much memory.

    One at a time; the archive of earlier results is deleted. Raises ArchiveFailed.
    """
    folder = settings.STATE_DIR / "exports"
    path = folder / f"benchmark-{benchmark.pk}-{_state(benchmark)}.zip"
    with _archive_lock:
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            _make(benchmark, path)
            for other in folder.glob(f"benchmark-{benchmark.pk}-*.zip"):
                if other != path:
                    other.unlink(missing_ok=True)
    return path


def _state(benchmark: Benchmark) -> str:
    state = [
        benchmark.created.isoformat(),
        benchmark.state,
        benchmark.figures_complete,
        benchmark.figures_shards,
    ]
    counts = sorted(result_counts(benchmark).items())
    return hashlib.sha256(json.dumps([state, counts]).encode()).hexdigest()[:16]


def _make(benchmark: Benchmark, path: Path) -> None:
    command = [
        sys.executable,
        str(REPOSITORY / "manage.py"),
        "export_benchmark",
        str(benchmark.pk),
        str(path),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ARCHIVE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ArchiveFailed(f"It took longer than {ARCHIVE_SECONDS} seconds.") from None
    if done.returncode:
        raise ArchiveFailed((done.stderr.strip().splitlines() or ["The process that makes it ended."])[-1])


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


def write_archive(benchmark: Benchmark, path: Path) -> None:
    """Writes everything about the benchmark as one ZIP, in one step."""
    units = sum(row.content["units"] for row in benchmark.summaries.only("content"))
    small = units <= MOST_UNITS_IN_JSON
    results = summarised_results(
        benchmark, columns=lambda place: columns_of(benchmark, place, with_curves=small)
    )
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        folder = Path(name) / f"benchmark-{benchmark.pk}"
        write_folder(results, folder, images_in_json=small)
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
        part = Path(name) / "archive.part"
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.rglob("*")):
                if file.is_file():
                    archive.write(file, file.relative_to(folder.parent))
        part.replace(path)
