"""Looking after a model or a data set while it is prepared: its lease, and whether it is still wanted."""

from __future__ import annotations

import time
from collections.abc import Callable

from saliency_core.errors import Interrupted
from workers import stopping
from workers.lease_keeping import lease_keeper

TOLD_EVERY_SECONDS = 0.5


class PreparationWatch:
    """`tick` is for the heartbeat's thread; all else is called by the one that prepares.

    `keep` extends the lease and says whether the claim holds.
    """

    def __init__(self, keep: Callable[[], bool]) -> None:
        self._lost = False
        self._keep = keep
        self._told = 0.0
        self.tick = lease_keeper(self._keep_or_lose)

    def check(self, holds: bool = True) -> None:
        """Raises Interrupted where this process is to end, or the claim does not hold any more: it was lost, or the
        preparation was cancelled.
        """
        if self._lost or not holds or stopping.requested():
            raise Interrupted

    def is_time_to_tell(self) -> bool:
        """Twice a second, so that progress costs next to nothing. Raises Interrupted as `check` does."""
        self.check()
        if time.monotonic() - self._told < TOLD_EVERY_SECONDS:
            return False
        self._told = time.monotonic()
        return True

    def _keep_or_lose(self) -> None:
        if not self._keep():
            self._lost = True
