"""Files as answers, a piece at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

CHUNK_BYTES = 1 << 18


def zip_response(request: HttpRequest, path: Path, name: str) -> StreamingHttpResponse:
    """The ZIP as a download of that name; its size is told. Raises FileNotFoundError."""
    streamed = _chunks_async(path) if isinstance(request, ASGIRequest) else _chunks(path)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Length": str(path.stat().st_size),
    }
    return StreamingHttpResponse(streamed, content_type="application/zip", headers=headers)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


async def _chunks_async(path: Path) -> AsyncIterator[bytes]:
    chunks = _chunks(path)
    while chunk := await sync_to_async(next)(chunks, b""):
        yield chunk
