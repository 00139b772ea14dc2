"""`/metrics`: who may read it, and that it tells what is there."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from tests.web import factories
from webapp.benchmarks import transitions
from webapp.metrics import rows
from workers.claiming import claim_shard, deliver, fail_attempt

pytestmark = pytest.mark.django_db(transaction=True)


def scrape(client: Client) -> dict[tuple[str, tuple[str, ...]], float]:
    """Values by name and labels' values, in the order of the labels' names."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def test_rows_are_counted_by_state(client: Client) -> None:
    factories.running_benchmark(images=8, per_shard=4)
    transitions.cancel(factories.running_benchmark())
    claim_shard(factories.node())
    found = scrape(client)
    assert found["saliscope_benchmarks", ("running",)] == 1
    assert found["saliscope_benchmarks", ("cancelled",)] == 1
    assert found["saliscope_shards", ("running",)] == 1
    assert found["saliscope_shards", ("waiting",)] == 1
    assert found["saliscope_workers", ("benchmark", "working")] == 1
    assert found["saliscope_workers", ("studio", "working")] == 0
    assert found["saliscope_up", ("database",)] == found["saliscope_up", ("broker",)] == 1
    assert found["saliscope_queue_messages", ("benchmark",)] >= 0


def test_claims_are_counted_from_one_scrape_to_the_next(client: Client) -> None:
    factories.running_benchmark(images=8, per_shard=4)
    node = factories.node()
    before = scrape(client)
    deliver(claim_shard(node), [factories.columns(0, 4)], {"device": "Test", "versions": {}})
    claim = claim_shard(node)
    fail_attempt(claim.shard_id, claim.fence, "It broke.")
    after = scrape(client)

    def rise(name: str, *labels: str) -> float:
        return after.get((name, labels), 0) - before.get((name, labels), 0)

    assert rise("saliscope_shard_claims_total", "done") == 1
    assert rise("saliscope_shard_claims_total", "retried") == 1
    assert rise("saliscope_shard_claims_total", "set_aside") == 0
    assert rise("saliscope_shard_seconds_count") == 1
    assert (
        scrape(client)["saliscope_shard_claims_total", ("done",)]
        == after["saliscope_shard_claims_total", ("done",)]
    )


def test_long_log_is_counted_on_in_parts(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MOST_EVENTS", 2)
    factories.running_benchmark(images=20, per_shard=4)
    node = factories.node()
    before = scrape(client)
    for first in range(0, 20, 4):
        deliver(claim_shard(node), [factories.columns(first, first + 4)], {"device": "Test", "versions": {}})
    after = scrape(client)
    done = ("saliscope_shard_claims_total", ("done",))
    assert after[done] - before.get(done, 0) == 5
    seconds = ("saliscope_shard_seconds_count", ())
    assert after[seconds] - before[seconds] == 5


def test_requests_are_measured_by_the_names_of_addresses(client: Client) -> None:
    benchmark = factories.running_benchmark()
    client.force_login(benchmark.owner, backend="webapp.accounts.backends.NameOrNumberBackend")
    label = ("benchmarks:detail", "GET", "200")
    before = scrape(client).get(("saliscope_web_request_seconds_count", label), 0)
    assert client.get(f"/benchmarks/{benchmark.pk}/").status_code == 200
    text = client.get("/metrics").content.decode()
    assert scrape(client)["saliscope_web_request_seconds_count", label] == before + 1
    assert benchmark.owner.username not in text
    assert f"/benchmarks/{benchmark.pk}" not in text


def test_only_this_machine_may_ask_where_there_is_no_token(client: Client) -> None:
    assert client.get("/metrics", REMOTE_ADDR="::1").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.7").status_code == 404
    # A proxy on this machine passes on what others ask.
    assert client.get("/metrics", HTTP_X_FORWARDED_FOR="127.0.0.1").status_code == 404
    assert client.post("/metrics").status_code == 405


def test_token_opens_it_from_anywhere_and_nothing_else_does(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = "a long token"

    def ask(**headers: str) -> int:
        return client.get("/metrics", REMOTE_ADDR="10.0.0.7", headers=headers).status_code

    assert ask(Authorization="Bearer a long token") == 200
    assert ask(Authorization="Bearer another") == 404
    assert ask(Authorization="Basic a long token") == 404
    assert ask() == 404
    assert client.get("/metrics").status_code == 404


def test_broker_that_is_away_is_said_to_be(client: Client, settings: Any) -> None:
    settings.BROKER_URL = "redis://127.0.0.1:1/0"
    found = scrape(client)
    assert found["saliscope_up", ("broker",)] == 0
    assert found["saliscope_up", ("database",)] == 1
    assert ("saliscope_queue_messages", ("benchmark",)) not in found
