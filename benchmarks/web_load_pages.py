"""The addresses that are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import NoReverseMatch, reverse

from benchmarks.web_load_rows import Lab


@dataclass(frozen=True)
class Page:
    """An address; `limited`: whether the limits of time and size are for it (files may take longer to be made)."""

    title: str
    address: str
    limited: bool = True


def pages(lab: Lab) -> list[Page]:
    """Every page of the application that this version has."""
    return list(_pages(lab))


def _pages(lab: Lab) -> Iterator[Page]:
    yield from _lists()
    yield from _one("small", lab.small.pk)
    yield from _one("50,000 × 8", lab.big.pk)
    yield from _named("one benchmark, running", "benchmarks:detail", lab.running.pk)
    yield from _downloads("small", lab.small.pk)
    yield from _downloads("50,000 × 8", lab.big.pk)
    yield from _rest(lab)
    yield from _api(lab)


def _lists() -> Iterator[Page]:
    for title, query in [
        ("benchmarks", ""),
        ("benchmarks, page 10", "page=10"),
        ("benchmarks, finished", "state=succeeded"),
        ("benchmarks, running", "state=running"),
        ("benchmarks, searched", "q=Run+12"),
        ("benchmarks, one tag", "tag=paper"),
        ("benchmarks, sorted by name", "sort=name"),
        ("benchmarks, sorted by images", "sort=-images"),
        ("benchmarks, one's own", "owner=mine"),
    ]:
        yield from _named(title, "benchmarks:list", query=query)


def _one(what: str, pk: int) -> Iterator[Page]:
    yield from _named(f"one benchmark, {what}", "benchmarks:detail", pk)
    yield from _named(
        f"one benchmark, {what}: against a reference", "benchmarks:detail", pk, query="reference=0"
    )
    yield from _named(
        f"one benchmark, {what}: second experiment", "benchmarks:detail", pk, query="experiment=1"
    )
    yield from _named(f"one benchmark, {what}: live parts", "benchmarks:live_parts", pk)
    for title, query in [
        ("images", ""),
        ("images sorted by a method's figure", "sort=-m1"),
        ("images sorted by disagreement", "sort=-disagreement"),
        ("images, last page", "page=2000"),
        ("images of the second experiment", "experiment=1&sort=-m0"),
    ]:
        yield from _named(f"{title}, {what}", "benchmarks:images", pk, query=query)
    yield from _named(f"classes, {what}", "benchmarks:classes", pk, query="class_sort=-m0")


def _downloads(what: str, pk: int) -> Iterator[Page]:
    for title, name in [
        ("LaTeX", "benchmarks:latex"),
        ("report", "benchmarks:report"),
        ("CSV of the images", "benchmarks:images_csv"),
        ("JSON document", "benchmarks:json"),
    ]:
        yield from _named(f"download: {title}, {what}", name, pk, limited=False)
    for table in ("summary", "classes", "curves"):
        address = reverse("benchmarks:table", args=[pk, table])
        yield Page(f"download: {table} CSV, {what}", address, limited=False)


def _rest(lab: Lab) -> Iterator[Page]:
    for title, name, arguments in [
        ("new benchmark", "benchmarks:new", ()),
        ("workers and queue", "benchmarks:workers", ()),
        ("workers and queue, live part", "benchmarks:workers_live", ()),
        ("models", "library:classifiers", ()),
        ("one model", "library:classifier", (lab.classifier.pk,)),
        ("import of a model", "library:import_classifier", ()),
        ("data sets", "library:datasets", ()),
        ("one data set", "library:dataset", (lab.dataset.pk,)),
        ("studio", "studio:maps", ()),
        ("cut-outs", "studio:cut_outs", ()),
        ("start page", "accounts:home", ()),
        ("history of the studio", "studio:history", ()),
        ("settings of a model", "method_settings:overview", (lab.classifier.pk,)),
        ("settings of a method", "method_settings:method", (lab.classifier.pk, "grad_cam")),
        ("help", "help:index", ()),
        ("help on a method", "help:method", ("msg_cam",)),
        ("glossary", "help:glossary", ()),
        ("backup", "backups:backups", ()),
        ("account", "accounts:account", ()),
        ("tokens", "accounts:tokens", ()),
        ("documentation of the API", "api:docs", ()),
    ]:
        yield from _named(title, name, *arguments)
    for title, results in [
        ("two results of 200 images", [(lab.small.pk, 0), (lab.small.pk, 1)]),
        ("two results of 50,000 images", [(lab.big.pk, 0), (lab.big.pk, 1)]),
    ]:
        query = "&".join(f"result={benchmark}.{method}" for benchmark, method in results)
        yield from _named(f"compare {title}", "comparisons:compare", query=query)


def _api(lab: Lab) -> Iterator[Page]:
    for title, name, arguments in [
        ("benchmarks", "api:benchmarks", ()),
        ("one benchmark, small", "api:benchmark", (lab.small.pk,)),
        ("one benchmark, 50,000 × 8", "api:benchmark", (lab.big.pk,)),
        ("events, 50,000 × 8", "api:benchmark_events", (lab.big.pk,)),
        ("models", "api:classifiers", ()),
        ("data sets", "api:datasets", ()),
        ("maps", "api:explanations", ()),
        ("workers", "api:workers", ()),
        ("queue", "api:queue", ()),
        ("methods", "api:methods", ()),
        ("description", "api:schema", ()),
    ]:
        yield from _named(f"API: {title}", name, *arguments, limited=name != "api:schema")


def _named(title: str, name: str, *arguments: Any, query: str = "", limited: bool = True) -> Iterator[Page]:
    """Nothing where this version does not have the address."""
    try:
        address = reverse(name, args=arguments)
    except NoReverseMatch:
        return
    yield Page(title, f"{address}?{query}" if query else address, limited)
