"""What can be taken away at once: tables, LaTeX, JSON and a report from the summaries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from saliency_core.experiments.columns import Columns
from saliency_core.experiments.result import Result
from saliency_core.experiments.summary import summarise_result
from saliency_core.output.files import csv_lines
from saliency_core.output.json_document import json_text
from saliency_core.output.latex import matrix_table
from saliency_core.output.summarised import Summarised
from saliency_core.output.tables import bin_rows, class_rows, curve_rows, summary_rows, unit_rows
from saliency_core.output.text import blocks, results_text, tree_lines
from webapp.benchmarks.models import Benchmark, ResultSummary
from webapp.benchmarks.results import Place, columns_of, environment_of, places_of, result_of
from webapp.benchmarks.selectors import environments_of, working_seconds
from webapp.benchmarks.summaries import RESAMPLES

Rows = Iterable[Sequence[str]]

TABLES: Mapping[str, Callable[[Sequence[Summarised]], Rows]] = {
    "summary": summary_rows,
    "classes": class_rows,
    "bins": bin_rows,
    "curves": curve_rows,
}
# Beyond this the JSON document has no columns by image, which the tables have all the same.
MOST_UNITS_IN_JSON = 10_000


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
    return {**row.content, "classes": row.classes}


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
