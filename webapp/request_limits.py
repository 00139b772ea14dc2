"""Refuses requests that are too long while they arrive: Django would first store a body whole, whoever sends it."""

from __future__ import annotations

from typing import Any


class BodyTooLong(Exception):
    """More bytes came than are allowed."""


class RequestSizeLimit:
    """ASGI application around another one; HTTP bodies over `maximum` bytes are answered with 413."""

    def __init__(self, application: Any, maximum: int) -> None:
        self.application = application
        self.maximum = maximum

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        if self._announced(scope) > self.maximum:
            await self._refuse(send)
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
            await self._refuse(send)

    @staticmethod
    def _announced(scope: dict[str, Any]) -> int:
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit():
                return int(value)
        return 0

    async def _refuse(self, send: Any) -> None:
        text = f"The upload is too big: at most {self.maximum / 1024**2:.0f} MiB are taken.\n".encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(text)).encode()),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": text})
