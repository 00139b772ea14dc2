"""Keeping a running shard: its lease, its progress for those who watch, and the signs that it should stop."""

from __future__ import annotations

import time
from collections.abc import Callable

from saliency_core.errors import Interrupted
from webapp.benchmarks.estimates import forwards_per_image
from webapp.benchmarks.events import announce_progress
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.payloads import progress_payload
from workers.claiming import Claim, extend_lease, still_ours

PROGRESS_ANNOUNCED_EVERY_SECONDS = 1.0
# Counting a benchmark's shards takes the longer the more there are, and every worker does it.
SHARE_FOR_PROGRESS = 0.05


class ShardWatch:
    """One shard at work. `tick` runs in the heartbeat's thread twice a second; the callbacks in the computing one."""

    def __init__(self, claim: Claim, *, stop_requested: Callable[[], bool]) -> None:
        self._claim = claim
        self._stop_requested = stop_requested
        self._claim_lost = False
        self._forwards_done = 0
        self._images_done = 0
        self._images = claim.stop - claim.start
        self._announced = 0.0
        self._tell_again_at = 0.0
        self._forwards_per_image = forwards_per_image(claim.specification, claim.method_index)

    def on_batch(self, forwards: int) -> None:
        """Called after every batch. Raises Interrupted when the shard is no longer ours or the worker is to stop."""
        self._forwards_done += forwards
        if self._claim_lost or self._stop_requested():
            raise Interrupted

    def on_image(self, done: int) -> None:
        """Called with the number of images that are finished, failed ones included."""
        self._images_done = done
        if self._claim_lost or self._stop_requested():
            raise Interrupted

    @property
    def progress(self) -> float:
        """Share of the shard that is done, 0 to 1: by images, or by forward passes while those of a batch are open."""
        by_forwards = self._forwards_done / (self._forwards_per_image * self._images)
        return min(1.0, max(self._images_done / self._images, by_forwards))

    def tick(self) -> None:
        """Looks whether the shard is still ours, extends its lease and tells the watchers."""
        now = time.monotonic()
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
