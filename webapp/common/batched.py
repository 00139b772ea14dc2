"""Questions to the database that many sockets ask at the same moment, answered together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


class Batched(Generic[Key, Answer]):
    """Asks `read` for many keys at once: sockets share one thread for the database, and would queue for it one by one.

    `read` gets the keys that were asked for while the read before it was under way. Every answer is thus read after its
    question was asked, and is as fresh as if it had been asked alone. A key without an answer gets None.
    """

    def __init__(self, read: Callable[[set[Key]], dict[Key, Answer]]) -> None:
        self._read = read
        self._waiting: WeakKeyDictionary[
            asyncio.AbstractEventLoop, dict[Key, asyncio.Future[Answer | None]]
        ] = WeakKeyDictionary()
        self._reading: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[None]] = WeakKeyDictionary()

    async def ask(self, key: Key) -> Answer | None:
        """The answer for this key. Raises what `read` raised for the batch that the key was in."""
        loop = asyncio.get_running_loop()
        waiting = self._waiting.setdefault(loop, {})
        answer = waiting.get(key)
        if answer is None:
            answer = waiting[key] = loop.create_future()
        reading = self._reading.get(loop)
        if reading is None or reading.done():
            self._reading[loop] = loop.create_task(self._read_all(waiting))
        # Whoever stops waiting does not take the answer from the others.
        return await asyncio.shield(answer)

    async def _read_all(self, waiting: dict[Key, asyncio.Future[Answer | None]]) -> None:
        while waiting:
            batch = dict(waiting)
            waiting.clear()
            try:
                answers = await database_sync_to_async(self._read)(set(batch))
            except Exception as problem:
                for answer in batch.values():
                    answer.set_exception(problem)
                    answer.exception()  # whoever asked may have gone meanwhile
            else:
                for key, answer in batch.items():
                    answer.set_result(answers.get(key))
