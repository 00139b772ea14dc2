"""What is served first: a higher priority, then members in turn; and how much of it one member may have at once."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connections, transaction
from django.db.models import F
from django.test import Client
from django.urls import reverse

from tests.web import factories
from tests.web.api_calls import administrator, script_of
from webapp.accounts.models import User
from webapp.benchmarks import transitions
from webapp.benchmarks.models import Benchmark, Shard, Turn, WorkerNode
from webapp.benchmarks.priorities import set_priority
from webapp.benchmarks.queue import queue_for
from webapp.benchmarks.services import resume_benchmark
from webapp.common.database import database_time
from webapp.library.models import ForwardRate
from workers.claiming import claim_shard, deliver, work_waits
from workers.planning import plan_queued_benchmarks

pytestmark = pytest.mark.django_db(transaction=True)


def in_shards_of_one_image(owner: User, images: int) -> Benchmark:
    benchmark = factories.queued_benchmark(owner, images, dataset=factories.dataset(number_of_images=images))
    Shard.objects.bulk_create(
        Shard(benchmark=benchmark, method_index=0, start=start, stop=start + 1) for start in range(images)
    )
    transitions.start(benchmark)
    return benchmark


# --- turn by turn --------------------------------------------------------------------------------------------


def test_whoever_comes_after_two_thousand_shards_waits_for_one() -> None:
    busy, late = factories.member(), factories.member()
    long = in_shards_of_one_image(busy, 2000)
    node = factories.node()
    assert [claim_shard(node).benchmark_id for _ in range(5)] == [long.pk] * 5
    short = in_shards_of_one_image(late, 20)
    served = [claim_shard(node).benchmark_id for _ in range(43)]
    # One each, until the twenty are served; then the two thousand go on alone.
    assert served == [short.pk, long.pk] * 20 + [long.pk] * 3
    third = in_shards_of_one_image(factories.member(), 2)
    fourth = in_shards_of_one_image(factories.member(), 2)
    served = [claim_shard(node).benchmark_id for _ in range(7)]
    assert served == [third.pk, fourth.pk, long.pk, third.pk, fourth.pk, long.pk, long.pk]


def test_several_workers_serve_members_in_turn_too() -> None:
    long = in_shards_of_one_image(factories.member(), 200)
    short = in_shards_of_one_image(factories.member(), 40)
    nodes = [factories.node() for _ in range(4)]

    def claim_some(node: WorkerNode) -> list[int]:
        try:
            return [claim_shard(node).benchmark_id for _ in range(22)]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        served = [number for numbers in pool.map(claim_some, nodes) for number in numbers]
    # Of 88 claims every second would be the short one's, of which there are 40. Workers that look at the same moment
    # may take several of one member in a row; the others of that moment come right after.
    assert served.count(short.pk) >= 32
    assert served.count(long.pk) == 88 - served.count(short.pk)


def test_who_waited_for_another_claim_was_served_when_that_ended() -> None:
    owner = factories.member()
    in_shards_of_one_image(owner, 3)
    nodes = [factories.node(), factories.node()]
    claim_shard(nodes[0])

    def claim() -> None:
        try:
            claim_shard(nodes[1])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Turn.objects.filter(owner=owner).update(served_at=F("served_at"))
            waiting = pool.submit(claim)
            time.sleep(0.5)
            assert not waiting.done()
            released = database_time()
        waiting.result()
    assert Turn.objects.get(owner=owner).served_at >= released


# --- priority ------------------------------------------------------------------------------------------------


def test_a_higher_priority_goes_first_and_within_it_members_take_turns() -> None:
    ada, bob = factories.member(), factories.member()
    low = factories.running_benchmark(ada, 2, 1, priority="low")
    first, second = factories.running_benchmark(ada, 2, 1), factories.running_benchmark(bob, 2, 1)
    high = factories.running_benchmark(administrator(), 2, 1, priority="high")
    node = factories.node()
    assert [each.benchmark.pk for each in queue_for(ada)] == [high.pk, first.pk, second.pk, low.pk]
    served = [claim_shard(node).benchmark_id for _ in range(8)]
    assert served == [high.pk, high.pk, first.pk, second.pk, first.pk, second.pk, low.pk, low.pk]


def test_the_lowest_priority_is_served_too_however_much_is_above_it(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SHARE_WITHOUT_PRIORITY = 0.1
    monkeypatch.setattr("workers.claiming._dice", random.Random(7))
    ruler = administrator()
    low = factories.running_benchmark(factories.member(), 40, 1, priority="low")
    for _ in range(2):
        factories.running_benchmark(ruler, 100, 1, priority="high")
    node = factories.node()
    served = [claim_shard(node).benchmark_id for _ in range(200)]
    # A tenth of the claims serve members in turn; nothing else of the low one is served meanwhile.
    assert 10 <= served.count(low.pk) <= 30
    gaps = [number for number, benchmark in enumerate(served) if benchmark == low.pk]
    assert max(after - before for before, after in pairwise([0, *gaps, 200])) <= 60


def test_a_changed_priority_holds_for_what_waits() -> None:
    owner = factories.member()
    first, second = factories.running_benchmark(owner, 3, 1), factories.running_benchmark(owner, 3, 1)
    node = factories.node()
    claim_shard(node)
    set_priority(first, "low", by=owner)
    assert [claim_shard(node).benchmark_id for _ in range(4)] == [second.pk] * 3 + [first.pk]
    assert first.events.last().payload == {"priority": "low"}


def test_benchmarks_are_planned_by_priority() -> None:
    owner, classifier = factories.member(), factories.classifier()
    ForwardRate.objects.create(classifier=classifier, device="Test processor", images_per_second=100.0)
    usual = factories.queued_benchmark(owner, classifier=classifier)
    urgent = factories.queued_benchmark(administrator(), classifier=classifier, priority="high")
    assert plan_queued_benchmarks("Test processor") == 2
    started = list(Benchmark.objects.order_by("started").values_list("pk", flat=True))
    assert started == [urgent.pk, usual.pk]


def test_high_is_for_administrators_to_give() -> None:
    member, staff = factories.member(), administrator()
    with pytest.raises(ValidationError, match="Only administrators"):
        factories.queued_benchmark(member, priority="high")
    with pytest.raises(ValidationError, match="one of low, normal, high"):
        factories.queued_benchmark(member, priority="urgent")
    benchmark = factories.queued_benchmark(member)
    with pytest.raises(ValidationError, match="Only administrators"):
        set_priority(benchmark, "high", by=member)
    set_priority(benchmark, "high", by=staff)
    benchmark.refresh_from_db()
    assert benchmark.priority_name == "high"
    transitions.cancel(benchmark)
    with pytest.raises(transitions.TransitionRefused, match="is over"):
        set_priority(benchmark, "low", by=member)


def test_priority_by_form_page_and_api(client: Client) -> None:
    member = factories.member()
    client.force_login(member)
    classifier, dataset = factories.classifier(), factories.dataset()
    form = client.get(reverse("benchmarks:new"), {"priority": "low"}).content.decode()
    assert '<option value="low" selected>' in form
    assert '<option value="high"' not in form
    sent = {
        "sent": "1",
        "classifier": classifier.pk,
        "dataset": dataset.pk,
        "number_of_images": 5,
        "subset_seed": 0,
        "experiment": "insertion_deletion/thesis@1",
        "method-0-key": "grad_cam",
    }
    assert client.post(reverse("benchmarks:new"), sent | {"priority": "high"}).status_code == 422
    assert client.post(reverse("benchmarks:new"), sent | {"priority": "low"}).status_code == 302
    benchmark = Benchmark.objects.get()
    assert benchmark.priority_name == "low"
    address = reverse("benchmarks:priority", args=[benchmark.pk])
    page = client.post(address, {"priority": "normal"}, follow=True).content.decode()
    assert "Priority: Normal" in page
    page = client.post(address, {"priority": "high"}, follow=True).content.decode()
    assert "Only administrators give the priority high" in page
    script = script_of(member)
    asked = {
        "classifier": classifier.pk,
        "dataset": dataset.pk,
        "methods": [{"key": "grad_cam"}],
        "experiments": [{"experiment": "insertion_deletion"}],
    }
    queued = script.post("benchmarks", asked | {"priority": "low"}).json()
    assert queued["priority"] == "low"
    assert list(script.post("benchmarks", asked | {"priority": "high"}).json()) == ["priority"]
    path = f"benchmarks/{queued['id']}"
    assert script.patch(path, {"priority": "normal"}).json()["priority"] == "normal"
    refused = script.patch(path, {"priority": "high", "name": "not taken"})
    assert (refused.status_code, list(refused.json())) == (400, ["priority"])
    assert script.get(path).json()["name"] == ""
    assert [row["priority"] for row in script.get("queue").json()] == ["normal", "normal"]


# --- limits --------------------------------------------------------------------------------------------------


def test_unfinished_benchmarks_of_one_member_are_limited(settings: Any) -> None:
    settings.MOST_UNFINISHED_BENCHMARKS = 2
    owner = factories.member()
    first, second = factories.queued_benchmark(owner), factories.running_benchmark(owner)
    with pytest.raises(ValidationError, match="You have 2 unfinished benchmarks") as refused:
        factories.queued_benchmark(owner)
    assert list(refused.value.message_dict) == ["__all__"]
    factories.queued_benchmark(factories.member())
    transitions.pause(second)
    with pytest.raises(ValidationError):
        factories.queued_benchmark(owner)
    resume_benchmark(second)
    transitions.cancel(first)
    factories.queued_benchmark(owner)
    with pytest.raises(transitions.TransitionRefused, match="2 unfinished"):
        resume_benchmark(first)
    settings.MOST_UNFINISHED_BENCHMARKS = 0
    resume_benchmark(first)


def test_the_api_tells_of_the_limit(settings: Any) -> None:
    settings.MOST_UNFINISHED_BENCHMARKS = 1
    owner = factories.member()
    benchmark = factories.queued_benchmark(owner)
    asked = {
        "classifier": benchmark.classifier_id,
        "dataset": benchmark.dataset_id,
        "methods": [{"key": "grad_cam"}],
        "experiments": [{"experiment": "insertion_deletion"}],
    }
    refused = script_of(owner).post("benchmarks", asked)
    assert refused.status_code == 400
    assert refused.json()["detail"][0].startswith("You have 1 unfinished benchmark, and")


def test_shards_at_work_of_one_member_are_limited(settings: Any) -> None:
    settings.MOST_SHARDS_AT_WORK = 2
    busy, other = factories.member(), factories.member()
    long, short = factories.running_benchmark(busy, 5, 1), factories.running_benchmark(other, 1, 1)
    node = factories.node()
    claims = [claim_shard(node) for _ in range(4)]
    assert [claim and claim.benchmark_id for claim in claims] == [long.pk, short.pk, long.pk, None]
    assert not work_waits()
    deliver(claims[0], [factories.columns(0, 1)], {})
    assert work_waits()
    assert claim_shard(node).benchmark_id == long.pk
    settings.MOST_SHARDS_AT_WORK = 0
    assert claim_shard(node).benchmark_id == long.pk


def test_workers_that_claim_at_once_keep_the_limit(settings: Any) -> None:
    settings.MOST_SHARDS_AT_WORK = 3
    long = factories.running_benchmark(factories.member(), 40, 1)
    other = factories.running_benchmark(factories.member(), 8, 1)

    def claim_some(node: WorkerNode) -> list[int]:
        try:
            found = [claim_shard(node) for _ in range(3)]
            return [claim.benchmark_id for claim in found if claim]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        claimed = [
            number
            for numbers in pool.map(claim_some, [factories.node() for _ in range(6)])
            for number in numbers
        ]
    assert claimed.count(long.pk) == 3
    assert claimed.count(other.pk) == 3
