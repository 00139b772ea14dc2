"""How long answers take, and what log lines of a request say of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse

from webapp.metrics.registry import REQUEST_SECONDS

# Addresses below these names are about one benchmark, whose key is their `pk`.
ABOUT_A_BENCHMARK = ("/benchmarks/", "/api/v1/benchmarks/")


class MetricsMiddleware:
    """Measures every request. Log lines that are written while it is answered carry the benchmark it is about."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        begin = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        response = self.get_response(request)
        match = request.resolver_match
        # The pattern's name and not the address: every benchmark would else have figures of its own.
        address = match.view_name or match.route if match else "none"
        REQUEST_SECONDS.labels(_method(request), address, str(response.status_code)).observe(
            time.perf_counter() - begin
        )
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], arguments: Any, keywords: dict[str, Any]
    ) -> None:
        if "pk" in keywords and request.path.startswith(ABOUT_A_BENCHMARK):
            structlog.contextvars.bind_contextvars(benchmark=keywords["pk"])


def _method(request: HttpRequest) -> str:
    """Whatever a client makes up is one thing."""
    known = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    return request.method if request.method in known else "other"
