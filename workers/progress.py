"""Keeping a running shard: its lease, its progress for those who watch, and the signs that it should stop."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import structlog

from saliency_core.errors import Interrupted
from webapp.benchmarks.estimates import forwards_per_image
from webapp.benchmarks.events import announce_progress
from webapp.benchmarks.models import Benchmark, WorkerNode
from webapp.benchmarks.payloads import progress_payload
from workers import signs_of_life
from workers.claiming import Claim, extend_lease, fail_attempt, give_back, still_ours
from workers.troubles import is_in_trouble, note_trouble

log = structlog.get_logger(__name__)
PROGRESS_ANNOUNCED_EVERY_SECONDS = 1.0
# What hangs is noticed by nothing but that no forward pass ends, no image, and nothing that is fetched arrives.
HANGING_AFTER_SECONDS = 1800.0
# Opening a model and a data set says nothing of its progress.
PREPARING_SECONDS = 3600.0
LAST_WORDS_SECONDS = 30.0
HANGS = "Nothing was computed for half an hour: the device, or a disk, does not answer."
# Counting a benchmark's shards takes the longer the more there are, and every worker does it.
SHARE_FOR_PROGRESS = 0.05


def end_at_once() -> None:
    """The thread that computes would not notice anything gentler; the supervisor starts another process."""
    os.kill(os.getpid(), signal.SIGKILL)


class ShardWatch:
    """One shard at work. `tick` runs in the heartbeat's thread twice a second; the callbacks in the computing one."""

    def __init__(
        self,
        claim: Claim,
        *,
        stop_requested: Callable[[], bool],
        on_hanging: Callable[[], None] = end_at_once,
    ) -> None:
        self._claim = claim
        self._stop_requested = stop_requested
        self._on_hanging = on_hanging
        self._moved: float | None = time.monotonic()
        self._patience = PREPARING_SECONDS
        self._claim_lost = False
        self._forwards_done = 0
        self._images_done = 0
        self._images = claim.stop - claim.start
        self._announced = 0.0
        self._tell_again_at = 0.0
        self._forwards_per_image = forwards_per_image(claim.specification, claim.method_index)

    def begin(self, seconds_of_a_batch: float = 0.0) -> None:
        """Images are worked on from here on. `seconds_of_a_batch`: how long the maps that are made together are
        expected to take; some methods tell of nothing before they are done.
        """
        self._patience = max(HANGING_AFTER_SECONDS, 10 * seconds_of_a_batch)
        self._moved = time.monotonic()

    def end(self) -> None:
        """The images are done; what follows has its own limits."""
        self._moved = None

    def on_batch(self, forwards: int) -> None:
        """Called after every batch. Raises Interrupted when the shard is no longer ours or the worker is to stop."""
        self._moved = time.monotonic()
        self._forwards_done += forwards
        if self._claim_lost or self._stop_requested():
            raise Interrupted

    def on_image(self, done: int) -> None:
        """Called with the number of images that are finished, failed ones included."""
        self._moved = time.monotonic()
        self._images_done = done
        if self._claim_lost or self._stop_requested():
            raise Interrupted

    @property
    def progress(self) -> float:
        """Share of the shard that is done, 0 to 1: by images, or by forward passes while those of a batch are open."""
        by_forwards = self._forwards_done / (self._forwards_per_image * self._images)
        return min(1.0, max(self._images_done / self._images, by_forwards))

    def _end_hanging(self) -> None:
        """The first time it is held against the machine, the next time against the shard as well. Whatever it takes to
        write that down, the process ends.
        """
        timer = threading.Timer(LAST_WORDS_SECONDS, self._on_hanging)
        timer.daemon = True
        timer.start()
        try:
            worker = WorkerNode.objects.filter(shards=self._claim.shard_id).first()
            if worker is not None and not is_in_trouble(self._claim.benchmark_id, worker):
                give_back(self._claim)
            else:
                fail_attempt(self._claim.shard_id, self._claim.fence, HANGS)
            if worker is not None:
                note_trouble(self._claim.benchmark_id, worker, HANGS)
        finally:
            timer.cancel()
            self._on_hanging()

    def tick(self) -> None:
        """Looks whether the shard is still ours, extends its lease and tells the watchers."""
        now = time.monotonic()
        if self._moved is not None and now - max(self._moved, signs_of_life.latest()) > self._patience:
            log.error("process_hangs", seconds=self._patience)
            self._end_hanging()
            return
        if not still_ours(self._claim):
            self._claim_lost = True
            return
        if now - self._announced >= PROGRESS_ANNOUNCED_EVERY_SECONDS:
            self._announced = now
            # The row carries the progress too, so that a late watcher sees it and several workers add up.
            if not extend_lease(self._claim, self.progress):
                self._claim_lost = True
                return
            if now >= self._tell_again_at:
                benchmark = Benchmark.objects.get(pk=self._claim.benchmark_id)
                announce_progress(benchmark.pk, progress_payload(benchmark))
                self._tell_again_at = now + (time.monotonic() - now) / SHARE_FOR_PROGRESS
