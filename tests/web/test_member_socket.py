"""The socket of every page: what finished, told to those it concerns, and to nobody once the session has ended."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
import redis
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.test import Client

from tests.web import factories
from webapp.accounts.models import User
from webapp.asgi import application
from webapp.benchmarks import transitions
from webapp.benchmarks.models import Benchmark, BenchmarkEvent, BenchmarkPin, Shard
from webapp.common import announcing
from webapp.live import broker_memory, session_guard
from webapp.live.notices import notify_everybody, notify_members
from webapp.live.topics import TOPICS

pytestmark = pytest.mark.django_db(transaction=True)
NOBODY = AnonymousUser()


def cookies_of(user: User | AnonymousUser) -> dict[str, str]:
    client = Client()
    if user.is_authenticated:
        client.force_login(user, backend="webapp.accounts.backends.NameOrNumberBackend")
    return {name: morsel.value for name, morsel in client.cookies.items()}


def talk(
    user: User | AnonymousUser,
    happen: Callable[[], Any] = lambda: None,
    messages: int = 1,
    *,
    query: str = "",
    origin: str = "http://localhost",
) -> list[dict[str, Any]]:
    """Opens the socket as a browser does, lets something happen after `hello`, gives what came, a closing included."""
    cookies = cookies_of(user)

    async def run() -> list[dict[str, Any]]:
        headers = [
            (b"host", b"localhost"),
            (b"origin", origin.encode()),
            (b"cookie", "; ".join(f"{name}={value}" for name, value in cookies.items()).encode()),
        ]
        scope = {
            "type": "websocket",
            "path": "/ws/member/",
            "query_string": query.encode(),
            "headers": headers,
        }
        communicator = ApplicationCommunicator(application, scope)
        await communicator.send_input({"type": "websocket.connect"})
        received: list[dict[str, Any]] = []
        happened = False
        while len(received) < messages:
            output = await communicator.receive_output(timeout=5)
            if output["type"] == "websocket.send":
                received.append(json.loads(output["text"]))
            elif output["type"] == "websocket.close":
                received.append({"type": "closed", "code": output.get("code")})
                break
            if received and received[-1]["type"] == "hello" and not happened:
                happened = True
                await sync_to_async(happen)()
        await communicator.send_input({"type": "websocket.disconnect", "code": 1000})
        await communicator.wait(timeout=5)
        return received

    return async_to_sync(run)()


def newest_event() -> int:
    return BenchmarkEvent.objects.order_by("-pk").values_list("pk", flat=True)[0]


def succeed(benchmark: Benchmark) -> None:
    benchmark.shards.update(state=Shard.State.DONE)
    transitions.succeed(benchmark, figures={}, shards=0)


@pytest.mark.parametrize(
    ("finish", "state"),
    [
        (succeed, "succeeded"),
        (lambda benchmark: transitions.fail(benchmark, "No room left."), "failed"),
        (transitions.cancel, "cancelled"),
    ],
)
def test_owner_is_told_what_became_of_a_benchmark(finish: Callable[[Benchmark], None], state: str) -> None:
    benchmark = factories.running_benchmark()
    Benchmark.objects.filter(pk=benchmark.pk).update(name="All of VGG")
    hello, notice = talk(benchmark.owner, lambda: finish(benchmark), 2)
    assert hello == {"type": "hello", "after": newest_event() - 1}
    assert notice == {
        "type": "finished",
        "benchmark": benchmark.pk,
        "name": f"#{benchmark.pk} All of VGG",
        "state": state,
        "url": f"/benchmarks/{benchmark.pk}/",
        "after": newest_event(),
    }


def test_page_that_comes_back_is_told_what_finished_in_between() -> None:
    benchmark, other = factories.running_benchmark(), factories.running_benchmark()
    before = newest_event()
    transitions.cancel(benchmark)
    transitions.cancel(other)
    notice, hello = talk(benchmark.owner, messages=2, query=f"after={before}")
    assert (notice["benchmark"], notice["state"]) == (benchmark.pk, "cancelled")
    assert hello == {"type": "hello", "after": newest_event()}
    assert talk(benchmark.owner, query=f"after={newest_event()}")[0]["type"] == "hello"


def test_only_the_last_end_of_a_resumed_benchmark_is_told() -> None:
    benchmark = factories.running_benchmark()
    before = newest_event()
    transitions.cancel(benchmark)
    transitions.resume(benchmark)
    assert talk(benchmark.owner, query=f"after={before}")[0]["type"] == "hello"


def test_pin_of_a_shared_benchmark_makes_one_be_told_and_strangers_are_not() -> None:
    owner, watcher, stranger = factories.member(), factories.member(), factories.member()
    benchmark = factories.running_benchmark(owner)
    benchmark.shares.create(user=watcher)
    for user in (watcher, stranger):
        BenchmarkPin.objects.create(benchmark=benchmark, user=user)
    before = newest_event()
    _, notice = talk(watcher, lambda: transitions.cancel(benchmark), 2)
    assert notice["benchmark"] == benchmark.pk
    # Pinned while it was shared; the permission is looked up for each message.
    assert talk(stranger, query=f"after={before}")[0]["type"] == "hello"


def test_topics_of_others_go_through_the_same_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    member = factories.member()
    monkeypatch.setitem(TOPICS, "test", lambda user, key: {"key": key} if key % 2 else None)

    def happen() -> None:
        notify_members([member.pk], "test", 2)
        notify_members([member.pk], "unknown", 3)
        notify_members([member.pk], "test", 5)
        notify_everybody("test", 7)

    assert talk(member, happen, 3)[1:] == [{"type": "test", "key": 5}, {"type": "test", "key": 7}]


def test_nobody_is_closed_out() -> None:
    assert talk(NOBODY) == [{"type": "closed", "code": 4401}]


def test_other_origins_are_refused() -> None:
    refused = talk(factories.member(), origin="http://elsewhere.test")
    assert [message["type"] for message in refused] == ["closed"]


@pytest.mark.parametrize("way", ["signed out", "password changed", "account closed"])
def test_socket_of_an_ended_session_is_closed_instead_of_told(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_guard, "CHECK_SECONDS", 0.0)
    benchmark = factories.running_benchmark()
    owner = benchmark.owner

    def happen() -> None:
        if way == "signed out":
            from django.contrib.sessions.models import Session

            Session.objects.all().delete()
        elif way == "password changed":
            owner.set_password("another long phrase")
            owner.save()
        else:
            User.objects.filter(pk=owner.pk).update(is_active=False)
        transitions.cancel(benchmark)

    assert talk(owner, happen, 2)[1] == {"type": "closed", "code": 4401}


@pytest.fixture
def mark_seen(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set once an open socket has looked for the broker's mark, which it does ten times a second."""
    monkeypatch.setattr(broker_memory, "LOOK_SECONDS", 0.1)
    seen, look = threading.Event(), broker_memory.BrokerMemory._is_new

    async def looked(memory: broker_memory.BrokerMemory) -> bool:
        is_new = await look(memory)
        seen.set()
        return is_new

    monkeypatch.setattr(broker_memory.BrokerMemory, "_is_new", looked)
    return seen


def test_socket_that_the_broker_has_forgotten_is_closed_so_that_the_page_comes_back(
    mark_seen: threading.Event,
) -> None:
    def forget() -> None:
        assert mark_seen.wait(5)
        with redis.Redis.from_url(settings.BROKER_URL) as client:
            assert client.delete(*client.scan_iter(f"{settings.QUEUE_PREFIX}:channels:*"))

    assert talk(factories.member(), forget, 2)[1] == {"type": "closed", "code": broker_memory.COME_BACK}


def test_a_message_that_could_not_be_sent_brings_every_open_page_back_to_a_snapshot(
    monkeypatch: pytest.MonkeyPatch, mark_seen: threading.Event
) -> None:
    monkeypatch.setattr(announcing, "SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(announcing, "_silent_until", 0.0)

    async def unreachable(group: str, message: dict[str, Any]) -> None:
        raise TimeoutError

    def lose_a_message() -> None:
        assert mark_seen.wait(5)
        with monkeypatch.context() as away:
            away.setattr(announcing, "_send_in_time", unreachable)
            announcing.send("benchmark.1", {"type": "benchmark.access", "benchmark": 1})

    assert talk(factories.member(), lose_a_message, 2)[1] == {
        "type": "closed",
        "code": broker_memory.COME_BACK,
    }
