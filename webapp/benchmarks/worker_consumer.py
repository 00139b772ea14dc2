"""The socket of the page of workers: it says that something has changed, at most once every two seconds."""

from __future__ import annotations

import asyncio
from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from webapp.benchmarks.events import WORKERS_GROUP

NOT_FOUND = 4404
PAUSE_SECONDS = 2.0


class WorkersConsumer(AsyncJsonWebsocketConsumer):
    """Sends members `{"type": "changed"}`: on connecting, and then whenever a worker or the queue has changed.

    What they may see of it they fetch by HTTP. Changes that come faster than the pause are told of together.
    """

    _next: float = 0.0
    _waiting: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        await self.accept()
        if not self.scope["user"].is_authenticated:
            # Accepted first: a refused handshake shows the browser no code, and it would try again for ever.
            await self.close(code=NOT_FOUND)
            return
        await self.channel_layer.group_add(WORKERS_GROUP, self.channel_name)
        await self._tell()

    async def disconnect(self, code: int) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        await self.channel_layer.group_discard(WORKERS_GROUP, self.channel_name)

    async def workers_changed(self, message: dict[str, Any]) -> None:
        if self._waiting is None or self._waiting.done():
            self._waiting = asyncio.create_task(self._tell_in_time())

    async def _tell_in_time(self) -> None:
        await asyncio.sleep(max(0.0, self._next - asyncio.get_running_loop().time()))
        await self._tell()

    async def _tell(self) -> None:
        self._next = asyncio.get_running_loop().time() + PAUSE_SECONDS
        await self.send_json({"type": "changed"})
