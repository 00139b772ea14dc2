"""Finding the fastest batch size of a classifier on this worker's device, and the forward rate that it gives.

Estimates and the size of shards rest on these figures and they are kept, so they are taken at a quiet moment where
nobody waits for them: a processor that others use looks slower than it is, and too small a batch looks best.
"""

from __future__ import annotations

import structlog
from django.db.models import Exists, OuterRef
from django.db.models.fields.json import KT

from saliency_core.errors import SaliscopeError
from saliency_core.scoring.batch_size import find_batch_size
from saliency_core.scoring.rate import measure_forward_rate
from webapp.benchmarks.models import Benchmark, WorkerNode
from webapp.benchmarks.specification import PRECISIONS, USUAL_PRECISION
from webapp.library.models import Classifier, ForwardRate
from webapp.library.services import record_forward_rate
from workers import stopping
from workers.claiming import work_waits
from workers.node import Node
from workers.patience import AWAY
from workers.resources import classifier_of, specification_of
from workers.studio_work import studio_work_waits

log = structlog.get_logger(__name__)


def measure_missing_rates(node: Node) -> None:
    """Measures every ready classifier that has no forward rate on this device yet, in full precision and in those that
    queued benchmarks ask for. What a queued benchmark waits for comes first; the rest only while nothing else waits.
    """
    try:
        for precision in _wanted_precisions():
            for row in _unmeasured(node, precision):
                if stopping.requested() or not (row.is_waited_for or _is_quiet(node)):
                    return
                _measure(node, row, precision)
    finally:
        node.watch(None)


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
    if precision != USUAL_PRECISION:
        rows = rows.filter(is_waited_for=True)
    return list(rows.exclude(pk__in=measured.values("classifier")).order_by("-is_waited_for", "pk"))


def _is_quiet(node: Node) -> bool:
    """Whether no shard waits, and, where the processor is the device, the studio has nothing to do with it."""
    if work_waits([node.label]):
        return False
    if node.torch_device != "cpu":
        return True
    studios = WorkerNode.objects.filter(kind=WorkerNode.Kind.STUDIO, stopped_at=None)
    return not studio_work_waits() and not studios.exclude(activity="").exists()


def _measure(node: Node, row: Classifier, precision: str) -> None:
    """Finds the fastest batch size and keeps it with the rate it gives. A model that fails on this device is logged:
    its own benchmarks wait, those of others do not.
    """
    node.watch(None, "measuring a model")
    try:
        classifier = classifier_of(specification_of(row), row.class_names, node.torch_device)
        batch_size = find_batch_size(classifier, precision)
        images_per_second = measure_forward_rate(classifier, precision=precision)
    except SaliscopeError as problem:
        log.warning("rate_not_measured", classifier=row.pk, problem=str(problem))
        return
    except AWAY:
        raise
    except Exception:
        log.exception("rate_not_measured", classifier=row.pk)
        return
    record_forward_rate(
        row,
        device=node.device_name,
        precision=precision,
        images_per_second=images_per_second,
        batch_size=batch_size,
    )
