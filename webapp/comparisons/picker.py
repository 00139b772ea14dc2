"""Finding results to add to a comparison, and the addresses that add, remove and reorder them."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from webapp.accounts.models import User
from webapp.benchmarks.methods import title_of
from webapp.benchmarks.models import Benchmark
from webapp.common.text import row_number
from webapp.comparisons.choice import MOST_RESULTS, Choice

FOUND_AT_MOST = 8


@dataclass(frozen=True)
class Row:
    """A chosen result with the addresses that change its place; empty where that is not possible."""

    name: str
    title: str
    benchmark: Benchmark
    is_reference: bool
    remove: str
    up: str
    down: str
    refer: str


@dataclass(frozen=True)
class Found:
    """A benchmark with its results; `add`: what adds all that are not chosen yet."""

    benchmark: Benchmark
    methods: list[tuple[str, str]]
    add: str


def picker_rows(choice: Choice) -> list[Row]:
    names = [each.name for each in choice.chosen]
    rows = []
    for place, each in enumerate(choice.chosen):
        rest = [name for name in names if name != each.name]
        earlier, later = list(names), list(names)
        if place:
            earlier[place - 1 : place + 1] = [names[place], names[place - 1]]
        if place + 1 < len(names):
            later[place : place + 2] = [names[place + 1], names[place]]
        rows.append(
            Row(
                name=each.name,
                title=title_of(each.method),
                benchmark=each.benchmark,
                is_reference=each.name == choice.reference,
                remove=choice.address(results=rest),
                up=choice.address(results=earlier) if place else "",
                down=choice.address(results=later) if place + 1 < len(names) else "",
                refer=choice.address(reference=each.name),
            )
        )
    return rows


def find_results(user: User, choice: Choice, text: str) -> list[Found]:
    """Benchmarks whose number, name, model, data set, tag or method has the text; the newest without one."""
    benchmarks = Benchmark.objects.visible_to(user).select_related("classifier", "dataset", "owner")
    if text:
        key = text.lower().replace("-", "_").replace(" ", "_").replace("++", "_plus_plus")
        wanted = (
            Q(name__icontains=text)
            | Q(classifier__name__icontains=text)
            | Q(dataset__name__icontains=text)
            | Q(specification__methods__icontains=key)
            | Q(tags__name__icontains=text)
        )
        if (number := row_number(text.removeprefix("#"))) is not None:
            wanted |= Q(pk=number)
        benchmarks = benchmarks.filter(wanted).distinct()
    names = [each.name for each in choice.chosen]
    found = []
    for benchmark in benchmarks.order_by("-pk")[:FOUND_AT_MOST]:
        own = [
            (f"{benchmark.pk}.{index}", title_of(method))
            for index, method in enumerate(benchmark.specification["methods"])
        ]
        new = [(name, title) for name, title in own if name not in names]
        room = MOST_RESULTS - len(names)
        found.append(
            Found(
                benchmark,
                [(title, choice.address(results=[*names, name]) if room else "") for name, title in new],
                choice.address(results=[*names, *(name for name, _title in new)][:MOST_RESULTS])
                if new and room
                else "",
            )
        )
    return found
