"""Doing something soon after it is asked for, and not too often."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable


class Paced:
    """Calls a coroutine function at once when asked, and at most once in `pause` seconds.

    What is asked for during a call or the pause after it is answered by one further call: so the last state is always
    reached, however many times it was asked for.
    """

    def __init__(self, call: Callable[[], Awaitable[None]], pause: float) -> None:
        self._call = call
        self._pause = pause
        self._again = False
        self._task: asyncio.Task[None] | None = None

    def ask(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        else:
            self._again = True

    async def stop(self) -> None:
        """Ends the pause or the call that is under way; unless it is that call itself that stops."""
        if self._task is None or self._task is asyncio.current_task():
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        while True:
            self._again = False
            await self._call()
            await asyncio.sleep(self._pause)
            if not self._again:
                return
