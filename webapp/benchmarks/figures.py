"""The figures of a benchmark: computed from all its results by the one definition in saliency_core."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from saliency_core.experiments.summary import summarise
from webapp.benchmarks.events import record_event
from webapp.benchmarks.models import Benchmark, Shard
from webapp.benchmarks.selectors import results_of


def refresh_figures(benchmark: Benchmark, *, announce: bool = True) -> tuple[dict[str, Any], int]:
    """Computes the figures from the shards that are done, keeps them on the row and returns both.

    Announced to watchers as the event `figures` unless the caller has an event of its own.
    """
    shards = benchmark.shards.filter(state=Shard.State.DONE).count()
    figures = summarise(results_of(benchmark, with_curves=False))
    if announce:
        with transaction.atomic():
            Benchmark.objects.filter(pk=benchmark.pk).update(figures=figures, figures_shards=shards)
            record_event(benchmark, "figures", {"shards": shards})
    return figures, shards
