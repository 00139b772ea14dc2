"""The log of a benchmark, page by page."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.web import factories
from webapp.benchmarks.models import BenchmarkEvent

pytestmark = pytest.mark.django_db


def numbers(page: str) -> list[int]:
    """The images that the log's lines begin with."""
    log = page[page.index('id="benchmark-log"') :]
    return [int(found) for found in re.findall(r"Images (\d+) to", log[: log.index("</section>")])]


def test_older_events_are_on_further_pages_that_the_address_names(client: Client) -> None:
    benchmark = factories.queued_benchmark()
    benchmark.refresh_from_db()
    begin = benchmark.last_event_seq
    BenchmarkEvent.objects.bulk_create(
        BenchmarkEvent(
            benchmark=benchmark,
            seq=begin + number,
            kind="shard_done",
            payload={"start": number - 1, "stop": number},
        )
        for number in range(1, 121)
    )
    client.force_login(benchmark.owner)
    address = f"/benchmarks/{benchmark.pk}/"
    newest = client.get(address).content.decode()
    assert numbers(newest) == list(range(120, 70, -1))
    assert ">Newest</a>" not in newest
    (older,) = re.findall(r'href="(\?log=\d+)#benchmark-log">Older', newest)
    assert older == f"?log={begin + 71}"
    second = client.get(address + older).content.decode()
    assert numbers(second) == list(range(70, 20, -1))
    (last,) = re.findall(r'href="(\?log=\d+)#benchmark-log">Older', second)
    third = client.get(address + last).content.decode()
    assert numbers(third) == list(range(20, 0, -1))
    assert ">Older</a>" not in third and ">Newest</a>" in third
    # What is fetched anew while the benchmark runs stays on the page that is shown.
    assert numbers(client.get(f"{address}live/{older}").content.decode()) == list(range(70, 20, -1))
    assert numbers(client.get(f"{address}?log=nonsense").content.decode()) == numbers(newest)
