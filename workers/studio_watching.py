"""Looking after a map while it is drawn or measured: whether it is still wanted, and how far it has come."""

from __future__ import annotations

import time

from saliency_core.errors import Interrupted
from webapp.studio import services
from webapp.studio.events import announce_progress
from webapp.studio.models import Explanation
from workers.studio_parts import stop_when_asked

LOOK_EVERY_SECONDS = 0.5


class MapWatch:
    """To be called with the number of forward passes after every batch.

    Raises Interrupted where this process is to end, where the map was cancelled, and, if it is `yielding`, where
    somebody waits for something more urgent. Tells open pages twice a second how much of the `expected` passes is done.
    """

    def __init__(
        self, explanation: Explanation, *, part: str, expected: float, yielding: bool = False
    ) -> None:
        """`part` is what the passes are for: "map" or "curves"."""
        self.explanation, self.part, self.expected, self.yielding = explanation, part, expected, yielding
        self.done = 0
        self.looked = time.monotonic()

    def __call__(self, forwards: int = 0) -> None:
        stop_when_asked()
        self.done += forwards
        if time.monotonic() - self.looked < LOOK_EVERY_SECONDS:
            return
        self.looked = time.monotonic()
        self.look()
        if self.expected > 0:
            # What is expected is an estimate: it is not done before it is done.
            announce_progress(self.explanation, self.part, min(0.99, self.done / self.expected))

    def look(self) -> None:
        """Raises Interrupted where there is no point in going on."""
        if not services.is_claimed(self.explanation):
            raise Interrupted
        if self.yielding and services.urgent_work_waits():
            raise Interrupted
