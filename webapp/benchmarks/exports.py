"""What can be taken away: one row an image as CSV, and a report as plain text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from saliency_core.experiments.base import protocol as find_protocol
from saliency_core.experiments.summary import confidence_bins, summarise
from saliency_core.report import csv_rows, text_report
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.selectors import environments_of, results_of, working_seconds


def csv_lines(benchmark: Benchmark) -> Iterator[str]:
    """The table of the images, line by line: measured and failed ones, in the order of the data set."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for row in csv_rows(results_of(benchmark, with_curves=False)):
        writer.writerow(row)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def report_text(benchmark: Benchmark) -> str:
    """Everything one needs to quote the benchmark or to repeat it, with its figures."""
    columns = results_of(benchmark, with_curves=False)
    return text_report(provenance(benchmark), summarise(columns), confidence_bins(columns), columns.failures)


def provenance(benchmark: Benchmark) -> dict[str, Any]:
    """What was measured, how, with what and when."""
    specification = benchmark.specification
    classifier, dataset, subset = (
        specification["classifier"],
        specification["dataset"],
        specification["subset"],
    )
    method, experiment = specification["methods"][0], specification["experiments"][0]
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
            "preprocessing": classifier["preprocessing"],
        },
        "data set": {
            "name": dataset["name"],
            "format": dataset["format"],
            "fingerprint": dataset["fingerprint"],
            "images": f"{subset['count']} of {dataset['number_of_images']} (subset seed {subset['seed']})",
        },
        "method": {"key": method["key"], **method["parameters"]},
        "protocol": find_protocol(experiment["key"], experiment["protocol"]).to_dict(),
        "precision": specification["precision"],
        "specification sha256": benchmark.specification_sha256 or "not sealed yet",
        "devices": sorted({str(environment.get("device")) for environment in environments}) or ["none yet"],
        "versions": environments[0].get("versions", {}) if environments else {},
    }


def _time(value: Any) -> str:
    return value.strftime("%Y-%m-%d %H:%M:%S UTC") if value else "not yet"


def _duration(seconds: float | None) -> str:
    return "not yet" if seconds is None else f"{seconds:.1f} s"
