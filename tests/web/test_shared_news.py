"""News of a benchmark is read once for all who watch it, and again as soon as there is more."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from webapp.benchmarks import shared_news
from webapp.benchmarks.shared_news import news_since


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the events in the database, of which reading takes a moment; ``reads`` counts."""
    numbers = [1, 2, 3]

    async def read(_benchmark_id: int, seq: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        await asyncio.sleep(0.01)
        reads.append(seq)
        return [{"seq": number} for number in numbers if number > seq], {"state": len(numbers)}

    monkeypatch.setattr(shared_news, "_read", read)
    return numbers


reads: list[int] = []


def test_ten_watchers_cost_one_read(log: list[int]) -> None:
    reads.clear()

    async def watch() -> list[Any]:
        return await asyncio.gather(*(news_since(7, 1, 3) for _ in range(10)))

    assert asyncio.run(watch()) == [([{"seq": 2}, {"seq": 3}], {"state": 3})] * 10
    assert reads == [1]


def test_what_is_newer_than_the_last_read_is_read(log: list[int]) -> None:
    reads.clear()

    async def watch() -> list[Any]:
        first = await news_since(7, 0, 3)
        behind = await news_since(7, 2, 3)
        log.append(4)
        return [first, behind, await news_since(7, 3, 4), await news_since(7, 0, 4)]

    told = asyncio.run(watch())
    assert [[event["seq"] for event in events] for events, _ in told] == [[1, 2, 3], [3], [4], [1, 2, 3, 4]]
    # Who is further behind than what was read last reads for themselves.
    assert reads == [0, 3, 0]
    assert told[-1][1] == {"state": 4}


def test_benchmarks_are_not_mixed_up(log: list[int]) -> None:
    reads.clear()

    async def watch() -> None:
        await news_since(7, 0, 3)
        await news_since(8, 0, 3)

    asyncio.run(watch())
    assert reads == [0, 0]
