"""Sockets live for hours: what they send is sent only while the session they were opened with is still signed in."""

from __future__ import annotations

import time
from typing import Any

from channels.auth import get_user
from channels.db import database_sync_to_async
from django.conf import settings
from django.utils.module_loading import import_string

from webapp.live.broker_memory import COME_BACK, BrokerMemory

SIGNED_OUT = 4401
"""The code with which a socket closes when its session has ended; browsers do not come back after it."""
CHECK_SECONDS = 1.0


class SessionGuard:
    """ASGI application between the authentication and the sockets, the same for all of them.

    Before a message goes out the session is read anew, at most once a second; if it has ended (signed out here or
    everywhere, password changed, account closed), the socket is closed and the message is not sent. A socket that the
    broker has forgotten is closed too.
    """

    def __init__(self, application: Any) -> None:
        self.application = application
        self.broker_memory = BrokerMemory()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        user = scope["user"]
        if not user.is_authenticated:
            await self.application(scope, receive, send)
            return
        checked = time.monotonic()
        closed = False

        async def guarded_send(message: dict[str, Any]) -> None:
            nonlocal checked, closed
            if closed:
                return
            if message["type"] == "websocket.send" and time.monotonic() - checked >= CHECK_SECONDS:
                checked = time.monotonic()
                if await signed_in(scope) != user.pk:
                    closed = True
                    message = {"type": "websocket.close", "code": SIGNED_OUT}
            await send(message)

        async def close() -> None:
            nonlocal closed
            if not closed:
                closed = True
                await send({"type": "websocket.close", "code": COME_BACK})

        with self.broker_memory.watching(close):
            await self.application(scope, receive, guarded_send)


async def signed_in(scope: dict[str, Any]) -> int | None:
    """Key of the member whose session it is now, as the session's store has it; None if it has ended."""
    store = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
    session = store(session_key=scope["session"].session_key)
    await database_sync_to_async(session.load)()
    user = await get_user({"session": session})
    return user.pk if user.is_authenticated and user.is_active else None
