"""The process that keeps promises: what was lost is found, what waits is hinted at, what is done is finished.

It holds no state of its own and may be killed at any time; every step is a short transaction on rows.
"""

from __future__ import annotations

import os
import signal
import threading
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")

import django
import structlog

django.setup()

from django.db import DatabaseError, close_old_connections, connections  # noqa: E402
from django.db.models import Count, Q  # noqa: E402
from django.db.models.functions import Now  # noqa: E402

from webapp.benchmarks import transitions  # noqa: E402
from webapp.benchmarks.figures import refresh_figures  # noqa: E402
from webapp.benchmarks.models import Benchmark, Shard  # noqa: E402
from webapp.benchmarks.selectors import idle_benchmark_worker_exists, results_of, silent_workers  # noqa: E402
from webapp.common import hints  # noqa: E402
from webapp.library.models import Classifier  # noqa: E402
from webapp.library.services import reclaim_lost_preparations  # noqa: E402
from webapp.studio.models import Explanation  # noqa: E402
from webapp.studio.services import reclaim_lost_explanations  # noqa: E402
from workers.claiming import fail_lost_shards, work_waits  # noqa: E402

log = structlog.get_logger(__name__)
PAUSE_SECONDS = 1.0
HINT_EVERY_SECONDS = 5.0


def main() -> int:
    """Runs until SIGTERM or SIGINT."""
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    hinted = 0.0
    while not stop.is_set():
        try:
            close_old_connections()
            reconcile()
            if time.monotonic() - hinted >= HINT_EVERY_SECONDS:
                hint_at_waiting_work()
                hinted = time.monotonic()
        except DatabaseError as problem:
            log.warning("database_unreachable", problem=str(problem))
            connections.close_all()
        stop.wait(PAUSE_SECONDS)
    return 0


def reconcile() -> None:
    """One round over everything but hints."""
    silent_workers().update(stopped_at=Now(), activity="")
    fail_lost_shards("The worker was not heard of any more.")
    reclaim_lost_explanations()
    reclaim_lost_preparations()
    fail_benchmarks_without_weights()
    advance_running_benchmarks()


def fail_benchmarks_without_weights() -> None:
    """Queued benchmarks whose classifier could not be prepared fail with its reason; *resume* tries again."""
    hopeless = Benchmark.objects.filter(
        state=Benchmark.State.QUEUED, classifier__state=Classifier.State.FAILED
    ).select_related("classifier")
    for benchmark in hopeless:
        _try(transitions.fail, benchmark, benchmark.classifier.problem)


def advance_running_benchmarks() -> None:
    """Recomputes the figures of benchmarks that got results, and finishes those with no shard left."""
    open_shards = Count("shards", filter=Q(shards__state__in=Shard.OPEN))
    done_shards = Count("shards", filter=Q(shards__state=Shard.State.DONE))
    running = Benchmark.objects.filter(state=Benchmark.State.RUNNING)
    for benchmark in running.annotate(open_shards=open_shards, done_shards=done_shards):
        if benchmark.open_shards == 0:
            finish(benchmark)
        elif benchmark.done_shards != benchmark.figures_shards:
            refresh_figures(benchmark)


def finish(benchmark: Benchmark) -> None:
    """Succeeded with whatever could be measured; failed if that is nothing."""
    figures, shards = refresh_figures(benchmark, announce=False)
    if figures["images"]:
        _try(transitions.succeed, benchmark, figures=figures, shards=shards)
    else:
        _try(transitions.fail, benchmark, nothing_measured(benchmark))


def nothing_measured(benchmark: Benchmark) -> str:
    """Why a benchmark has no figures, in the words of its first image."""
    failures = results_of(benchmark, with_curves=False).failures
    reason = failures[0]["reason"] if failures else "there was nothing to do."
    return f"None of the {benchmark.number_of_images} images could be measured: {reason}"


def hint_at_waiting_work() -> None:
    """Wakes workers that have nothing to do while there is something: a hint may have been lost."""
    queued = Benchmark.objects.filter(state=Benchmark.State.QUEUED, classifier__state=Classifier.State.READY)
    unmeasured = Classifier.objects.filter(state=Classifier.State.READY, rates__isnull=True)
    if idle_benchmark_worker_exists() and (work_waits() or queued.exists() or unmeasured.exists()):
        hints.wake_benchmark_workers()
    to_draw = Explanation.objects.filter(state=Explanation.State.WAITING)
    to_prepare = Classifier.objects.filter(state=Classifier.State.WAITING)
    if to_draw.exists() or to_prepare.exists():
        hints.wake_studio()


def _try(transition: object, benchmark: Benchmark, *args: object, **kwargs: object) -> None:
    """A state that changed meanwhile (a cancellation) is right as it is."""
    try:
        transition(benchmark, *args, **kwargs)  # type: ignore[operator]
    except transitions.TransitionRefused as refused:
        log.info("transition_refused", benchmark=benchmark.pk, reason=str(refused))


if __name__ == "__main__":
    raise SystemExit(main())
