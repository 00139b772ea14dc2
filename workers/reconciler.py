"""The process that keeps promises: what was lost is found, what waits is hinted at, what is done is finished.

It holds no state of its own and may be killed at any time; every step is a short transaction on rows.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")

import django
import structlog

django.setup()

from django.db import close_old_connections, connections  # noqa: E402
from django.db.models import Count, Q  # noqa: E402
from django.db.models.functions import Now  # noqa: E402
from django.utils.translation import gettext as _  # noqa: E402

from webapp.accounts.languages import in_language_of  # noqa: E402
from webapp.audit.recording import purge_old_events  # noqa: E402
from webapp.benchmarks import transitions  # noqa: E402
from webapp.benchmarks.deletion import purge_deleted_benchmark  # noqa: E402
from webapp.benchmarks.events import announce_workers  # noqa: E402
from webapp.benchmarks.expected_code import record_expected_code  # noqa: E402
from webapp.benchmarks.figures import complete_figures, refresh_figures  # noqa: E402
from webapp.benchmarks.models import Benchmark, Shard  # noqa: E402
from webapp.benchmarks.selectors import idle_workers, silent_workers  # noqa: E402
from webapp.benchmarks.summaries import complete_next  # noqa: E402
from webapp.benchmarks.worker_services import forget_workers  # noqa: E402
from webapp.common import hints  # noqa: E402
from webapp.common.database import AWAY  # noqa: E402
from webapp.jobs.services import reclaim_lost_jobs, remove_old_jobs  # noqa: E402
from webapp.jobs.stray_files import remove_stray_job_files  # noqa: E402
from webapp.library.abandoned_files import remove_abandoned_files  # noqa: E402
from webapp.library.dataset_services import reclaim_lost_datasets  # noqa: E402
from webapp.library.models import Classifier  # noqa: E402
from webapp.library.services import reclaim_lost_preparations  # noqa: E402
from webapp.studio import services as studio  # noqa: E402
from workers.claiming import fail_lost_shards  # noqa: E402
from workers.healthy import say_alive  # noqa: E402
from workers.job_process import JobProcess  # noqa: E402
from workers.studio_work import studio_work_waits  # noqa: E402
from workers.troubles import fail_benchmarks_that_nobody_can_work_on  # noqa: E402
from workers.waking import somebody_could_work  # noqa: E402

log = structlog.get_logger(__name__)
PAUSE_SECONDS = 1.0
HINT_EVERY_SECONDS = 5.0
TIDY_EVERY_SECONDS = 3600.0
# Figures of a running benchmark that take long take at most this share of the time, however large it is.
LONG_SECONDS = 0.5
SHARE_FOR_INTERIM_FIGURES = 0.1
# So long may the end of a benchmark wait for its intervals; what takes longer follows afterwards.
COMPLETION_SECONDS = 5.0

# While the database was away nobody could extend a lease: workers that are still there do so within seconds.
GRACE_SECONDS = 10.0

# What goes wrong with one benchmark must keep neither the others nor itself waiting for good.
PAUSE_AFTER_FAULT_SECONDS = 5.0
MOST_FAULTS = 5
CANNOT_FINISH = (
    "Its figures can't be computed: see the reconciler's log. Results are kept; resume it when that is over."
)

_interim_again_at: dict[int, float] = {}


@dataclass
class Faults:
    """What went wrong with a benchmark one time after the other, and when it is looked at again."""

    times: int = 0
    again_at: float = 0.0


_faults: dict[tuple[int, str], Faults] = {}
"""By benchmark and step."""


def main() -> int:
    """Runs until SIGTERM or SIGINT."""
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    hinted = grace_until = 0.0
    tidied: float | None = None
    jobs = JobProcess()
    recorded = False
    while not stop.is_set():
        try:
            close_old_connections()
            if not recorded:
                record_expected_code()
                recorded = True
            reconcile(expiring=time.monotonic() >= grace_until)
            guarded(say_alive)
            guarded(jobs.tend)
            if time.monotonic() - hinted >= HINT_EVERY_SECONDS:
                guarded(hint_at_waiting_work)
                hinted = time.monotonic()
            if tidied is None or time.monotonic() - tidied >= TIDY_EVERY_SECONDS:
                tidied = time.monotonic()
                guarded(remove_abandoned_files)
                guarded(remove_stray_job_files)
        except AWAY as problem:
            log.warning("database_unreachable", problem=str(problem))
            connections.close_all()
            grace_until = time.monotonic() + GRACE_SECONDS
        stop.wait(PAUSE_SECONDS)
    jobs.stop()
    return 0


def reconcile(*, expiring: bool = True) -> None:
    """One round over everything but hints; silence of workers is held against them only if `expiring`. Each step stands
    alone: what is wrong in one of them keeps no other from being done.
    """
    if expiring:
        guarded(tell_of_silent_workers)
        guarded(fail_lost_shards, "The worker was not heard of any more.")
        guarded(studio.reclaim_lost_work)
        guarded(reclaim_lost_preparations)
        guarded(reclaim_lost_datasets)
    for step in (
        forget_workers,
        reclaim_lost_jobs,
        remove_old_jobs,
        fail_benchmarks_without_weights,
        fail_benchmarks_that_nobody_can_work_on,
        advance_running_benchmarks,
        complete_ended_benchmark,
        purge_deleted_benchmark,
        purge_old_events,
    ):
        guarded(step)


def guarded(step: Callable[..., object], *arguments: object) -> bool:
    """Does the step and says whether it went well. A fault is logged, a database that is away is raised."""
    try:
        step(*arguments)
    except AWAY:
        raise
    except Exception:
        log.exception("step_failed", step=getattr(step, "__name__", str(step)))
        return False
    return True


def tell_of_silent_workers() -> None:
    """Marks workers that are not heard of any more as stopped."""
    if silent_workers().update(stopped_at=Now(), activity=""):
        announce_workers()


def fail_benchmarks_without_weights() -> None:
    """Queued benchmarks whose classifier could not be prepared, or is not to be, fail with its reason; *resume* tries
    again.
    """
    hopeless = Benchmark.objects.filter(
        state=Benchmark.State.QUEUED,
        classifier__state__in=[Classifier.State.FAILED, Classifier.State.CANCELLED],
    ).select_related("classifier", "owner")
    for benchmark in hopeless:
        with in_language_of(benchmark.owner):
            reason = benchmark.classifier.problem or _(
                "The preparation of its model was cancelled. Resume the benchmark to have the model prepared after all."
            )
        _try(transitions.fail, benchmark, reason)


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
            advance(finish, benchmark)
        elif benchmark.done_shards != benchmark.figures_shards:
            advance(refresh_interim_figures, benchmark)


def advance(step: Callable[[Benchmark], None], benchmark: Benchmark) -> None:
    """A benchmark whose figures can't be computed is looked at again later; one that can't be finished fails in the
    end, and keeps its results.
    """
    key = benchmark.pk, step.__name__
    if key in _faults and time.monotonic() < _faults[key].again_at:
        return
    if guarded(step, benchmark):
        _faults.pop(key, None)
        return
    faults = _faults.setdefault(key, Faults())
    faults.times += 1
    faults.again_at = time.monotonic() + PAUSE_AFTER_FAULT_SECONDS * faults.times
    if step is finish and faults.times >= MOST_FAULTS:
        _try(transitions.fail, benchmark, CANNOT_FINISH)
        del _faults[key]


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
    """One step towards the intervals and comparisons of the newest benchmark that has ended without them. What is
    deleted waits until it is brought back: it may be half restored from a backup, and without most of its values.
    """
    ended = Benchmark.objects.filter(figures_complete=False, deleted__isnull=True).exclude(
        state__in=Benchmark.UNFINISHED
    )
    benchmark = ended.order_by("-pk").first()
    if benchmark is None:
        return
    if not guarded(complete_figures, benchmark):
        # What can't be computed today can't be computed in a second either; the figures stay as they are.
        ended.filter(pk=benchmark.pk).update(figures_complete=True)


def nothing_measured(benchmark: Benchmark) -> str:
    """Why a benchmark has no figures, in the words of its first image."""
    failures = [failure for row in benchmark.summaries.all() for failure in row.content["failures"]]
    reason = failures[0]["reason"] if failures else "there was nothing to do."
    return f"None of the {benchmark.number_of_images} images could be measured: {reason}"


def hint_at_waiting_work() -> None:
    """Wakes workers that have nothing to do while there is something: a hint may have been lost."""
    unmeasured = Classifier.objects.filter(state=Classifier.State.READY, rates__isnull=True)
    if somebody_could_work() or (unmeasured.exists() and idle_workers().exists()):
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
