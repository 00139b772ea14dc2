"""The socket of a benchmark's page: a snapshot, then what follows."""

from __future__ import annotations

from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.db import DatabaseError

from webapp.benchmarks.events import benchmark_group, member_group
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.payloads import snapshot_payload
from webapp.benchmarks.shared_news import news_since
from webapp.common.batched import Batched
from webapp.common.pacing import Paced

NOT_FOUND = 4404
TRY_AGAIN = 1013
PAUSE_SECONDS = 0.4


class BenchmarkConsumer(AsyncJsonWebsocketConsumer):
    """Sends one member one benchmark. What is not visible to them does not exist: the socket closes with 4404.

    What happens is sent together, a few times a second; before each message it is looked whether they still may see it.
    """

    benchmark_id: int
    seq: int

    async def connect(self) -> None:
        self.benchmark_id = self.scope["url_route"]["kwargs"]["benchmark_id"]
        self.groups_joined = [benchmark_group(self.benchmark_id), member_group(self.scope["user"].pk or 0)]
        self.news = Paced(self._send_or_close, PAUSE_SECONDS)
        self.progress: dict[str, Any] = {}
        self.told_of = 0
        if not await self._visible():
            # Accepted first: a refused handshake shows the browser no code, and it would try again for ever.
            await self.accept()
            await self.close(code=NOT_FOUND)
            return
        # Joined before the snapshot is taken, so that nothing falls between the two.
        for group in self.groups_joined:
            await self.channel_layer.group_add(group, self.channel_name)
        await self.accept()
        snapshot = await self._snapshot()
        self.seq = snapshot["seq"]
        await self.send_json(snapshot)

    async def disconnect(self, code: int) -> None:
        await self.news.stop()
        for group in self.groups_joined:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def benchmark_event(self, message: dict[str, Any]) -> None:
        self.told_of = max(self.told_of, message["seq"])
        if self.told_of > self.seq:
            self.news.ask()

    async def benchmark_progress(self, message: dict[str, Any]) -> None:
        self.progress |= message["payload"]
        self.news.ask()

    async def benchmark_access(self, message: dict[str, Any]) -> None:
        self.news.ask()

    async def member_explanation(self, message: dict[str, Any]) -> None:
        await self.send_json(message["payload"])

    async def _send_or_close(self) -> None:
        try:
            await self._send_news()
        except DatabaseError:
            # The browser comes back, and begins with a snapshot.
            await self.close(code=TRY_AGAIN)

    async def _send_news(self) -> None:
        progress, self.progress = self.progress, {}
        if not await self._visible():
            await self.close(code=NOT_FOUND)
            return
        if self.told_of > self.seq:
            events, state = await news_since(self.benchmark_id, self.seq, self.told_of)
            if events:
                self.seq = events[-1]["seq"]
                # The state is read after the events: any progress told of before is part of it.
                await self.send_json({"type": "events", "seq": self.seq, "events": events, **state})
                progress = {}
        if progress:
            await self.send_json({"type": "progress", **progress})

    async def _visible(self) -> bool:
        user = self.scope["user"]
        return user.is_authenticated and bool(await _visible.ask((user.pk, self.benchmark_id)))

    @database_sync_to_async
    def _snapshot(self) -> dict[str, Any]:
        return snapshot_payload(Benchmark.objects.select_related("classifier").get(pk=self.benchmark_id))


def _visible_now(pairs: set[tuple[int, int]]) -> dict[tuple[int, int], bool]:
    return dict.fromkeys(Benchmark.objects.visible_pairs(pairs), True)


_visible: Batched[tuple[int, int], bool] = Batched(_visible_now)
