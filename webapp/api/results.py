"""The results of a benchmark as one JSON document: what its summaries' rows keep."""

from __future__ import annotations

from typing import Any

from webapp.api.serializers.benchmarks import shown_specification
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.selectors import environments_of


def results_json(benchmark: Benchmark, *, to_administrator: bool) -> dict[str, Any]:
    """Everything that determines the figures, then the summary of every method under every experiment (indices into
    the specification's lists) and, for every experiment, the methods compared in pairs.
    """
    return {
        "benchmark": benchmark.pk,
        "state": benchmark.state,
        "specification": shown_specification(benchmark, to_administrator),
        "specification_sha256": benchmark.specification_sha256,
        "environments": environments_of(benchmark),
        "results": [
            {
                "method": row.method_index,
                "experiment": row.experiment_index,
                "complete": row.complete,
                **row.content,
                "classes": row.classes,
            }
            for row in benchmark.summaries.defer("running").order_by("method_index", "experiment_index")
        ],
        "comparisons": [
            {"experiment": row.experiment_index, **row.content}
            for row in benchmark.comparisons.order_by("experiment_index")
        ],
    }
