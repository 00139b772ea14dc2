"""Every page asks the database a bounded number of times, as often with thirty rows as with three."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.web import factories
from tests.web.api_calls import finished_benchmark
from webapp.benchmarks.models import BenchmarkShare, BenchmarkTag, Shard
from webapp.common.database import now_plus
from webapp.studio.models import Explanation

pytestmark = pytest.mark.django_db

# Address, and the number of queries, those of session and member included.
PAGES = [
    ("benchmarks:list", 11),
    ("benchmarks:detail", 19),
    ("benchmarks:live_parts", 10),
    ("benchmarks:images", 10),
    ("benchmarks:classes", 4),
    ("benchmarks:new", 15),
    ("benchmarks:workers", 16),
    ("benchmarks:workers_live", 16),
    ("library:classifiers", 5),
    ("library:classifier", 4),
    ("library:datasets", 4),
    ("library:dataset", 6),
    ("studio:maps", 6),
    ("studio:cut_outs", 6),
    ("studio:history", 5),
    ("benchmarks:deleted", 3),
    ("accounts:home", 6),
    ("backups:backups", 3),
    ("method_settings:overview", 8),
    ("help:index", 2),
    ("accounts:account", 3),
    ("accounts:tokens", 3),
    ("api:benchmarks", 5),
    ("api:benchmark", 7),
    ("api:classifiers", 5),
    ("api:datasets", 4),
    ("api:explanations", 4),
    ("api:workers", 7),
    ("api:queue", 9),
]
# Workers that are heard of in the future live as long as the test takes.
SOON = now_plus(3600)
THINGS = {
    "library:classifier": "classifier",
    "method_settings:overview": "classifier",
    "library:dataset": "dataset",
}


def rows(count: int, owner: Any) -> Any:
    """So many of everything that the member sees; returns a finished benchmark among them."""
    found = None
    for number in range(count):
        other = factories.member()
        found = finished_benchmark(owner)
        shared = finished_benchmark(other)
        BenchmarkShare.objects.create(benchmark=shared, user=owner)
        BenchmarkTag.objects.create(benchmark=found, name="paper")
        waiting = factories.running_benchmark(other, images=8, per_shard=4)
        Shard.objects.filter(benchmark=waiting, start=0).update(
            state=Shard.State.RUNNING, worker=factories.node(heartbeat_at=SOON)
        )
        factories.node(stopped_at=Now())
        factories.dataset()
        Explanation.objects.create(
            owner=owner,
            classifier=found.classifier,
            dataset=found.dataset,
            image="000.jpg",
            pipeline="squash",
            digest=f"{number:064}",
            method="grad_cam",
            target=1,
            state=Explanation.State.READY,
        )
    return found


def asked(client: Client, name: str, benchmark: Any) -> int:
    """How many queries an address takes."""
    detail = name.startswith("benchmarks:") and name.removeprefix("benchmarks:") in (
        "detail",
        "live_parts",
        "images",
        "classes",
    )
    pk = None
    if detail or name == "api:benchmark":
        pk = benchmark.pk
    elif name in THINGS:
        pk = getattr(benchmark, THINGS[name]).pk
    address = reverse(name, args=[pk] if pk else [])
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(address)
    assert answer.status_code == 200
    return len(captured)


@pytest.mark.parametrize("count", [3, 30])
def test_pages_ask_a_bounded_number_of_times(count: int) -> None:
    owner = factories.member()
    benchmark = rows(count, owner)
    client = Client()
    client.force_login(owner)
    found = {name: asked(client, name, benchmark) for name, _most in PAGES}
    assert found == dict(PAGES)
