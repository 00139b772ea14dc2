"""The Content-Security-Policy header: everything comes from this server, nothing else is loaded or run."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self'",
        # Plotly's styles are set by property: static/js/plotly_styles.js.
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)


class ContentSecurityPolicyMiddleware:
    """Adds the policy to every response that does not carry one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if "Content-Security-Policy" not in response:
            host = request.META.get("HTTP_HOST", "")
            sockets = f" ws://{host} wss://{host}" if _is_plain_host(host) else ""
            # Older browsers do not take 'self' to cover the same host's WebSockets.
            response["Content-Security-Policy"] = f"{POLICY}; connect-src 'self'{sockets}"
        return response


def _is_plain_host(host: str) -> bool:
    return (
        bool(host)
        and all(character.isalnum() or character in ".-:[]" for character in host)
        and host.isascii()
    )
