"""The socket of a benchmark: a snapshot first, then every event once and in order, and nothing for strangers."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from tests.web import factories
from webapp.accounts.models import User
from webapp.benchmarks import transitions
from webapp.benchmarks.deletion import delete_benchmark
from webapp.benchmarks.events import announce_progress, member_group, record_event, send
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.routing import websocket_urlpatterns
from webapp.benchmarks.sharing import share_with_lab, share_with_member, withdraw_share
from workers.claiming import claim_shard, deliver

pytestmark = pytest.mark.django_db(transaction=True)


async def connect(
    benchmark: Benchmark, user: User | AnonymousUser, rows: list[Benchmark] | None = None
) -> ApplicationCommunicator:
    """To the benchmark's socket; with `rows`, to that of the list that shows them."""
    path = f"/ws/benchmarks/{benchmark.pk}/" if rows is None else "/ws/benchmarks/"
    query = "&".join(f"benchmark={row.pk}" for row in rows or ())
    scope = {"type": "websocket", "path": path, "query_string": query.encode(), "user": user}
    communicator = ApplicationCommunicator(URLRouter(websocket_urlpatterns), scope)
    await communicator.send_input({"type": "websocket.connect"})
    assert (await communicator.receive_output(timeout=5))["type"] == "websocket.accept"
    return communicator


async def receive(communicator: ApplicationCommunicator) -> dict[str, Any]:
    return json.loads((await communicator.receive_output(timeout=5))["text"])


def watch(
    benchmark: Benchmark, user: User, happen: Any, messages: int, rows: list[Benchmark] | None = None
) -> list[dict[str, Any]]:
    """Connects, lets something happen, and returns the first messages."""

    async def run() -> list[dict[str, Any]]:
        communicator = await connect(benchmark, user, rows)
        received = [await receive(communicator)]
        await sync_to_async(happen)()
        received += [await receive(communicator) for _ in range(messages - 1)]
        await communicator.send_input({"type": "websocket.disconnect", "code": 1000})
        await communicator.wait(timeout=5)
        return received

    return async_to_sync(run)()


def everything(
    benchmark: Benchmark, user: User, happen: Any, rows: list[Benchmark] | None = None
) -> list[dict[str, Any]]:
    """Connects, lets something happen, and returns all messages until there is silence or the end of the socket."""

    async def run() -> list[dict[str, Any]]:
        communicator = await connect(benchmark, user, rows)
        received = [await receive(communicator)]
        await sync_to_async(happen)()
        while not await communicator.receive_nothing(timeout=1.2):
            message = await communicator.receive_output(timeout=1)
            if message["type"] == "websocket.close":
                received.append({"closed": message["code"]})
                break
            received.append(json.loads(message["text"]))
        await communicator.send_input({"type": "websocket.disconnect", "code": 1000})
        await communicator.wait(timeout=5)
        return received

    return async_to_sync(run)()


def events_of(messages: list[dict[str, Any]]) -> list[tuple[int, str]]:
    return [(event["seq"], event["kind"]) for message in messages for event in message.get("events", ())]


def test_snapshot_then_events_in_order() -> None:
    benchmark = factories.running_benchmark(images=8, per_shard=4)
    node = factories.node()

    def happen() -> None:
        deliver(claim_shard(node), [factories.columns(0, 4)], {})
        deliver(claim_shard(node), [factories.columns(4, 8)], {})

    snapshot, *later = everything(benchmark, benchmark.owner, happen)
    assert (snapshot["type"], snapshot["seq"]) == ("snapshot", 2)
    assert snapshot["benchmark"]["state"] == "running"
    assert (snapshot["progress"]["images_done"], snapshot["progress"]["images_total"]) == (0, 8)
    assert {message["type"] for message in later} == {"events"}
    assert events_of(later) == [(3, "shard_done"), (4, "shard_done")]
    assert later[-1]["seq"] == 4
    assert later[-1]["progress"]["images_done"] == 8


def test_late_watcher_gets_the_state_as_it_is() -> None:
    benchmark = factories.running_benchmark(images=8, per_shard=4)
    deliver(claim_shard(factories.node()), [factories.columns(0, 4)], {})
    (snapshot,) = watch(benchmark, benchmark.owner, lambda: None, 1)
    assert snapshot["seq"] == 3
    assert snapshot["progress"]["images_done"] == 4


def test_event_whose_message_was_lost_comes_with_the_next_one() -> None:
    benchmark = factories.running_benchmark()

    def happen() -> None:
        with transaction.atomic():
            record_event(benchmark, "first")
            transaction.get_connection().run_on_commit.clear()  # the message is never sent
        with transaction.atomic():
            record_event(benchmark, "second")

    assert events_of(everything(benchmark, benchmark.owner, happen)) == [(3, "first"), (4, "second")]


def test_message_that_comes_twice_is_sent_once() -> None:
    benchmark = factories.running_benchmark()

    def happen() -> None:
        transitions.cancel(benchmark)
        send(f"benchmark.{benchmark.pk}", {"type": "benchmark.event", "seq": 3})

    _snapshot, *later = everything(benchmark, benchmark.owner, happen)
    assert events_of(later) == [(3, "cancelled")]
    assert later[-1]["benchmark"]["state"] == "cancelled"


def test_progress_in_between_is_sent_as_it_is() -> None:
    benchmark = factories.running_benchmark()

    def happen() -> None:
        announce_progress(benchmark.pk, {"progress": {"images_done": 1}})

    _, progress = watch(benchmark, benchmark.owner, happen, 2)
    assert progress == {"type": "progress", "progress": {"images_done": 1}}


def test_a_burst_of_news_makes_few_messages_and_ends_with_the_last_state() -> None:
    benchmark = factories.running_benchmark(images=100, per_shard=1)

    def happen() -> None:
        for number in range(500):
            announce_progress(benchmark.pk, {"progress": {"images_done": number}})
        with transaction.atomic():
            for _ in range(100):
                record_event(benchmark, "shard_done")
        transitions.cancel(benchmark)

    begin = time.monotonic()
    _snapshot, *later = everything(benchmark, benchmark.owner, happen)
    # One at once, then at most one in 0.4 seconds.
    assert 1 <= len(later) <= 2 + (time.monotonic() - begin) / 0.4
    assert [seq for seq, _kind in events_of(later)] == list(range(3, 104))
    assert later[-1]["benchmark"]["state"] == "cancelled"


def test_a_burst_in_the_list_makes_few_messages_and_ends_with_the_last_state() -> None:
    owner = factories.member()
    rows = [factories.running_benchmark(owner, images=4, per_shard=1) for _ in range(5)]

    def happen() -> None:
        for number in range(500):
            announce_progress(rows[number % 5].pk, {"progress": {}})
        for row in rows:
            row.shards.update(state="done")
            transitions.cancel(row)

    begin = time.monotonic()
    snapshot, *later = everything(rows[0], owner, happen, rows)
    assert (snapshot["type"], snapshot["seq"]) == ("snapshot", 0)
    assert [(row["state"], row["images_done"]) for row in snapshot["rows"]] == [("running", 0)] * 5
    assert 1 <= len(later) <= 2 + (time.monotonic() - begin) / 0.4
    assert [message["seq"] for message in later] == list(range(1, len(later) + 1))
    last = {row["id"]: (row["state"], row["images_done"]) for message in later for row in message["rows"]}
    assert last == {row.pk: ("cancelled", 4) for row in rows}


def test_a_socket_ends_when_a_share_is_withdrawn() -> None:
    benchmark = factories.running_benchmark()
    member = factories.member()
    share = share_with_member(benchmark, member=member.username)

    def happen() -> None:
        withdraw_share(share)
        transitions.cancel(benchmark)

    snapshot, *later = everything(benchmark, member, happen)
    assert snapshot["type"] == "snapshot"
    assert later == [{"closed": 4404}]


def test_what_was_shared_stops_in_the_list_when_it_is_withdrawn_or_deleted() -> None:
    member, owner = factories.member(), factories.member()
    withdrawn, deleted, kept = (factories.running_benchmark(owner) for _ in range(3))
    foreign = factories.running_benchmark()
    shares = {row.pk: share_with_member(row, member=str(member.account_number)) for row in (withdrawn, kept)}
    share_with_lab(deleted, shared=True)

    def happen() -> None:
        withdraw_share(shares[withdrawn.pk])
        delete_benchmark(deleted)
        transitions.cancel(withdrawn)
        transitions.cancel(kept)
        transitions.cancel(foreign)

    snapshot, *later = everything(kept, member, happen, [withdrawn, deleted, kept, foreign])
    assert [row["id"] for row in snapshot["rows"]] == [withdrawn.pk, deleted.pk, kept.pk]
    last = {row["id"]: row for message in later for row in message["rows"]}
    assert last[withdrawn.pk] == {"id": withdrawn.pk, "gone": True}
    assert last[deleted.pk] == {"id": deleted.pk, "gone": True}
    assert last[kept.pk]["state"] == "cancelled"
    assert set(last) == {withdrawn.pk, deleted.pk, kept.pk}


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
@pytest.mark.parametrize("socket", ["page", "list"])
def test_what_is_not_yours_is_not_found(stranger: str, socket: str) -> None:
    benchmark = factories.running_benchmark()
    user = factories.member() if stranger == "member" else AnonymousUser()

    async def run() -> dict[str, Any]:
        communicator = await connect(benchmark, user, [benchmark] if socket == "list" else None)
        closing = await communicator.receive_output(timeout=5)
        # Ended as a browser does: what is left running is cancelled with the loop, which may then wait for it forever.
        await communicator.send_input({"type": "websocket.disconnect", "code": 4404})
        await communicator.wait(timeout=5)
        return closing

    closing = async_to_sync(run)()
    assert (closing["type"], closing["code"]) == ("websocket.close", 4404)
