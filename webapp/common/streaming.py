"""Files as answers, a piece at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice
from pathlib import Path

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

CHUNK_BYTES = 1 << 18
LINES_IN_BLOCK = 1000


def zip_response(request: HttpRequest, path: Path, name: str) -> StreamingHttpResponse:
    """The ZIP as a download of that name; its size is told. Raises FileNotFoundError."""
    return file_response(request, path, name, "application/zip")


def file_response(request: HttpRequest, path: Path, name: str, content_type: str) -> StreamingHttpResponse:
    """The file as a download of that name; its size is told. Raises FileNotFoundError."""
    answer = _streamed(request, _chunks(path), name, content_type)
    answer["Content-Length"] = str(path.stat().st_size)
    return answer


def pieces_response(
    request: HttpRequest, pieces: Iterator[bytes], name: str, content_type: str, size: int
) -> StreamingHttpResponse:
    """What is made while it is sent, in pieces of which none is empty, as a download of `size` bytes."""
    answer = _streamed(request, pieces, name, content_type)
    answer["Content-Length"] = str(size)
    return answer


def lines_response(
    request: HttpRequest, lines: Iterable[str], name: str, content_type: str
) -> StreamingHttpResponse:
    """Lines of text as a download of that name, sent as they are made."""
    return _streamed(request, _blocks(lines), name, content_type)


def _streamed(
    request: HttpRequest, pieces: Iterator[bytes], name: str, content_type: str
) -> StreamingHttpResponse:
    content = _async(pieces) if isinstance(request, ASGIRequest) else pieces
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(content, content_type=content_type, headers=headers)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _blocks(lines: Iterable[str]) -> Iterator[bytes]:
    iterator = iter(lines)
    while block := "".join(islice(iterator, LINES_IN_BLOCK)):
        yield block.encode()


async def _async(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The same without holding up the server's other requests."""
    while piece := await sync_to_async(next)(pieces, b""):
        yield piece
