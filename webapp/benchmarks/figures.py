"""The figures of a benchmark: what its row keeps of the summaries, and the one that stands for it in lists.

{"images", "failed": the most of any entry; "headline": {"value"} of the figure that stands for it, empty where there is
none; "entries": [{"method", "experiment": indices into the specification's lists;
"images", "units", "failed", "degenerate": counts; "complete": whether all intervals are computed;
"figures": {key: {"value", "low", "high", "n"}}}]}; values are fractions of 1 where a figure's unit is percent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from saliency_core.errors import ParameterError
from saliency_core.experiments.figures import Figure
from saliency_core.output.numbers import shown
from webapp.benchmarks.events import record_event
from webapp.benchmarks.models import Benchmark, ResultSummary, Shard
from webapp.benchmarks.results import experiment_of
from webapp.benchmarks.summaries import complete_next, refresh_summaries

MOST_AT_ONCE = 1000
_COUNTS = ("images", "units", "failed", "degenerate")


def refresh_figures(benchmark: Benchmark, *, announce: bool = True) -> tuple[dict[str, Any], int]:
    """Computes the figures from the shards that are done, keeps them on the row and returns both.

    Announced to watchers as the event `figures` unless the caller has an event of its own.
    """
    shards = benchmark.shards.filter(state=Shard.State.DONE).count()
    figures = figures_of(benchmark, refresh_summaries(benchmark))
    # What is left of the intervals, and the comparisons, follow when the benchmark has ended.
    Benchmark.objects.filter(pk=benchmark.pk).update(figures_complete=False)
    if announce:
        _announce(benchmark, figures, shards)
    return figures, shards


def complete_figures(benchmark: Benchmark) -> bool:
    """One step towards all intervals of a benchmark that has ended; its row and its watchers learn of the last one.

    False if there was nothing left to do.
    """
    if complete_next(benchmark):
        return True
    figures = figures_of(benchmark, refresh_summaries(benchmark))
    ended = Benchmark.objects.filter(pk=benchmark.pk).exclude(state__in=Benchmark.UNFINISHED)
    if ended.update(figures_complete=True) and figures != benchmark.figures:
        _announce(benchmark, figures, benchmark.figures_shards)
    return False


def figures_of(benchmark: Benchmark, summaries: Iterable[ResultSummary]) -> dict[str, Any]:
    entries = [
        {
            "method": row.method_index,
            "experiment": row.experiment_index,
            **{name: row.content[name] for name in _COUNTS},
            "complete": row.complete,
            "figures": row.content["figures"],
        }
        for row in summaries
    ]
    most = {name: max((entry[name] for entry in entries), default=0) for name in ("images", "failed")}
    return {**most, "headline": _headline_part(benchmark, entries), "entries": entries}


def _headline_part(benchmark: Benchmark, entries: Iterable[dict[str, Any]]) -> dict[str, float]:
    found = headline_among(benchmark, entries)
    return {} if found is None else {"value": found.interval["value"]}


def keep_missing_headlines(benchmarks: QuerySet[Benchmark]) -> None:
    """Writes the headline of those that ended before it was kept: what they are sorted by."""
    missing = benchmarks.filter(figures__has_key="entries", figures_complete=True).order_by("-pk")
    missing = missing.exclude(figures__has_key="headline").exclude(state__in=Benchmark.UNFINISHED)
    rows = list(missing.only("specification", "figures")[:MOST_AT_ONCE])
    for row in rows:
        row.figures["headline"] = _headline_part(row, row.figures["entries"])
    Benchmark.objects.bulk_update(rows, ["figures"], batch_size=100)


def _announce(benchmark: Benchmark, figures: dict[str, Any], shards: int) -> None:
    with transaction.atomic():
        Benchmark.objects.filter(pk=benchmark.pk).update(figures=figures, figures_shards=shards)
        record_event(benchmark, "figures", {"shards": shards})


@dataclass(frozen=True)
class Headline:
    """The first figure of the first experiment, of the best method."""

    figure: Figure
    interval: dict[str, Any]
    method_index: int
    protocol: str


def headline(benchmark: Benchmark) -> Headline | None:
    """None before there is a figure, or where none of several methods is better."""
    return headline_among(benchmark, benchmark.figures.get("entries", ()))


def headline_among(benchmark: Benchmark, every: Iterable[dict[str, Any]]) -> Headline | None:
    """The headline of these entries."""
    entries = [entry for entry in every if entry["experiment"] == 0]
    try:
        experiment = experiment_of(benchmark, 0)
    except ParameterError:
        return None  # of an experiment that there is no more
    figure = experiment.figures()[0]
    found = {entry["method"]: entry["figures"].get(figure.key) for entry in entries}
    known = {method: each for method, each in found.items() if each and each["value"] is not None}
    best = best_of(figure, {method: each["value"] for method, each in known.items()})
    if len(known) == 1:
        best = set(known)
    if not best:
        return None
    return Headline(figure, known[min(best)], min(best), experiment.protocol.full_name)


def best_of(figure: Figure, values: dict[int, float]) -> set[int]:
    """The methods with the best value as shown; none where no end is better or there is nothing to compare."""
    if not figure.better or len(values) < 2:
        return set()
    written = {method: float(shown(value, figure.unit)) for method, value in values.items()}
    best = (max if figure.better == "higher" else min)(written.values())
    return {method for method, value in written.items() if value == best}
