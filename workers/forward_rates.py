"""Finding the fastest batch size of a classifier on this worker's device, and the forward rate that it gives.

Estimates and the size of shards rest on these figures and they are kept, so they are taken at a quiet moment where
nobody waits for them: a processor that others use looks slower than it is, and too small a batch looks best.
"""

from __future__ import annotations

import time
from collections.abc import Collection

import structlog
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.fields.json import KT

from saliency_core.scoring.batch_size import find_batch_size
from saliency_core.scoring.rate import measure_forward_rate
from webapp.benchmarks.models import Benchmark, WorkerNode, WorkerTrouble
from webapp.benchmarks.specification import PRECISIONS, USUAL_PRECISION
from webapp.common.database import AWAY
from webapp.library.models import Classifier, ForwardRate
from webapp.library.services import record_forward_rate
from workers import stopping
from workers.blame import is_shortage, reason_of
from workers.claiming import work_waits
from workers.node import Node
from workers.planning import planning_waits
from workers.resources import classifier_of, specification_of
from workers.studio_work import studio_work_waits
from workers.troubles import note_trouble, resting_from

log = structlog.get_logger(__name__)
PAUSE_AFTER_FAULT_SECONDS = 600.0

_again_at: dict[tuple[int, str], float] = {}
"""When a model that failed on this device is tried again though nobody waits for it: by classifier and precision."""


def measure_missing_rates(node: Node) -> None:
    """Measures every ready classifier that has no forward rate on this device yet, in full precision and in those that
    queued benchmarks ask for. What a queued benchmark waits for comes first; the rest only while nothing else waits,
    which is looked at again after each.
    """
    tried: set[tuple[int, str]] = set()
    try:
        while not stopping.requested():
            found = _next_to_measure(node, tried)
            if found is None:
                return
            row, precision = found
            tried.add((row.pk, precision))
            _measure(node, row, precision)
    finally:
        if tried:
            node.watch(None)


def _next_to_measure(node: Node, tried: Collection[tuple[int, str]]) -> tuple[Classifier, str] | None:
    for precision in _wanted_precisions():
        for row in _unmeasured(node, precision):
            if (row.pk, precision) in tried:
                continue
            if row.is_waited_for or (_may_be_tried(row, precision) and _is_quiet(node)):
                return row, precision
    return None


def _may_be_tried(row: Classifier, precision: str) -> bool:
    return time.monotonic() >= _again_at.get((row.pk, precision), 0.0)


def _wanted_precisions() -> list[str]:
    queued = Benchmark.objects.filter(state=Benchmark.State.QUEUED).order_by()
    asked = set(queued.annotate(precision=KT("specification__precision")).values_list("precision", flat=True))
    return [*sorted((asked & set(PRECISIONS)) - {USUAL_PRECISION}), USUAL_PRECISION]


def _unmeasured(node: Node, precision: str) -> list[Classifier]:
    """Those without a rate, in the usual precision all, with `is_waited_for`; those that are waited for first."""
    queued = Benchmark.objects.filter(
        state=Benchmark.State.QUEUED, specification__precision=precision, classifier=OuterRef("pk")
    )
    measured = ForwardRate.objects.filter(device=node.device_name, precision=precision)
    rows = Classifier.objects.filter(state=Classifier.State.READY).annotate(is_waited_for=Exists(queued))
    rows = rows.exclude(pk__in=resting_from(node.registered()).values("benchmark__classifier"))
    if precision != USUAL_PRECISION:
        rows = rows.filter(is_waited_for=True)
    return list(rows.exclude(pk__in=measured.values("classifier")).order_by("-is_waited_for", "pk"))


def _is_quiet(node: Node) -> bool:
    """Whether neither a shard nor a queued benchmark waits, nor, where the processor is the device, the studio is at
    work.
    """
    if work_waits([node.label]) or planning_waits([node.label], node.registered()):
        return False
    if node.torch_device != "cpu":
        return True
    studios = WorkerNode.objects.filter(kind=WorkerNode.Kind.STUDIO, stopped_at=None)
    return not studio_work_waits() and not studios.exclude(activity="").exists()


def _measure(node: Node, row: Classifier, precision: str) -> None:
    """Finds the fastest batch size and keeps it with the rate it gives. Where a model fails on this device, the
    benchmarks that wait for it say so, and this worker tries it again later; others go on.
    """
    node.watch(None, "measuring a model")
    try:
        classifier = classifier_of(specification_of(row), row.class_names, node.torch_device)
        batch_size = find_batch_size(classifier, precision)
        images_per_second = measure_forward_rate(classifier, precision=precision)
    except AWAY:
        raise
    except Exception as problem:
        log.warning("rate_not_measured", classifier=row.pk, problem=reason_of(problem), exc_info=True)
        for benchmark in _waiting_for(row, precision):
            note_trouble(benchmark.pk, node.registered(), reason_of(problem))
        _again_at[row.pk, precision] = time.monotonic() + PAUSE_AFTER_FAULT_SECONDS
        if node.torch_device != "cpu" and not is_shortage(problem):
            # After an error of a GPU nothing works in this process, whatever model is next.
            node.end_process("device_failed")
        return
    record_forward_rate(
        row,
        device=node.device_name,
        precision=precision,
        images_per_second=images_per_second,
        batch_size=batch_size,
    )
    WorkerTrouble.objects.filter(
        worker=node.registered(), benchmark__in=_waiting_for(row, precision).values("pk")
    ).delete()


def _waiting_for(row: Classifier, precision: str) -> QuerySet[Benchmark]:
    return Benchmark.objects.filter(
        state=Benchmark.State.QUEUED, classifier=row, specification__precision=precision
    )
