"""Workers: what they report, who steers them, whose work comes next, and what of it each member may see."""

from __future__ import annotations

import json
import re
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from django.utils import translation

from tests.web import factories
from tests.web.api_calls import administrator, script_of
from webapp.benchmarks.events import announce_workers
from webapp.benchmarks.models import Shard, WorkerNode
from webapp.benchmarks.queue import activity_text, dead_workers, queue_for, workers_at_work
from webapp.benchmarks.routing import websocket_urlpatterns
from webapp.benchmarks.selectors import idle_benchmark_worker_exists
from webapp.benchmarks.worker_services import forget_workers, set_mode
from webapp.library.models import ForwardRate
from workers import benchmarking
from workers.claiming import claim_shard, deliver
from workers.memory import memory_of
from workers.node import Node

pytestmark = pytest.mark.django_db(transaction=True)

Mode = WorkerNode.Mode


def test_a_paused_worker_claims_nothing_and_goes_on_when_told() -> None:
    factories.running_benchmark(images=8, per_shard=4)
    node = factories.node()
    for mode in (Mode.PAUSED, Mode.DRAINING):
        set_mode(worker=node, mode=mode)
        assert claim_shard(node) is None
        assert not idle_benchmark_worker_exists()
    set_mode(worker=node, mode=Mode.WORKING)
    assert claim_shard(node).start == 0


def test_what_a_paused_worker_is_at_is_delivered() -> None:
    benchmark = factories.running_benchmark(images=4, per_shard=4)
    node = factories.node()
    claim = claim_shard(node)
    set_mode(worker=node, mode=Mode.DRAINING)
    deliver(claim, [factories.columns(0, 4)], {})
    assert list(benchmark.shards.values_list("state", "attempt")) == [(Shard.State.DONE, 1)]


def test_a_worker_that_is_gone_cannot_be_drained() -> None:
    node = factories.node(heartbeat_at=Now() - timedelta(seconds=60))
    with pytest.raises(ValidationError, match="nothing to drain"):
        set_mode(worker=node, mode=Mode.DRAINING)
    assert set_mode(worker=node, mode=Mode.PAUSED).mode == Mode.PAUSED


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A worker process, without its thread: `ends` counts how often it was to end."""
    monkeypatch.setenv("SALISCOPE_WORKER_NAME", "worker of today")
    node = Node("benchmark", "cpu", on_drained=lambda: node.ends.append(1))
    node.ends = []
    node._register()
    return node


def test_heartbeat_reports_memory(process: Any) -> None:
    row = WorkerNode.objects.get()
    assert set(row.memory) == {"host_used", "host_total"}
    assert 2**20 < row.memory["host_used"] < row.memory["host_total"]
    WorkerNode.objects.update(memory={}, heartbeat_at=Now() - timedelta(seconds=60))
    process._heartbeat()
    row.refresh_from_db()
    assert row.memory["host_total"] == memory_of("cpu")["host_total"]
    assert row.pk in {each.worker.pk for each in workers_at_work(factories.member())}


def test_draining_waits_for_the_work_at_hand_and_ends_the_process_once(process: Any) -> None:
    process.watch(lambda: None, "benchmark #1, images 1–4")
    set_mode(worker=process.row, mode=Mode.DRAINING)
    process._heartbeat()
    assert process.ends == []
    process.watch(None)
    process._heartbeat()
    process._heartbeat()
    assert process.ends == [1]
    process._register()  # the process that the supervisor starts in its place
    assert WorkerNode.objects.get().mode == Mode.PAUSED
    assert not process.takes_work()
    set_mode(worker=process.row, mode=Mode.WORKING)
    assert process.takes_work()


def test_a_row_that_was_deleted_is_written_again(process: Any) -> None:
    WorkerNode.objects.all().delete()
    process._heartbeat()
    assert process.row is None  # registered again by the next round of its thread


def test_dead_workers_are_listed_apart_and_forgotten_after_a_week() -> None:
    alive = factories.node()
    stopped = factories.node(stopped_at=Now())
    silent = factories.node(heartbeat_at=Now() - timedelta(minutes=1))
    old = factories.node(stopped_at=Now(), heartbeat_at=Now() - timedelta(days=8))
    assert [row.pk for row in dead_workers()] == [stopped.pk, silent.pk, old.pk]
    forget_workers()
    assert set(WorkerNode.objects.values_list("pk", flat=True)) == {alive.pk, stopped.pk, silent.pk}


# --- the queue -----------------------------------------------------------------------------------------------


def test_queue_is_in_the_order_of_service_with_what_waits() -> None:
    served, patient = factories.member(), factories.member()
    first = factories.running_benchmark(served, images=10, per_shard=4)
    claim = claim_shard(factories.node())
    second = factories.running_benchmark(patient, images=6, per_shard=2)
    third = factories.queued_benchmark(served, images=7)
    ForwardRate.objects.create(classifier=second.classifier, device="Test processor", images_per_second=100.0)
    found = queue_for(patient)
    assert [(each.turn, each.benchmark.pk, each.visible) for each in found] == [
        (1, second.pk, True),
        (2, first.pk, False),
        (2, third.pk, False),
    ]
    assert [(each.shards_waiting, each.shards_running, each.images_waiting) for each in found] == [
        (3, 0, 6),
        (2, 1, 6),
        (0, 0, 7),
    ]
    # 113 points of both curves, less the two that they share, the map's forward and its backward pass.
    assert found[0].seconds == pytest.approx(6 * 228 / 100)
    assert (found[1].seconds, found[1].label) == (None, "")
    assert claim.benchmark_id == first.pk


def test_finished_and_deleted_benchmarks_are_not_in_the_queue() -> None:
    deleted = factories.running_benchmark()
    deleted.deleted = Now()
    deleted.save(update_fields=["deleted"])
    factories.node()
    assert queue_for(deleted.owner) == []


def test_activities_are_told_in_the_readers_language() -> None:
    assert activity_text("drawing 3 maps") == "drawing maps (3)"
    assert activity_text("measuring a model") == "measuring the speed of a model"
    assert activity_text("benchmark #12, images 1–4") == "leaving benchmark #12"
    assert activity_text("") == ""


def test_what_workers_are_at_is_said_in_chinese_too(repository: Path) -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (repository / "workers").glob("*.py"))
    told = re.findall(r'\.watch\([^"]*"([a-z ]+)"\)', sources)
    assert {"measuring a model", "preparing a model", "looking at a data set"} <= set(told)
    with translation.override("zh-hans"):
        assert [activity for activity in told if activity_text(activity) == activity] == []


# --- pages ---------------------------------------------------------------------------------------------------


def page(user: Any, name: str = "workers") -> str:
    client = Client()
    client.force_login(user)
    return client.get(reverse(f"benchmarks:{name}")).content.decode()


def test_page_shows_ones_own_work_in_full_and_others_work_by_owner_and_number() -> None:
    owner, other = factories.member(username="amelie"), factories.member()
    classifier = factories.classifier(name="A secret model", owner=owner)
    benchmark = factories.running_benchmark(owner, images=8, per_shard=4, classifier=classifier)
    claim = claim_shard(factories.node())
    Shard.objects.filter(pk=claim.shard_id).update(progress=0.42)
    for name in ("workers", "workers_live"):
        own, others = page(owner, name), page(other, name)
        assert "A secret model" in own and "Grad-CAM" in own
        assert "A secret model" not in others and "Grad-CAM" not in others
        assert f"#{benchmark.pk} of amelie" in others
        assert f'href="/benchmarks/{benchmark.pk}/"' in own
        assert f'href="/benchmarks/{benchmark.pk}/"' not in others
        assert own.count("42 %") == others.count("42 %") == 1


def test_page_says_where_model_files_are_opened_with_less_protection(client: Client) -> None:
    node = factories.node(versions={"torch": "2.13.0", "sandbox": "complete"})
    client.force_login(factories.member())
    text = "The process that opens model files is less confined on this machine than it should be"
    shown = client.get(reverse("benchmarks:workers")).content.decode()
    assert "2.13.0" in shown
    assert text not in shown
    WorkerNode.objects.filter(pk=node.pk).update(versions={"sandbox": "files network"})
    shown = client.get(reverse("benchmarks:workers")).content.decode()
    assert f"{text}: it can read other files of its user, it can reach the network." in shown


def test_a_worker_process_registers_how_far_its_machine_confines(process: Any) -> None:
    assert "sandbox" not in WorkerNode.objects.get().versions
    process.try_sandbox()
    process._register()
    needs = {"files", "network", "programs", "privileges"}
    said = set(WorkerNode.objects.get().versions["sandbox"].split())
    assert said == {"complete"} or said <= needs


def test_administrators_alone_steer(client: Client) -> None:
    node = factories.node()
    address = reverse("benchmarks:worker_mode", args=[node.pk])
    assert "Drain" not in page(factories.member())
    assert "Drain" in page(administrator())
    client.force_login(factories.member())
    assert client.post(address, {"mode": "paused"}).status_code == 403
    assert client.get(address).status_code == 405
    client.force_login(administrator())
    for mode, answer in [("paused", "paused"), ("draining", "draining"), ("resting", "draining")]:
        assert client.post(address, {"mode": mode})["Location"] == "/workers/"
        assert WorkerNode.objects.get().mode == answer
    assert client.post(reverse("benchmarks:worker_mode", args=[0]), {"mode": "paused"}).status_code == 404


# --- the API -------------------------------------------------------------------------------------------------


def test_api_tells_of_workers_and_lets_administrators_steer() -> None:
    benchmark = factories.running_benchmark(images=8, per_shard=4)
    node = factories.node(memory={"host_used": 5, "host_total": 9})
    claim_shard(node)
    member, staff = script_of(factories.member()), script_of(administrator())
    (row,) = member.get("workers").json()
    assert (row["id"], row["mode"], row["memory"]["host_total"]) == (node.pk, "working", 9)
    assert row["at"] == {"benchmark": benchmark.pk, "owner": str(benchmark.owner), "method": None,
                         "start": 0, "stop": 4, "progress": 0.0}  # fmt: skip
    (own,) = script_of(benchmark.owner).get("workers").json()
    assert own["at"]["method"] == "Grad-CAM"
    path = f"workers/{node.pk}"
    assert member.get(path).json()["name"] == node.name
    assert member.patch(path, {"mode": "paused"}).status_code == 403
    assert staff.patch(path, {"mode": "paused"}).json()["mode"] == "paused"
    assert staff.patch(path, {"mode": "resting"}).status_code == 400
    assert staff.patch(path, {}).status_code == 400
    WorkerNode.objects.update(heartbeat_at=Now() - timedelta(minutes=1))
    refused = staff.patch(path, {"mode": "draining"})
    assert (refused.status_code, list(refused.json())) == (409, ["detail"])


def test_api_tells_of_the_queue() -> None:
    benchmark = factories.running_benchmark(images=8, per_shard=4)
    (row,) = script_of(factories.member()).get("queue").json()
    assert row == {
        "turn": 1, "benchmark": benchmark.pk, "owner": benchmark.owner.username, "state": "running",
        "shards_waiting": 2, "shards_running": 0, "images_waiting": 8, "seconds_left": None,
        "priority": "normal", "device_label": "", "missing_label": False,
    }  # fmt: skip


# --- the socket ----------------------------------------------------------------------------------------------


async def connect(user: Any) -> ApplicationCommunicator:
    scope = {"type": "websocket", "path": "/ws/workers/", "user": user}
    communicator = ApplicationCommunicator(URLRouter(websocket_urlpatterns), scope)
    await communicator.send_input({"type": "websocket.connect"})
    assert (await communicator.receive_output(timeout=5))["type"] == "websocket.accept"
    return communicator


async def leave(communicator: ApplicationCommunicator) -> None:
    await communicator.send_input({"type": "websocket.disconnect", "code": 1000})
    await communicator.wait(timeout=5)


def test_many_changes_at_once_are_one_message() -> None:
    member = factories.member()

    def hundred_changes() -> None:
        for _ in range(100):
            announce_workers()

    async def run() -> list[bool]:
        communicator = await connect(member)
        first = json.loads((await communicator.receive_output(timeout=5))["text"])
        assert first == {"type": "changed"}
        await sync_to_async(hundred_changes)()
        silence = await communicator.receive_nothing(timeout=1.0)
        second = json.loads((await communicator.receive_output(timeout=5))["text"])
        assert second == {"type": "changed"}
        nothing_more = await communicator.receive_nothing(timeout=1.0)
        await leave(communicator)
        return [silence, nothing_more]

    assert async_to_sync(run)() == [True, True]


def test_a_member_who_watches_many_benchmarks_gets_bounded_messages() -> None:
    """One watcher of ten benchmarks' queue changes: one message every two seconds, however many start."""
    member = factories.member()

    async def run() -> tuple[int, float]:
        communicator = await connect(member)
        await communicator.receive_output(timeout=5)
        begin = time.monotonic()
        for _ in range(10):
            await sync_to_async(factories.running_benchmark)(member)
        seconds = time.monotonic() - begin
        received = 0
        while not await communicator.receive_nothing(timeout=2.5):
            await communicator.receive_output(timeout=1)
            received += 1
        await leave(communicator)
        return received, seconds

    received, seconds = async_to_sync(run)()
    assert 1 <= received <= 2 + seconds / 2.0


def test_strangers_watch_nothing() -> None:
    async def run() -> Any:
        communicator = await connect(AnonymousUser())
        closing = await communicator.receive_output(timeout=5)
        await leave(communicator)
        return closing["type"], closing["code"]

    assert async_to_sync(run)() == ("websocket.close", 4404)


def test_the_thread_of_the_heartbeat_outlives_errors_of_every_kind(
    process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver's own error, one that is nobody's fault that Django knows, and one of the computation's watcher."""
    beats: list[str] = []

    def heartbeat() -> None:
        beats.append("beat")
        if len(beats) == 1:
            raise psycopg2.InterfaceError("connection already closed")
        if len(beats) == 2:
            raise OSError("no more files")
        process._last_heartbeat = time.monotonic()

    def tick() -> None:
        beats.append("tick")
        if beats.count("tick") == 2:
            raise Ended

    class Ended(BaseException):
        """Not an error: the thread's end, which it has none of."""

    monkeypatch.setattr("workers.node.time", Impatient())
    monkeypatch.setattr(process, "_heartbeat", heartbeat)
    process._tick = tick
    with pytest.raises(Ended):
        process._beat()
    assert beats == ["beat", "beat", "beat", "tick", "tick"]


class Impatient:
    """A clock that does not wait."""

    monotonic = staticmethod(time.monotonic)

    @staticmethod
    def sleep(_seconds: float) -> None:
        return


@pytest.mark.parametrize(("shards", "woken"), [(2, 1), (1, 0)])
def test_a_worker_that_has_claimed_wakes_an_idle_one_if_there_is_more(
    shards: int, woken: int, process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.running_benchmark(images=4 * shards, per_shard=4)
    factories.node(name="idle")
    hints: list[str] = []
    at_work: list[tuple[int, int]] = []
    monkeypatch.setattr("workers.benchmarking.hints.wake_benchmark_workers", lambda: hints.append("hint"))
    monkeypatch.setattr("workers.benchmarking.measure_missing_rates", lambda _: None)
    monkeypatch.setattr(
        "workers.benchmarking.run_claim", lambda _node, claim: at_work.append((claim.start, len(hints)))
    )
    benchmarking.work_once(process)
    # Before its own computation begins, which takes a minute.
    assert at_work == [(0, woken)]


def test_nobody_is_woken_where_all_are_at_work(process: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.running_benchmark(images=12, per_shard=4)
    other = factories.node(name="busy")
    assert claim_shard(other) is not None
    monkeypatch.setattr(
        "workers.benchmarking.hints.wake_benchmark_workers", lambda: pytest.fail("nobody waits for a hint")
    )
    claim = claim_shard(process.registered())
    assert claim is not None
    benchmarking.wake_idle_worker(process)


@pytest.mark.parametrize(("taken", "done"), [(True, [0]), (False, [0, 4, 8])])
def test_a_worker_goes_on_by_itself_while_the_broker_takes_no_hints(
    taken: bool, done: list[int], process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.running_benchmark(images=12, per_shard=4)
    at_work: list[int] = []
    monkeypatch.setattr("workers.benchmarking.hints._send", lambda *_: taken)
    monkeypatch.setattr("workers.benchmarking.measure_missing_rates", lambda _: None)
    monkeypatch.setattr("workers.benchmarking.run_claim", lambda _node, claim: at_work.append(claim.start))
    benchmarking.work_once(process)
    assert at_work == done
