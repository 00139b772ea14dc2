"""Refuses requests that are too long while they arrive: Django would first store a body whole, whoever sends it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse

# Views with a file in their form that may be large; all other requests are forms and JSON.
UPLOADS = (
    "library:import_classifier",
    "library:upload_dataset",
    "backups:restore",
    "studio:upload",
    "api:classifiers",
    "api:datasets",
    "api:pictures",
)

_SESSION_COOKIE = re.compile(rb"(?:^|;\s*)%s=[^;\s]" % re.escape(settings.SESSION_COOKIE_NAME.encode()))


class BodyTooLong(Exception):
    """More bytes came than are allowed."""


class RequestSizeLimit:
    """ASGI application around another one; HTTP bodies over `maximum` bytes are answered by `refusal`, which gets the
    scope and the limit in bytes.

    With `usual` so many bytes are allowed to all but uploads of somebody who says who they are: what the session or
    the token is worth is found out only after the body was stored, and nobody else needs it to be.
    """

    def __init__(
        self,
        application: Any,
        maximum: int,
        refusal: Callable[[dict[str, Any], int], HttpResponse],
        usual: int | None = None,
    ) -> None:
        self.application = application
        self.maximum = maximum
        self.refusal = refusal
        self.usual = maximum if usual is None else min(usual, maximum)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        most = self.maximum if _is_upload(scope) else self.usual
        if self._announced(scope) > most:
            await self._refuse(scope, send, most)
            return
        received = 0
        started = False

        async def counting_receive() -> dict[str, Any]:
            nonlocal received
            message: dict[str, Any] = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise BodyTooLong
            return message

        async def noting_send(message: dict[str, Any]) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.application(scope, counting_receive, noting_send)
        except BodyTooLong:
            if started:
                raise
            await self._refuse(scope, send, most)

    @staticmethod
    def _announced(scope: dict[str, Any]) -> int:
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit():
                return int(value)
        return 0

    async def _refuse(self, scope: dict[str, Any], send: Any, most: int) -> None:
        # Rendered in a thread: the first time templates are read from the disk.
        answer = await asyncio.to_thread(self.refusal, scope, most)
        headers = [
            (b"content-type", answer["Content-Type"].encode()),
            (b"content-length", str(len(answer.content)).encode()),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": answer.content})


def _is_upload(scope: dict[str, Any]) -> bool:
    """Whether a file may be sent there, and the request carries a session or a token."""
    if scope["method"] != "POST" or scope["path"] not in map(reverse, UPLOADS):
        return False
    headers = dict(scope["headers"])
    if b"authorization" in headers:
        return True
    return _SESSION_COOKIE.search(headers.get(b"cookie", b"")) is not None
