"""What a member writes on a benchmark: its name, notes and tags."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from webapp.benchmarks.models import Benchmark, BenchmarkTag
from webapp.common.text import CANNOT_BE_KEPT, UNSTORABLE

MOST_TAGS = 20
LONGEST_NAME = 120
LONGEST_NOTES = 10_000
LONGEST_TAG = 40
_SEPARATORS = re.compile(r"[,;，；、\n]")


def parse_tags(text: str) -> list[str]:
    """Tags as they are typed, with commas between them; each once, in their order."""
    return tidy_tags(_SEPARATORS.split(text))


def tidy_tags(tags: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, (" ".join(tag.split()) for tag in tags))))


def label_problems(
    *, name: str | None = None, notes: str | None = None, tags: Iterable[str] | None = None
) -> dict[str, list[str]]:
    """What is wrong with a name, notes or tags, by field; what is None is not looked at."""
    problems: dict[str, list[str]] = {}
    for field, value, most in (("name", name, LONGEST_NAME), ("notes", notes, LONGEST_NOTES)):
        if value is not None and len(value) > most:
            problems[field] = [
                _("At most %(most)s characters; these are %(count)s. Shorten it.")
                % {"most": f"{most:,}", "count": f"{len(value):,}"}
            ]
        elif value is not None and UNSTORABLE.search(value):
            problems[field] = [str(CANNOT_BE_KEPT)]
    chosen = tidy_tags(tags or ())
    long = [tag for tag in chosen if len(tag) > LONGEST_TAG]
    if long:
        problems["tags"] = [
            _("“%(tag)s” is too long: a tag has at most %(most)d characters.")
            % {"tag": f"{long[0][:20]}…", "most": LONGEST_TAG}
        ]
    elif any(UNSTORABLE.search(tag) for tag in chosen):
        problems["tags"] = [str(CANNOT_BE_KEPT)]
    elif len(chosen) > MOST_TAGS:
        problems["tags"] = [
            _("A benchmark takes at most %(most)d tags; these are %(count)d.")
            % {"most": MOST_TAGS, "count": len(chosen)}
        ]
    return problems


@transaction.atomic
def label_benchmark(
    benchmark: Benchmark,
    *,
    name: str | None = None,
    notes: str | None = None,
    tags: Iterable[str] | None = None,
) -> None:
    """Changes those that are not None. Raises ValidationError by field."""
    tags = None if tags is None else tidy_tags(tags)
    name = None if name is None else " ".join(name.split())
    problems = label_problems(name=name, notes=notes, tags=tags)
    if problems:
        raise ValidationError(problems)
    changed = {field: value for field, value in (("name", name), ("notes", notes)) if value is not None}
    if changed:
        Benchmark.objects.filter(pk=benchmark.pk).update(**changed)
        for field, value in changed.items():
            setattr(benchmark, field, value)
    if tags is not None:
        benchmark.tags.exclude(name__in=tags).delete()
        _put_on([benchmark], tags)


@transaction.atomic
def add_tags(benchmarks: Iterable[Benchmark], tags: Iterable[str]) -> None:
    """Puts further tags on benchmarks. Raises ValidationError, with the number of the benchmark that has too many."""
    rows, tags = list(benchmarks), tidy_tags(tags)
    if not tags:
        raise ValidationError({"tags": [_("Type a tag, or several with commas between them.")]})
    for benchmark in rows:
        problems = label_problems(tags=[*benchmark.tags.values_list("name", flat=True), *tags])
        if problems:
            raise ValidationError({"tags": [f"#{benchmark.pk}: {problems['tags'][0]}"]})
    _put_on(rows, tags)


def _put_on(benchmarks: Iterable[Benchmark], tags: Iterable[str]) -> None:
    BenchmarkTag.objects.bulk_create(
        [BenchmarkTag(benchmark=benchmark, name=tag) for benchmark in benchmarks for tag in tags],
        ignore_conflicts=True,
    )
