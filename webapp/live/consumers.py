"""The socket that every page of a signed-in member opens.

It begins with `hello`, which says how far the log of finished benchmarks goes (`after`). A page that comes back with
`?after=…` is first sent what finished in between, so that nothing is missed on the way from page to page.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from webapp.benchmarks.finishing import finished_after, newest_event
from webapp.common.text import row_number
from webapp.live.notices import EVERYBODY, notices_group
from webapp.live.session_guard import SIGNED_OUT
from webapp.live.topics import message_for


class MemberConsumer(AsyncJsonWebsocketConsumer):
    """Sends a member what the topics have for them. Whoever is not signed in is closed with 4401."""

    async def connect(self) -> None:
        user = self.scope["user"]
        self.joined: list[str] = []
        if not user.is_authenticated:
            # Accepted first: a refused handshake shows the browser no code, and it would try again for ever.
            await self.accept()
            await self.close(code=SIGNED_OUT)
            return
        # Joined before the log is read, so that nothing falls between the two.
        self.joined = [EVERYBODY, notices_group(user.pk)]
        for group in self.joined:
            await self.channel_layer.group_add(group, self.channel_name)
        newest, missed = await self._missed(asked_after(self.scope.get("query_string", b"")))
        await self.accept()
        for key in missed:
            await self.member_notice({"topic": "finished", "key": key})
        await self.send_json({"type": "hello", "after": newest})

    async def disconnect(self, code: int) -> None:
        for group in self.joined:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def member_notice(self, message: dict[str, Any]) -> None:
        found = await database_sync_to_async(message_for)(
            self.scope["user"], message["topic"], message["key"]
        )
        if found is not None:
            await self.send_json(found)

    @database_sync_to_async
    def _missed(self, after: int | None) -> tuple[int, list[int]]:
        newest = newest_event()
        return newest, [] if after is None else finished_after(self.scope["user"], after)


def asked_after(query: bytes) -> int | None:
    """The number in `?after=…`, or None."""
    text = parse_qs(query.decode("ascii", "replace")).get("after", [""])[0]
    return row_number(text)
