"""Sockets that ask the database at the same moment are answered together, each after it asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from tests.web import factories
from webapp.benchmarks.deletion import delete_benchmark
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.sharing import share_with_lab, share_with_member
from webapp.common.batched import Batched

# Whatever goes to that thread looks after the thread's connection.
pytestmark = pytest.mark.django_db


def counting(answers: dict[int, str]) -> tuple[Callable[[set[int]], dict[int, str]], list[set[int]]]:
    asked: list[set[int]] = []

    def read(keys: set[int]) -> dict[int, str]:
        asked.append(keys)
        return {key: answers[key] for key in keys if key in answers}

    return read, asked


def test_what_is_asked_at_once_is_read_in_one_go() -> None:
    read, asked = counting({1: "one", 2: "two"})
    batched = Batched(read)

    async def ask() -> list[Any]:
        return await asyncio.gather(*(batched.ask(key) for key in (1, 2, 2, 3)))

    assert async_to_sync(ask)() == ["one", "two", "two", None]
    assert asked == [{1, 2, 3}]


def test_question_during_a_read_is_answered_by_the_next_one() -> None:
    answers = {1: "old"}
    batched: Batched[int, str] = Batched(lambda keys: {key: answers[key] for key in keys})

    async def ask() -> list[Any]:
        loop = asyncio.get_running_loop()
        late: list[asyncio.Task[str | None]] = []

        def meanwhile(keys: set[int]) -> dict[int, str]:
            found = {key: answers[key] for key in keys}
            if not late:
                # The first read has its answer; the next question comes before it is told.
                answers[1] = "new"
                asked = asyncio.run_coroutine_threadsafe(_task(late, batched), loop)
                asked.result(timeout=5)
            return found

        batched._read = meanwhile
        first = await batched.ask(1)
        return [first, await late[0]]

    assert async_to_sync(ask)() == ["old", "new"]


async def _task(tasks: list[Any], batched: Batched[int, str]) -> None:
    tasks.append(asyncio.get_running_loop().create_task(batched.ask(1)))


def test_read_that_fails_fails_for_all_who_asked_and_the_next_one_is_made() -> None:
    broken = [True]

    def read(keys: set[int]) -> dict[int, int]:
        if broken:
            raise ValueError("away")
        return {key: key for key in keys}

    batched = Batched(read)

    async def ask() -> list[Any]:
        failed = await asyncio.gather(batched.ask(1), batched.ask(2), return_exceptions=True)
        broken.clear()
        return [*map(str, failed), await batched.ask(1)]

    assert async_to_sync(ask)() == ["away", "away", 1]


def test_whoever_stops_waiting_takes_nothing_from_the_others() -> None:
    batched: Batched[int, int] = Batched(lambda keys: {key: key for key in keys})

    async def ask() -> Any:
        gone = asyncio.ensure_future(batched.ask(1))
        stays = asyncio.ensure_future(batched.ask(1))
        await asyncio.sleep(0)
        gone.cancel()
        return await stays

    assert async_to_sync(ask)() == 1


def test_visible_pairs_say_what_visible_to_says() -> None:
    members = [factories.member() for _ in range(3)]
    own, of_the_lab, shared, gone, private = (factories.running_benchmark(members[0]) for _ in range(5))
    share_with_lab(of_the_lab, shared=True)
    share_with_member(shared, member=members[1].username)
    share_with_lab(gone, shared=True)
    delete_benchmark(gone)
    everything = [own, of_the_lab, shared, gone, private]
    pairs = {(member.pk, benchmark.pk) for member in members for benchmark in everything} | {
        (members[0].pk, 0)
    }
    expected = {
        (member.pk, key)
        for member in members
        for key in Benchmark.objects.visible_to(member).values_list("pk", flat=True)
    }
    assert expected == {
        *((members[0].pk, each.pk) for each in (own, of_the_lab, shared, private)),
        *((members[1].pk, each.pk) for each in (of_the_lab, shared)),
        (members[2].pk, of_the_lab.pk),
    }
    assert Benchmark.objects.visible_pairs(pairs) == expected
    assert Benchmark.objects.visible_pairs(set()) == set()
