"""Which results are compared, as an address says it: `?result=12.0&result=15.3&experiment=perturbation&reference=12.0`.

A result is one method of one benchmark, named "benchmark.method"; `benchmark=12` stands for all of its methods.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict

from saliency_core.experiments.base import Experiment, experiment_descriptions
from webapp.accounts.models import User
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.results import experiment_of
from webapp.common.text import row_number

MOST_RESULTS = 20
_NAME = re.compile(r"(\d{1,9})\.(\d{1,4})")
# Kept in the address whatever changes.
_VIEW = ("figure", "cost", "together", "settings", "hidden", "q")


@dataclass(frozen=True)
class Chosen:
    """One method of a benchmark; `number`: its place in the list, from 1."""

    benchmark: Benchmark
    method_index: int
    number: int

    @property
    def name(self) -> str:
        return f"{self.benchmark.pk}.{self.method_index}"

    @property
    def method(self) -> dict[str, Any]:
        return self.benchmark.specification["methods"][self.method_index]

    def experiments(self, key: str) -> list[int]:
        """The indices of the benchmark's experiments of that key; several where it has several protocols."""
        chosen = self.benchmark.specification["experiments"]
        return [index for index, each in enumerate(chosen) if each["key"] == key]


@dataclass(frozen=True)
class Measured:
    """What is compared: a chosen method under one protocol of the experiment."""

    chosen: Chosen
    experiment_index: int
    experiment: Experiment

    @property
    def benchmark(self) -> Benchmark:
        return self.chosen.benchmark

    @property
    def place(self) -> tuple[int, int, int]:
        return self.benchmark.pk, self.chosen.method_index, self.experiment_index


@dataclass
class Choice:
    """`unknown`: what was named and is not there for this member; `left_out`: how many beyond MOST_RESULTS."""

    query: QueryDict
    chosen: list[Chosen] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    left_out: int = 0

    @cached_property
    def experiment_keys(self) -> dict[str, int]:
        """The experiments that any result was measured under, and how many were; of those that there still are."""
        known = {each.key for each in experiment_descriptions()}
        counts: dict[str, int] = {}
        for each in self.chosen:
            for key in {entry["key"]: None for entry in each.benchmark.specification["experiments"]}:
                if key in known:
                    counts[key] = counts.get(key, 0) + 1
        return counts

    @cached_property
    def experiment(self) -> str:
        """The experiment asked for, else the one that most results have; empty without results."""
        asked = self.query.get("experiment", "")
        if asked in self.experiment_keys:
            return asked
        return max(self.experiment_keys, key=lambda key: self.experiment_keys[key], default="")

    @cached_property
    def measured(self) -> list[Measured]:
        return [
            Measured(each, index, experiment_of(each.benchmark, index))
            for each in self.chosen
            for index in (each.experiments(self.experiment) if self.experiment else ())
        ]

    @cached_property
    def without(self) -> list[Chosen]:
        """Those that were not measured under the experiment."""
        return [each for each in self.chosen if not each.experiments(self.experiment)]

    @cached_property
    def reference(self) -> str:
        """The name of the result that the others are compared with: the one asked for, else the first."""
        names = [each.name for each in self.chosen]
        asked = self.query.get("reference", "")
        return asked if asked in names else (names[0] if names else "")

    @property
    def together(self) -> bool:
        return self.query.get("together") == "1"

    def address(self, *, results: Sequence[str] | None = None, **changes: str | None) -> str:
        """The query string of this view; `changes` replace parts of it, None leaves one out."""
        names = [each.name for each in self.chosen] if results is None else list(results)
        parts: list[tuple[str, str]] = [("result", name) for name in names]
        kept = {name: self.query.get(name, "") for name in ("experiment", "reference", *_VIEW)}
        if kept["reference"] not in names:
            kept["reference"] = ""
        kept |= {name: value or "" for name, value in changes.items()}
        return urlencode([*parts, *((name, value) for name, value in kept.items() if value)])


def read_choice(user: User, query: QueryDict) -> Choice:
    """What an address asks for, among the benchmarks that the member may see; what is not there is named."""
    named = list(_named(query))
    visible = Benchmark.objects.visible_to(user).select_related("classifier", "dataset", "owner")
    rows = visible.in_bulk({number for number, _method in named})
    names: dict[str, tuple[Benchmark, int]] = {}
    unknown: dict[str, None] = {}
    for number, method in named:
        benchmark = rows.get(number)
        count = len(benchmark.specification["methods"]) if benchmark else 0
        methods = range(count) if method is None else [method]
        if benchmark is None or any(index >= count for index in methods):
            unknown[str(number) if method is None else f"{number}.{method}"] = None
            continue
        names |= {
            f"{number}.{index}": (benchmark, index) for index in methods if f"{number}.{index}" not in names
        }
    unknown |= dict.fromkeys(text[:20] for text in query.getlist("result") if not _NAME.fullmatch(text))
    kept = list(names.values())[:MOST_RESULTS]
    chosen = [Chosen(benchmark, index, place + 1) for place, (benchmark, index) in enumerate(kept)]
    return Choice(query, chosen, list(unknown), max(0, len(names) - MOST_RESULTS))


def _named(query: QueryDict) -> Iterable[tuple[int, int | None]]:
    """(benchmark, method index or None for all), those of whole benchmarks last."""
    for text in query.getlist("result")[:200]:
        found = _NAME.fullmatch(text)
        if found:
            yield int(found[1]), int(found[2])
    for text in query.getlist("benchmark")[:200]:
        if (number := row_number(text)) is not None:
            yield number, None
