"""From which address a request came."""

from __future__ import annotations

from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """The address that the web server gives; None where it has none, as behind a Unix socket.

    uvicorn puts the client's address here if the connection comes from a trusted proxy (FORWARDED_ALLOW_IPS). The
    headers themselves are never read: anybody can write them.
    """
    return request.META.get("REMOTE_ADDR") or None
