"""Refuses requests that are too long while they arrive: Django would first store a body whole, whoever sends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse


class BodyTooLong(Exception):
    """More bytes came than are allowed."""


class RequestSizeLimit:
    """ASGI application around another one; HTTP bodies over `maximum` bytes are answered by `refusal`."""

    def __init__(
        self, application: Any, maximum: int, refusal: Callable[[dict[str, Any]], HttpResponse]
    ) -> None:
        self.application = application
        self.maximum = maximum
        self.refusal = refusal

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        if self._announced(scope) > self.maximum:
            await self._refuse(scope, send)
            return
        received = 0
        started = False

        async def counting_receive() -> dict[str, Any]:
            nonlocal received
            message: dict[str, Any] = await receive()
            received += len(message.get("body", b""))
            if received > self.maximum:
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
            await self._refuse(scope, send)

    @staticmethod
    def _announced(scope: dict[str, Any]) -> int:
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit():
                return int(value)
        return 0

    async def _refuse(self, scope: dict[str, Any], send: Any) -> None:
        # Rendered in a thread: the first time templates are read from the disk.
        answer = await asyncio.to_thread(self.refusal, scope)
        headers = [
            (b"content-type", answer["Content-Type"].encode()),
            (b"content-length", str(len(answer.content)).encode()),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": answer.content})
