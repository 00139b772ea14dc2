"""The socket of pages that wait for data sets: their state and how far they are, then every change of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from webapp.common.text import row_number
from webapp.library.dataset_events import dataset_group
from webapp.library.models import Dataset

NOT_FOUND = 4404
MOST_WATCHED = 64


class DatasetConsumer(AsyncJsonWebsocketConsumer):
    """`?dataset=5&dataset=6`. If one of them is not visible to the member, or none is named, it closes with 4404."""

    watched: set[int]

    async def connect(self) -> None:
        self.watched = named_datasets(self.scope.get("query_string", b""))
        # Joined before the snapshot is taken, so that nothing falls between the two.
        for number in self.watched:
            await self.channel_layer.group_add(dataset_group(number), self.channel_name)
        rows = await self._rows(self.watched)
        await self.accept()
        if not rows or len(rows) < len(self.watched):
            await self.close(code=NOT_FOUND)
            return
        await self.send_json({"type": "snapshot", "rows": rows})

    async def disconnect(self, code: int) -> None:
        for number in self.watched:
            await self.channel_layer.group_discard(dataset_group(number), self.channel_name)

    async def dataset_changed(self, message: dict[str, Any]) -> None:
        for row in await self._rows([message["id"]]):
            await self.send_json({"type": "dataset", **row})

    @database_sync_to_async
    def _rows(self, numbers: Iterable[int]) -> list[dict[str, Any]]:
        rows = Dataset.objects.visible_to(self.scope["user"]).filter(pk__in=numbers)
        return [dataset_state(row) for row in rows.only("state", "step", "done", "total", "problem")]


def dataset_state(row: Dataset) -> dict[str, Any]:
    """`done` and `total`: of the step, bytes of the archive or images."""
    return {
        "id": row.pk,
        "state": row.state,
        "step": row.step,
        "done": row.done,
        "total": row.total,
        "problem": row.problem,
    }


def named_datasets(query: bytes) -> set[int]:
    """The numbers that an address names, at most MOST_WATCHED."""
    named = parse_qs(query.decode("ascii", "replace")).get("dataset", [])
    return {number for text in named[:MOST_WATCHED] if (number := row_number(text)) is not None}
