"""Summaries of results: cheap ones while a benchmark runs, all intervals and comparisons once it has ended.

They are computed by the reconciler and kept in rows, so that a page only reads. A step is one method under one
experiment; the longest (50,000 images) takes some ten seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from django.db.models import Count, Max

from saliency_core.errors import ParameterError
from saliency_core.experiments.base import Experiment
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.summary import summarise_curves, summarise_result
from saliency_core.output.comparison import Comparison, compare
from saliency_core.statistics.tables import image_sums
from webapp.benchmarks.models import Benchmark, ResultComparison, ResultSummary, ShardResult
from webapp.benchmarks.results import Place, columns_of, experiment_of, result_of

RESAMPLES = 2000
INTERIM_RESAMPLES = 300
# Up to here an interim summary has intervals: they take a few hundredths of a second.
FEW_UNITS = 2000
FAILURES_KEPT = 500
SPREAD_PERCENTILES = (5, 25, 50, 75, 95)
_CURVE_DIGITS = 6


def result_counts(benchmark: Benchmark) -> dict[Place, tuple[int, int]]:
    """(How many results there are, key of the newest) by place. They are written once and never changed."""
    found = (
        ShardResult.objects.filter(shard__benchmark=benchmark)
        .order_by()
        .values_list("shard__method_index", "experiment_index")
        .annotate(count=Count("pk"), newest=Max("pk"))
    )
    return {(method, experiment): (count, newest) for method, experiment, count, newest in found}


def refresh_summaries(benchmark: Benchmark) -> list[ResultSummary]:
    """Brings the summaries up to date, those that got results in a cheap form; all of them, without classes."""
    counts = result_counts(benchmark)
    rows = {(row.method_index, row.experiment_index): row for row in benchmark.summaries.defer("classes")}
    gone = [row.pk for place, row in rows.items() if place not in counts]
    if gone:
        benchmark.summaries.filter(pk__in=gone).delete()
    for place, state in counts.items():
        row = rows.get(place)
        if row is None or (row.results, row.newest) != state:
            rows[place] = _interim(benchmark, place, state, row)
    return [rows[place] for place in sorted(counts)]


def complete_next(benchmark: Benchmark) -> bool:
    """One step towards all intervals and comparisons of a benchmark that has ended. False if none was left to do."""
    counts = result_counts(benchmark)
    # A summary's content is large, and there is one for every method under every experiment.
    known = {
        (method, experiment): ((results, newest), complete, images)
        for method, experiment, results, newest, complete, images in benchmark.summaries.values_list(
            "method_index", "experiment_index", "results", "newest", "complete", "content__images"
        )
    }
    for place, state in sorted(counts.items()):
        if known.get(place, ())[:2] != (state, True):
            _complete(benchmark, place, state)
            return True
    compared = dict(_compared(benchmark))
    for experiment in range(len(benchmark.specification["experiments"])):
        methods = [method for method, its in sorted(counts) if its == experiment and known[method, its][2]]
        if len(methods) < 2:
            continue
        states = [counts[method, experiment] for method in methods]
        state = sum(count for count, _ in states), max(newest for _, newest in states)
        if compared.get(experiment) != state:
            _compare(benchmark, experiment, methods, state)
            return True
    return False


def _compared(benchmark: Benchmark) -> Iterator[tuple[int, tuple[int, int]]]:
    rows = benchmark.comparisons.values_list("experiment_index", "results", "newest")
    return ((experiment, (results, newest)) for experiment, results, newest in rows)


def _interim(
    benchmark: Benchmark, place: Place, state: tuple[int, int], row: ResultSummary | None
) -> ResultSummary:
    experiment = experiment_of(benchmark, place[1])
    columns = columns_of(benchmark, place, with_curves=False)
    if len(columns) <= FEW_UNITS:
        columns = columns_of(benchmark, place)
        summary = summarise_result(columns, experiment, resamples=INTERIM_RESAMPLES)
        return _keep(benchmark, place, state, summary, columns, experiment)
    summary = summarise_result(columns, experiment, resamples=0)
    running = _continued(benchmark, place, state, row.running if row else {})
    summary["curves"] = _mean_curves(running["curves"], experiment, columns.notes)
    return _keep(benchmark, place, state, summary, columns, experiment, running=running)


def _complete(benchmark: Benchmark, place: Place, state: tuple[int, int]) -> None:
    experiment = experiment_of(benchmark, place[1])
    columns = columns_of(benchmark, place)
    summary = summarise_result(columns, experiment, resamples=RESAMPLES, class_intervals=True)
    _keep(benchmark, place, state, summary, columns, experiment, complete=True)


def _keep(
    benchmark: Benchmark,
    place: Place,
    state: tuple[int, int],
    summary: dict[str, Any],
    columns: Columns,
    experiment: Experiment,
    *,
    running: dict[str, Any] | None = None,
    complete: bool = False,
) -> ResultSummary:
    classes = summary.pop("classes")
    for curve in summary["curves"].values():
        for name in ("mean", "low", "high"):
            curve[name] = curve[name] and [
                None if v is None else round(v, _CURVE_DIGITS) for v in curve[name]
            ]
    content = {
        **summary,
        "spread": _spread(columns, experiment),
        "failures": columns.failures[:FAILURES_KEPT],
    }
    row, _created = ResultSummary.objects.update_or_create(
        benchmark=benchmark,
        method_index=place[0],
        experiment_index=place[1],
        defaults={
            "results": state[0],
            "newest": state[1],
            "complete": complete,
            "content": content,
            "classes": classes,
            "running": running or {},
        },
    )
    return row


def _spread(columns: Columns, experiment: Experiment) -> dict[str, dict[str, Any]]:
    """How the figures are spread over the images: {key: {"percentiles": 5th, 25th, 50th, 75th, 95th; "mean"}}."""
    found: dict[str, dict[str, Any]] = {}
    for figure in experiment.figures() if len(columns) else ():
        values = figure.image_values(image_sums(figure.table(columns), columns.indices)[1])
        values = values[np.isfinite(values)]
        if len(values):
            found[figure.key] = {
                "percentiles": [round(float(each), 6) for each in np.percentile(values, SPREAD_PERCENTILES)],
                "mean": round(float(values.mean()), 6),
            }
    return found


# --- mean curves of a large benchmark that runs: only new results are read ---------------------------------


def _continued(
    benchmark: Benchmark, place: Place, state: tuple[int, int], before: dict[str, Any]
) -> dict[str, Any]:
    """Sums and counts of the curves' points over all results, continued from those known before."""
    results = ShardResult.objects.filter(
        shard__benchmark=benchmark, shard__method_index=place[0], experiment_index=place[1]
    )
    newest = before.get("newest", 0)
    if not newest or results.filter(pk__lte=newest).count() != before["results"]:
        before, newest = {"curves": {}}, 0
    sums = {
        key: (np.array(known["sums"]), np.array(known["counts"])) for key, known in before["curves"].items()
    }
    for packed in results.filter(pk__gt=newest).values_list("curves", flat=True).iterator(chunk_size=8):
        for key, values in Columns.unpack_curves(bytes(packed)).items():
            table = np.asarray(values, dtype=np.float64)
            known = np.isfinite(table)
            total, count = sums.get(key, (0.0, 0))
            sums[key] = (total + np.where(known, table, 0.0).sum(0), count + known.sum(0))
    return {
        "results": state[0],
        "newest": state[1],
        "curves": {
            key: {"sums": total.tolist(), "counts": count.tolist()} for key, (total, count) in sums.items()
        },
    }


def _mean_curves(sums: dict[str, Any], experiment: Experiment, notes: dict[str, Any]) -> dict[str, Any]:
    means = {}
    for key, known in sums.items():
        counts = np.array(known["counts"])
        mean = np.where(counts > 0, np.array(known["sums"]) / np.maximum(counts, 1), np.nan)
        means[key] = mean[None].astype(np.float32)
    if not means:
        return {}
    mean_image = Columns(indices=np.zeros(1, dtype=np.int64), images=["mean"], curves=means, notes=notes)
    return summarise_curves(mean_image, experiment, resamples=0)


# --- comparisons ---------------------------------------------------------------------------------------------


def _compare(benchmark: Benchmark, experiment: int, methods: list[int], state: tuple[int, int]) -> None:
    results = [
        result_of(
            benchmark, (method, experiment), columns_of(benchmark, (method, experiment), with_curves=False)
        )
        for method in methods
    ]
    content: dict[str, Any] = {"methods": methods, "figures": {}, "warnings": [], "problem": ""}
    try:
        content |= _content(compare(results, resamples=RESAMPLES), methods)
    except ParameterError as refused:
        content["problem"] = str(refused)
    ResultComparison.objects.update_or_create(
        benchmark=benchmark,
        experiment_index=experiment,
        defaults={"results": state[0], "newest": state[1], "content": content},
    )


def _content(comparison: Comparison, methods: list[int]) -> dict[str, Any]:
    """JSON-able; methods by their index in the specification."""
    figures = {}
    for each in comparison.figures:
        ranking = each.ranking
        figures[each.figure.key] = {
            "images": each.images,
            "pairs": [
                {
                    "first": methods[pair.first],
                    "second": methods[pair.second],
                    **pair.difference.to_dict(),
                }
                for pair in each.pairs
            ],
            "ranks": None if ranking is None else [float(rank) for rank in ranking.average_ranks],
            "p": None if ranking is None else ranking.p,
            "critical_difference": each.critical_difference,
        }
    return {"figures": figures, "warnings": list(comparison.warnings)}
