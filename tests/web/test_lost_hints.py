"""Hints that cannot be acknowledged, and workers that hear none any more."""

from __future__ import annotations

import time

import pytest
import redis
from kombu import Connection, Queue
from kombu.transport.redis import Channel

from tests.web import factories
from webapp.benchmarks.models import WorkerNode
from workers import acknowledging, node
from workers.claiming import claim_shard, work_waits
from workers.node import Node

pytestmark = pytest.mark.django_db(transaction=True)


def test_message_that_could_not_be_acknowledged_does_not_keep_the_next_one_away(
    broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Channel, "QoS", Channel.QoS)
    acknowledging.install()
    prefix = f"tests-acknowledging-{time.time_ns()}:"
    with Connection(broker_url, transport_options={"global_keyprefix": prefix}) as connection:
        channel = connection.channel()
        channel.basic_qos(0, 1, False)
        queue = Queue("hints")(channel)
        queue.declare()
        for number in (1, 2):
            connection.Producer().publish({"number": number}, routing_key="hints")
        first = queue.get()
        assert not channel.qos.can_consume()

        def away(*_: object, **__: object) -> None:
            raise redis.ConnectionError("Connection closed by server.")

        with monkeypatch.context() as broken:
            broken.setattr(channel.qos, "_remove_from_indices", away)
            with pytest.raises(redis.ConnectionError):
                first.ack()
        assert channel.qos.can_consume()
        assert queue.get().payload == {"number": 2}
        queue.delete()


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Node:
    monkeypatch.setattr(node, "DEAF_SECONDS", 0.2)
    ends: list[int] = []
    made = Node("benchmark", "cpu", on_drained=lambda: ends.append(1), work_waits=work_waits)
    made.name = "deaf"
    made.row = factories.node(name="deaf", code_version=made.code)
    made.ends = ends
    return made


def beat(worker: Node) -> list[int]:
    """Two heartbeats, further apart than a worker may stand idle while work waits."""
    worker._heartbeat()
    time.sleep(0.3)
    worker._heartbeat()
    return worker.ends


def test_worker_that_hears_no_hints_while_work_waits_is_started_again(worker: Node) -> None:
    factories.running_benchmark(images=4, per_shard=4)
    assert beat(worker) == [1]


def test_worker_without_work_waits(worker: Node) -> None:
    assert beat(worker) == []


def test_worker_at_work_is_left_alone(worker: Node) -> None:
    factories.running_benchmark(images=8, per_shard=4)
    with worker.turn():
        claim_shard(worker.row)
        assert beat(worker) == []


def test_paused_worker_is_left_alone(worker: Node) -> None:
    factories.running_benchmark(images=4, per_shard=4)
    WorkerNode.objects.update(mode=WorkerNode.Mode.PAUSED)
    assert beat(worker) == []


def test_no_worker_is_started_again_while_the_broker_is_away(
    worker: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.running_benchmark(images=4, per_shard=4)
    monkeypatch.setattr(node, "broker_answers", lambda: False)
    assert beat(worker) == []
