"""A benchmark that is paused keeps what it has, costs nobody an attempt, and goes on where it stopped."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from saliency_core.errors import Interrupted
from tests.web import factories
from tests.web.api_calls import script_of
from webapp.benchmarks import transitions
from webapp.benchmarks.deletion import delete_benchmark
from webapp.benchmarks.models import Benchmark, Shard, ShardResult
from webapp.benchmarks.progress import progress_of
from webapp.benchmarks.queue import queue_for
from webapp.benchmarks.selectors import results_of
from webapp.library.models import ForwardRate
from workers.claiming import ClaimLost, claim_shard, deliver
from workers.planning import plan_queued_benchmarks
from workers.progress import ShardWatch
from workers.reconciler import advance_running_benchmarks

pytestmark = pytest.mark.django_db(transaction=True)

CHANGES = {
    "start": transitions.start,
    "pause": transitions.pause,
    "cancel": transitions.cancel,
    "resume": transitions.resume,
    "fail": lambda row: transitions.fail(row, "why"),
    "succeed": lambda row: transitions.succeed(row, figures={}, shards=0),
}
ALLOWED = {
    ("queued", "start"): "running",
    ("queued", "pause"): "paused",
    ("queued", "cancel"): "cancelled",
    ("queued", "fail"): "failed",
    ("running", "pause"): "paused",
    ("running", "cancel"): "cancelled",
    ("running", "fail"): "failed",
    ("running", "succeed"): "succeeded",
    ("paused", "cancel"): "cancelled",
    ("paused", "resume"): "queued",
    ("failed", "resume"): "queued",
    ("cancelled", "resume"): "queued",
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("state", Benchmark.State.values)
def test_table_of_transitions(state: str, change: str) -> None:
    benchmark = factories.queued_benchmark()
    Benchmark.objects.update(state=state)
    expected = ALLOWED.get((state, change))
    if expected is None:
        with pytest.raises(transitions.TransitionRefused):
            CHANGES[change](benchmark)
    else:
        CHANGES[change](benchmark)
    benchmark.refresh_from_db()
    assert benchmark.state == (expected or state)
    assert benchmark.events.count() == (2 if expected else 1)


def test_a_paused_benchmark_goes_on_where_it_stopped() -> None:
    benchmark = factories.running_benchmark(images=12, per_shard=4)
    node = factories.node()
    # Four images in 45 seconds.
    ForwardRate.objects.create(
        classifier=benchmark.classifier, device="Test processor", images_per_second=20.0
    )
    first, second = claim_shard(node), claim_shard(node)
    deliver(first, [factories.columns(0, 4)], {})
    watch = ShardWatch(second, stop_requested=lambda: False)
    transitions.pause(benchmark)
    # The heartbeat notices, and the computation ends with the batch that it is in.
    watch.tick()
    with pytest.raises(Interrupted):
        watch.on_batch(1)
    with pytest.raises(ClaimLost):
        deliver(second, [factories.columns(4, 8)], {})
    assert claim_shard(node) is None
    assert list(benchmark.shards.values_list("state", "attempt")) == [
        (Shard.State.DONE, 1),
        (Shard.State.WAITING, 0),
        (Shard.State.WAITING, 0),
    ]
    written = list(ShardResult.objects.values_list("pk", flat=True))
    transitions.resume(benchmark)
    assert plan_queued_benchmarks("Test processor") == 1
    benchmark.refresh_from_db()
    assert benchmark.state == Benchmark.State.RUNNING
    for start in (4, 8):
        claim = claim_shard(node)
        assert (claim.start, claim.stop) == (start, start + 4)
        deliver(claim, [factories.columns(start, start + 4)], {})
    assert claim_shard(node) is None
    assert list(results_of(benchmark).indices) == list(range(12))
    assert list(ShardResult.objects.values_list("pk", flat=True))[:1] == written


def test_shards_that_were_set_aside_stay_so_over_a_pause() -> None:
    benchmark = factories.running_benchmark(images=8, per_shard=4)
    Shard.objects.filter(start=0).update(state=Shard.State.SET_ASIDE, attempt=5)
    transitions.pause(benchmark)
    transitions.resume(benchmark)
    assert list(benchmark.shards.values_list("state", "attempt")) == [("set_aside", 5), ("waiting", 0)]
    transitions.cancel(benchmark)
    transitions.resume(benchmark)
    assert list(benchmark.shards.values_list("state", "attempt")) == [("waiting", 0), ("waiting", 0)]


def test_figures_of_what_is_done_are_computed_while_it_is_paused_and_it_is_not_finished() -> None:
    benchmark = factories.running_benchmark(images=4, per_shard=4)
    deliver(claim_shard(factories.node()), [factories.columns(0, 4)], {})
    transitions.pause(benchmark)
    advance_running_benchmarks()
    benchmark.refresh_from_db()
    assert (benchmark.state, benchmark.figures_shards, benchmark.figures["images"]) == ("paused", 1, 4)
    transitions.resume(benchmark)
    transitions.start(benchmark)
    advance_running_benchmarks()
    benchmark.refresh_from_db()
    assert benchmark.state == Benchmark.State.SUCCEEDED


def test_a_paused_benchmark_is_in_no_queue_and_has_no_time_left() -> None:
    owner = factories.member()
    paused = factories.running_benchmark(owner)
    waiting = factories.running_benchmark(owner)
    claim_shard(factories.node())
    transitions.pause(paused)
    progress = progress_of(paused)
    assert (progress.workers, progress.images_per_second, progress.seconds_left) == (0, None, None)
    assert [each.benchmark.pk for each in queue_for(owner)] == [waiting.pk]


def test_a_paused_benchmark_that_is_deleted_is_cancelled() -> None:
    benchmark = factories.running_benchmark()
    transitions.pause(benchmark)
    delete_benchmark(benchmark)
    benchmark.refresh_from_db()
    assert benchmark.state == Benchmark.State.CANCELLED


def test_the_page_and_the_api_pause_and_resume(client: Client) -> None:
    owner = factories.member()
    benchmark = factories.running_benchmark(owner)
    client.force_login(owner)
    addresses = {name: reverse(f"benchmarks:{name}", args=[benchmark.pk]) for name in ("pause", "resume")}

    def shown() -> dict[str, Any]:
        page = client.get(reverse("benchmarks:detail", args=[benchmark.pk])).content.decode()
        return {name: f'action="{address}"' in page for name, address in addresses.items()}

    assert shown() == {"pause": True, "resume": False}
    assert client.post(addresses["pause"], follow=True).status_code == 200
    assert shown() == {"pause": False, "resume": True}
    listed = client.get(reverse("benchmarks:list"), {"state": "paused"}).content.decode()
    assert reverse("benchmarks:detail", args=[benchmark.pk]) in listed
    script = script_of(owner)
    assert script.post(f"benchmarks/{benchmark.pk}/pause").status_code == 409
    assert script.post(f"benchmarks/{benchmark.pk}/resume").json()["state"] == "queued"
    assert script.post(f"benchmarks/{benchmark.pk}/pause").json()["state"] == "paused"
    kinds = [event["kind"] for event in script.get(f"benchmarks/{benchmark.pk}/events").json()]
    assert kinds == ["queued", "started", "paused", "resumed", "paused"]
