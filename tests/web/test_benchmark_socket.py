"""The socket of a benchmark: a snapshot first, then every event once and in order, and nothing for strangers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser

from tests.web import factories
from webapp.accounts.models import User
from webapp.benchmarks import transitions
from webapp.benchmarks.events import announce_progress, member_group, record_event, send
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.routing import websocket_urlpatterns
from workers.claiming import claim_shard, deliver

pytestmark = pytest.mark.django_db(transaction=True)


async def connect(benchmark: Benchmark, user: User | AnonymousUser) -> ApplicationCommunicator:
    scope = {"type": "websocket", "path": f"/ws/benchmarks/{benchmark.pk}/", "user": user}
    communicator = ApplicationCommunicator(URLRouter(websocket_urlpatterns), scope)
    await communicator.send_input({"type": "websocket.connect"})
    assert (await communicator.receive_output(timeout=5))["type"] == "websocket.accept"
    return communicator


async def receive(communicator: ApplicationCommunicator) -> dict[str, Any]:
    return json.loads((await communicator.receive_output(timeout=5))["text"])


def watch(benchmark: Benchmark, user: User, happen: Any, messages: int) -> list[dict[str, Any]]:
    """Connects, lets something happen, and returns the first messages."""

    async def run() -> list[dict[str, Any]]:
        communicator = await connect(benchmark, user)
        received = [await receive(communicator)]
        await sync_to_async(happen)()
        received += [await receive(communicator) for _ in range(messages - 1)]
        await communicator.send_input({"type": "websocket.disconnect", "code": 1000})
        await communicator.wait(timeout=5)
        return received

    return async_to_sync(run)()


def test_snapshot_then_events_in_order() -> None:
    benchmark = factories.running_benchmark(images=8, per_shard=4)
    node = factories.node()

    def happen() -> None:
        deliver(claim_shard(node), [factories.columns(0, 4)], {})
        deliver(claim_shard(node), [factories.columns(4, 8)], {})

    snapshot, first, second = watch(benchmark, benchmark.owner, happen, 3)
    assert (snapshot["type"], snapshot["seq"]) == ("snapshot", 2)
    assert snapshot["benchmark"]["state"] == "running"
    assert (snapshot["progress"]["images_done"], snapshot["progress"]["images_total"]) == (0, 8)
    assert [(event["type"], event["seq"], event["kind"]) for event in (first, second)] == [
        ("event", 3, "shard_done"),
        ("event", 4, "shard_done"),
    ]
    assert second["progress"]["images_done"] == 8


def test_late_watcher_gets_the_state_as_it_is() -> None:
    benchmark = factories.running_benchmark(images=8, per_shard=4)
    deliver(claim_shard(factories.node()), [factories.columns(0, 4)], {})
    (snapshot,) = watch(benchmark, benchmark.owner, lambda: None, 1)
    assert snapshot["seq"] == 3
    assert snapshot["progress"]["images_done"] == 4


def test_event_whose_message_was_lost_comes_with_the_next_one() -> None:
    from django.db import transaction

    benchmark = factories.running_benchmark()

    def happen() -> None:
        with transaction.atomic():
            record_event(benchmark, "first")
            transaction.get_connection().run_on_commit.clear()  # the message is never sent
        with transaction.atomic():
            record_event(benchmark, "second")

    _, first, second = watch(benchmark, benchmark.owner, happen, 3)
    assert [(event["seq"], event["kind"]) for event in (first, second)] == [(3, "first"), (4, "second")]


def test_message_that_comes_twice_is_sent_once() -> None:
    benchmark = factories.running_benchmark()

    def happen() -> None:
        transitions.cancel(benchmark)
        send(f"benchmark.{benchmark.pk}", {"type": "benchmark.event", "seq": 3})
        announce_progress(benchmark.pk, {"progress": {"images_done": 1}})

    _, event, progress = watch(benchmark, benchmark.owner, happen, 3)
    assert (event["seq"], event["kind"], event["benchmark"]["state"]) == (3, "cancelled", "cancelled")
    assert progress == {"type": "progress", "progress": {"images_done": 1}}


def test_maps_that_were_asked_for_arrive_at_their_owner() -> None:
    benchmark = factories.running_benchmark()
    payload = {
        "type": "explanation",
        "id": 5,
        "state": "ready",
        "overlay_url": "/maps/5/overlay.webp",
        "problem": "",
    }

    def happen() -> None:
        send(member_group(benchmark.owner_id), {"type": "member.explanation", "payload": payload})

    assert watch(benchmark, benchmark.owner, happen, 2)[1] == payload


@pytest.mark.parametrize("stranger", ["member", "anonymous"])
def test_what_is_not_yours_is_not_found(stranger: str) -> None:
    benchmark = factories.running_benchmark()
    user = factories.member() if stranger == "member" else AnonymousUser()

    async def run() -> dict[str, Any]:
        communicator = await connect(benchmark, user)
        closing = await communicator.receive_output(timeout=5)
        # Ended as a browser does: what is left running is cancelled with the loop, which may then wait for it forever.
        await communicator.send_input({"type": "websocket.disconnect", "code": 4404})
        await communicator.wait(timeout=5)
        return closing

    closing = async_to_sync(run)()
    assert (closing["type"], closing["code"]) == ("websocket.close", 4404)
