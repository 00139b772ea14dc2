"""Sockets live for hours: what they send is sent only while the session they were opened with is still signed in."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.utils.crypto import constant_time_compare
from django.utils.module_loading import import_string

from webapp.accounts.models import User
from webapp.common.batched import Batched
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
                if await _members.ask(scope["session"].session_key) != user.pk:
                    closed = True
                    message = {"type": "websocket.close", "code": SIGNED_OUT}
            try:
                await send(message)
            except OSError:
                # The browser has gone; of the ways to learn that, this is the one that comes first.
                closed = True

        async def close() -> None:
            nonlocal closed
            if not closed:
                closed = True
                await send({"type": "websocket.close", "code": COME_BACK})

        with self.broker_memory.watching(close):
            await self.application(scope, receive, guarded_send)


def members_of_sessions(keys: set[str]) -> dict[str, int]:
    """Keys of the members whose sessions these are now, as the session's store has them. Those that have ended are left
    out, and none is changed: a socket cannot send its browser a new cookie.
    """
    store = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
    sessions = {key: store(session_key=key).load() for key in keys}
    members = User.objects.filter(is_active=True).in_bulk(
        {session[SESSION_KEY] for session in sessions.values() if SESSION_KEY in session}
    )
    found = {}
    for key, session in sessions.items():
        member = members.get(int(session.get(SESSION_KEY, 0)))
        if member is not None and _is_verified(session, member):
            found[key] = member.pk
    return found


def _is_verified(session: dict[str, Any], member: User) -> bool:
    """Whether the session was opened with the member's present password, through a backend that is still in use."""
    if session.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return False
    return any(
        constant_time_compare(session.get(HASH_SESSION_KEY, ""), good)
        for good in (member.get_session_auth_hash(), *member.get_session_auth_fallback_hash())
    )


_members: Batched[str, int] = Batched(members_of_sessions)
