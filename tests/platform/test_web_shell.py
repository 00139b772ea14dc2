"""What surrounds every page: security headers, size limit, static files, health."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.staticfiles import finders
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from webapp.benchmarks.models import WorkerNode
from webapp.plotly_files import PlotlyFinder
from webapp.request_limits import RequestSizeLimit
from webapp.security_headers import ContentSecurityPolicyMiddleware


def policy_for(**headers: str) -> str:
    middleware = ContentSecurityPolicyMiddleware(lambda request: HttpResponse())
    request: HttpRequest = RequestFactory().get("/", **headers)
    return middleware(request)["Content-Security-Policy"]


def test_nothing_is_loaded_from_elsewhere() -> None:
    policy = policy_for(HTTP_HOST="lab.example:8000")
    assert "default-src 'self'" in policy
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "unsafe" not in policy
    assert policy.endswith("connect-src 'self' ws://lab.example:8000 wss://lab.example:8000")


def test_a_host_with_other_characters_does_not_reach_the_policy() -> None:
    assert policy_for(HTTP_HOST="evil.example; script-src *").endswith("connect-src 'self'")


def test_a_policy_of_the_view_stays() -> None:
    own = ContentSecurityPolicyMiddleware(
        lambda request: HttpResponse(headers={"Content-Security-Policy": "sandbox"})
    )
    assert own(RequestFactory().get("/"))["Content-Security-Policy"] == "sandbox"


def test_only_plotlys_bundle_is_offered() -> None:
    assert [path for path, _ in PlotlyFinder().list(None)] == ["plotly.min.js"]
    assert finders.find("plotly/plotly.min.js")
    assert finders.find("plotly/widgetbundle.js") is None


class Exchange:
    """Plays the server's part towards an ASGI application."""

    def __init__(self, chunks: list[bytes], headers: list[tuple[bytes, bytes]] | None = None) -> None:
        self.scope = {"type": "http", "method": "POST", "path": "/", "headers": headers or []}
        self._messages = [
            {"type": "http.request", "body": chunk, "more_body": number + 1 < len(chunks)}
            for number, chunk in enumerate(chunks)
        ]
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        return self._messages.pop(0)

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    def run(self, application: Any) -> int:
        async_to_sync(application)(self.scope, self.receive, self.send)
        return int(self.sent[0]["status"])


async def reads_everything(scope: dict[str, Any], receive: Any, send: Any) -> None:
    while (await receive())["more_body"]:
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def test_bodies_up_to_the_limit_pass_and_longer_ones_are_refused() -> None:
    limited = RequestSizeLimit(
        reads_everything, maximum=10, refusal=lambda scope, most: HttpResponse(status=413)
    )
    assert Exchange([b"x" * 5, b"x" * 5]).run(limited) == 200
    assert Exchange([b"x" * 5, b"x" * 6]).run(limited) == 413
    assert Exchange([b""], headers=[(b"content-length", b"11")]).run(limited) == 413


@pytest.fixture
def two_workers(db: None) -> None:
    for kind in ("benchmark", "studio"):
        WorkerNode.objects.create(name=kind, kind=kind, device="CPU", started_at=Now(), heartbeat_at=Now())


def test_health_is_good_with_both_workers(two_workers: None, client: Client, broker_url: str) -> None:
    answer = client.get("/healthz")
    health = answer.json()
    assert answer.status_code == 200, health
    assert health["status"] == "ok"
    assert health["workers"]["benchmark"]["alive"] == 1
    assert health["workers"]["studio"]["last_heartbeat"]
    assert health["database"]["ok"] and health["broker"]["ok"] and health["channel_layer"]["ok"]
    assert broker_url not in json.dumps(health)


def test_health_names_the_missing_worker(two_workers: None, client: Client) -> None:
    WorkerNode.objects.filter(kind="studio").update(stopped_at=Now())
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["status"] == "unavailable"
    assert answer.json()["workers"]["studio"]["alive"] == 0


def test_health_without_a_broker_is_told_without_its_address(
    two_workers: None, client: Client, settings: Any
) -> None:
    settings.BROKER_URL = "redis://:hidden-password@127.0.0.1:1/0"
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["broker"]["ok"] is False
    assert "hidden-password" not in answer.content.decode()
    assert "127.0.0.1" not in answer.content.decode()


def test_health_is_asked_not_changed(db: None, client: Client) -> None:
    assert client.post("/healthz").status_code == 405
