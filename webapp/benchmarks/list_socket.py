"""The socket of the list of benchmarks: the shown rows as they are, then every change of them.

Messages: `snapshot` and `rows`, both with `seq` (counted from 0 by each connection) and `rows`. A row: id, state,
unfinished, images_done, images_total, figure (value, half_width, unit, title, method; None before there is one); or
id and `gone` where the member does not see it any more. Rows that changed are sent together, a few times a second.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError
from django.utils import translation

from webapp.benchmarks.events import benchmark_group
from webapp.benchmarks.figures import headline
from webapp.benchmarks.list_page import count_images, rows_for
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.templatetags.figures import half_width, in_unit, method_title, translated, unit_sign
from webapp.common.pacing import Paced

NOT_FOUND = 4404
TRY_AGAIN = 1013
MOST_WATCHED = 100
PAUSE_SECONDS = 0.4


class BenchmarkListConsumer(AsyncJsonWebsocketConsumer):
    """`?benchmark=5&benchmark=6&language=en`. With none of them visible the socket closes with 4404."""

    async def connect(self) -> None:
        query = parse_qs(self.scope.get("query_string", b"").decode("ascii", "replace"))
        self.language = _language(query)
        self.watched = _numbers(query)
        self.changed: set[int] = set()
        self.seq = 0
        self.sending = Paced(self._send_or_close, PAUSE_SECONDS)
        # Joined before the snapshot is taken, so that nothing falls between the two.
        for number in self.watched:
            await self.channel_layer.group_add(benchmark_group(number), self.channel_name)
        rows = [row for row in await self._rows(self.watched) if "gone" not in row]
        await self.accept()
        if not rows:
            await self.close(code=NOT_FOUND)
            return
        seen = {row["id"] for row in rows}
        for number in self.watched - seen:
            await self.channel_layer.group_discard(benchmark_group(number), self.channel_name)
        self.watched = seen
        await self.send_json({"type": "snapshot", "seq": 0, "rows": rows})

    async def disconnect(self, code: int) -> None:
        await self.sending.stop()
        for number in self.watched:
            await self.channel_layer.group_discard(benchmark_group(number), self.channel_name)

    async def benchmark_event(self, message: dict[str, Any]) -> None:
        self._note(message)

    async def benchmark_progress(self, message: dict[str, Any]) -> None:
        self._note(message)

    async def benchmark_access(self, message: dict[str, Any]) -> None:
        self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        # What was sent before it is known which rows are seen is in the snapshot.
        if message.get("benchmark") in self.watched:
            self.changed.add(message["benchmark"])
            self.sending.ask()

    async def _send_or_close(self) -> None:
        try:
            await self._send_changed()
        except DatabaseError:
            # The browser comes back, and begins with a snapshot.
            await self.close(code=TRY_AGAIN)

    async def _send_changed(self) -> None:
        changed, self.changed = self.changed, set()
        rows = await self._rows(changed)
        for row in rows:
            if "gone" in row:
                self.watched.discard(row["id"])
                await self.channel_layer.group_discard(benchmark_group(row["id"]), self.channel_name)
        if rows:
            self.seq += 1
            await self.send_json({"type": "rows", "seq": self.seq, "rows": rows})

    @database_sync_to_async
    def _rows(self, numbers: set[int]) -> list[dict[str, Any]]:
        rows = list(rows_for(self.scope["user"], numbers))
        count_images(rows)
        with translation.override(self.language):
            found = {row.pk: row_payload(row) for row in rows}
        return [found.get(number, {"id": number, "gone": True}) for number in sorted(numbers)]


def row_payload(benchmark: Benchmark) -> dict[str, Any]:
    """A row of the list, `images_done` counted; figures as the list writes them."""
    head = headline(benchmark)
    methods = benchmark.specification["methods"]
    return {
        "id": benchmark.pk,
        "state": benchmark.state,
        "unfinished": benchmark.is_unfinished,
        "images_done": benchmark.images_done,
        "images_total": benchmark.images_total,
        "figure": head
        and {
            "value": in_unit(head.interval["value"], head.figure.unit),
            "half_width": half_width(head.interval, head.figure.unit),
            "unit": unit_sign(head.figure.unit),
            "title": translated(head.figure.title),
            "protocol": head.protocol,
            "method": method_title(methods[head.method_index]) if len(methods) > 1 else "",
        },
    }


def _numbers(query: dict[str, list[str]]) -> set[int]:
    texts = [text for text in query.get("benchmark", ()) if text.isascii() and text.isdecimal()]
    return {int(text) for text in texts[:MOST_WATCHED] if len(text) < 16}


def _language(query: dict[str, list[str]]) -> str:
    asked = query.get("language", [""])[0]
    return asked if asked in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
