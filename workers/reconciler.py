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

from django.db import Error as DatabaseTrouble  # noqa: E402
from django.db import close_old_connections, connections  # noqa: E402
from django.db.models import Count, Q  # noqa: E402
from django.db.models.functions import Now  # noqa: E402

from saliency_core.errors import SaliscopeError  # noqa: E402
from webapp.audit.recording import purge_old_events  # noqa: E402
from webapp.benchmarks import transitions  # noqa: E402
from webapp.benchmarks.deletion import purge_deleted_benchmark  # noqa: E402
from webapp.benchmarks.events import announce_workers  # noqa: E402
from webapp.benchmarks.expected_code import record_expected_code  # noqa: E402
from webapp.benchmarks.figures import complete_figures, refresh_figures  # noqa: E402
from webapp.benchmarks.models import Benchmark, Shard  # noqa: E402
from webapp.benchmarks.selectors import idle_labels, silent_workers  # noqa: E402
from webapp.benchmarks.summaries import complete_next  # noqa: E402
from webapp.benchmarks.worker_services import forget_workers  # noqa: E402
from webapp.common import hints  # noqa: E402
from webapp.jobs.services import reclaim_lost_jobs, remove_old_jobs  # noqa: E402
from webapp.library.dataset_services import reclaim_lost_datasets  # noqa: E402
from webapp.library.models import Classifier  # noqa: E402
from webapp.library.services import reclaim_lost_preparations  # noqa: E402
from webapp.studio import services as studio  # noqa: E402
from workers.claiming import fail_lost_shards, work_waits  # noqa: E402
from workers.healthy import say_alive  # noqa: E402
from workers.job_process import JobProcess  # noqa: E402
from workers.planning import planning_waits  # noqa: E402
from workers.studio_work import studio_work_waits  # noqa: E402

log = structlog.get_logger(__name__)
PAUSE_SECONDS = 1.0
HINT_EVERY_SECONDS = 5.0
# Figures of a running benchmark that take long take at most this share of the time, however large it is.
LONG_SECONDS = 0.5
SHARE_FOR_INTERIM_FIGURES = 0.1
# So long may the end of a benchmark wait for its intervals; what takes longer follows afterwards.
COMPLETION_SECONDS = 5.0

# While the database was away nobody could extend a lease: workers that are still there do so within seconds.
GRACE_SECONDS = 10.0

_interim_again_at: dict[int, float] = {}


def main() -> int:
    """Runs until SIGTERM or SIGINT."""
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    hinted = grace_until = 0.0
    jobs = JobProcess()
    recorded = False
    while not stop.is_set():
        try:
            close_old_connections()
            if not recorded:
                record_expected_code()
                recorded = True
            reconcile(expiring=time.monotonic() >= grace_until)
            say_alive()
            jobs.tend()
            if time.monotonic() - hinted >= HINT_EVERY_SECONDS:
                hint_at_waiting_work()
                hinted = time.monotonic()
        except DatabaseTrouble as problem:
            log.warning("database_unreachable", problem=str(problem))
            connections.close_all()
            grace_until = time.monotonic() + GRACE_SECONDS
        stop.wait(PAUSE_SECONDS)
    jobs.stop()
    return 0


def reconcile(*, expiring: bool = True) -> None:
    """One round over everything but hints; silence of workers is held against them only if `expiring`."""
    if expiring:
        if silent_workers().update(stopped_at=Now(), activity=""):
            announce_workers()
        fail_lost_shards("The worker was not heard of any more.")
    forget_workers()
    studio.reclaim_lost_work()
    reclaim_lost_preparations()
    reclaim_lost_datasets()
    reclaim_lost_jobs()
    remove_old_jobs()
    fail_benchmarks_without_weights()
    advance_running_benchmarks()
    complete_ended_benchmark()
    purge_deleted_benchmark()
    purge_old_events()


def fail_benchmarks_without_weights() -> None:
    """Queued benchmarks whose classifier could not be prepared fail with its reason; *resume* tries again."""
    hopeless = Benchmark.objects.filter(
        state=Benchmark.State.QUEUED, classifier__state=Classifier.State.FAILED
    ).select_related("classifier")
    for benchmark in hopeless:
        _try(transitions.fail, benchmark, benchmark.classifier.problem)


def advance_running_benchmarks() -> None:
    """Recomputes the figures of benchmarks that got results, those paused since included, and finishes running ones
    with no shard left.
    """
    open_shards = Count("shards", filter=Q(shards__state__in=Shard.OPEN))
    done_shards = Count("shards", filter=Q(shards__state=Shard.State.DONE))
    running = Benchmark.State.RUNNING
    begun = Benchmark.objects.filter(state__in=[running, Benchmark.State.PAUSED])
    for benchmark in begun.annotate(open_shards=open_shards, done_shards=done_shards):
        if benchmark.open_shards == 0 and benchmark.state == running:
            finish(benchmark)
        elif benchmark.done_shards != benchmark.figures_shards:
            refresh_interim_figures(benchmark)


def refresh_interim_figures(benchmark: Benchmark) -> None:
    """Unless they were computed a moment ago and took long."""
    begin = time.monotonic()
    if begin < _interim_again_at.get(benchmark.pk, 0.0):
        return
    refresh_figures(benchmark)
    end = time.monotonic()
    if end - begin > LONG_SECONDS:
        _interim_again_at[benchmark.pk] = end + (end - begin) / SHARE_FOR_INTERIM_FIGURES


def finish(benchmark: Benchmark) -> None:
    """Succeeded with whatever could be measured; failed if that is nothing."""
    begin = time.monotonic()
    while time.monotonic() - begin < COMPLETION_SECONDS and complete_next(benchmark):
        pass
    figures, shards = refresh_figures(benchmark, announce=False)
    if figures["images"]:
        _try(transitions.succeed, benchmark, figures=figures, shards=shards)
    else:
        _try(transitions.fail, benchmark, nothing_measured(benchmark))


def complete_ended_benchmark() -> None:
    """One step towards the intervals and comparisons of the newest benchmark that has ended without them."""
    ended = Benchmark.objects.filter(figures_complete=False).exclude(state__in=Benchmark.UNFINISHED)
    benchmark = ended.order_by("-pk").first()
    if benchmark is None:
        return
    try:
        complete_figures(benchmark)
    except (SaliscopeError, ArithmeticError, LookupError, TypeError, ValueError):
        # What can't be computed today can't be computed in a second either; the figures stay as they are.
        log.exception("figures_not_completed", benchmark=benchmark.pk)
        ended.filter(pk=benchmark.pk).update(figures_complete=True)


def nothing_measured(benchmark: Benchmark) -> str:
    """Why a benchmark has no figures, in the words of its first image."""
    failures = [failure for row in benchmark.summaries.all() for failure in row.content["failures"]]
    reason = failures[0]["reason"] if failures else "there was nothing to do."
    return f"None of the {benchmark.number_of_images} images could be measured: {reason}"


def hint_at_waiting_work() -> None:
    """Wakes workers that have nothing to do while there is something: a hint may have been lost."""
    unmeasured = Classifier.objects.filter(state=Classifier.State.READY, rates__isnull=True)
    idle = idle_labels()
    if idle and (work_waits(idle) or planning_waits(idle) or unmeasured.exists()):
        hints.wake_benchmark_workers()
    if studio_work_waits():
        hints.wake_studio()


def _try(transition: object, benchmark: Benchmark, *args: object, **kwargs: object) -> None:
    """A state that changed meanwhile (a cancellation) is right as it is."""
    try:
        transition(benchmark, *args, **kwargs)  # type: ignore[operator]
    except transitions.TransitionRefused as refused:
        log.info("transition_refused", benchmark=benchmark.pk, reason=str(refused))


if __name__ == "__main__":
    raise SystemExit(main())
