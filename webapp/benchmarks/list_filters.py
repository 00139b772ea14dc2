"""What the list of benchmarks can be narrowed down to, in its address and in the API alike."""

from __future__ import annotations

from typing import Any

import django_filters as filters
from django import forms
from django.db import connection
from django.db.models import Q, QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from saliency_core.experiments.base import experiment_descriptions
from saliency_core.methods.registry import method_descriptions
from webapp.accounts.models import User
from webapp.benchmarks.models import Benchmark, BenchmarkTag
from webapp.common.text import row_number
from webapp.library.models import Classifier, Dataset

MOST_WORDS = 8
MOST_CHOICES = 300
MINE, SHARED = "mine", "shared"


def matching(benchmarks: QuerySet[Benchmark], text: str) -> QuerySet[Benchmark]:
    """Those with every word in their number, name, notes, tags, model or data set."""
    for word in text.split()[:MOST_WORDS]:
        tagged = BenchmarkTag.objects.filter(name__icontains=word).values("benchmark")
        found = Q(pk__in=tagged)
        for field in ("name", "notes", "classifier__name", "dataset__name"):
            found |= Q(**{f"{field}__icontains": word})
        if (number := row_number(word.removeprefix("#"))) is not None:
            found |= Q(pk=number)
        benchmarks = benchmarks.filter(found)
    return benchmarks


def with_part(benchmarks: QuerySet[Benchmark], part: str, key: str) -> QuerySet[Benchmark]:
    """Those whose specification has a method or an experiment (`part`) of that key."""
    if connection.features.supports_json_field_contains:
        return benchmarks.filter(**{f"specification__{part}__contains": [{"key": key}]})
    # SQLite knows no containment: there it is looked for in the text, as SQLite writes it.
    return benchmarks.filter(**{f"specification__{part}__icontains": f'"key":"{key}"'})


def owned(benchmarks: QuerySet[Benchmark], user: User, whose: str) -> QuerySet[Benchmark]:
    """The member's own (MINE), or those of others."""
    return benchmarks.filter(owner=user) if whose == MINE else benchmarks.exclude(owner=user)


class ListFilter(filters.FilterSet):
    """`?q=shapes&state=running&model=3&method=rise&owner=shared`; what is no choice is passed over."""

    q = filters.CharFilter(label=_("Search"), method="search")
    state = filters.MultipleChoiceFilter(label=_("State"), choices=Benchmark.State.choices, distinct=False)
    model = filters.ChoiceFilter(label=_("Model"), field_name="classifier", empty_label=_("any"))
    dataset = filters.ChoiceFilter(label=_("Data set"), field_name="dataset", empty_label=_("any"))
    method = filters.ChoiceFilter(label=_("Method"), method="of_method", empty_label=_("any"))
    experiment = filters.ChoiceFilter(label=_("Experiment"), method="of_experiment", empty_label=_("any"))
    tag = filters.ChoiceFilter(label=_("Tag"), field_name="tags__name", empty_label=_("any"))
    owner = filters.ChoiceFilter(
        label=_("Owner"),
        method="of_owner",
        choices=[(MINE, _("mine")), (SHARED, _("shared with me"))],
        empty_label=_("any"),
    )
    since = filters.DateFilter(
        label=_("Created from"),
        field_name="created",
        lookup_expr="date__gte",
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    until = filters.DateFilter(
        label=_("Created until"),
        field_name="created",
        lookup_expr="date__lte",
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    class Meta:
        model = Benchmark
        fields: list[str] = []

    def __init__(self, data: Any, *, user: User) -> None:
        visible = Benchmark.objects.visible_to(user)
        super().__init__(data, queryset=visible)
        self.user = user
        used = visible.order_by()
        self.filters["model"].extra["choices"] = _named(
            Classifier.objects.filter(pk__in=used.values("classifier"))
        )
        self.filters["dataset"].extra["choices"] = _named(
            Dataset.objects.filter(pk__in=used.values("dataset"))
        )
        self.filters["method"].extra["choices"] = [
            (each.key, gettext(each.title)) for each in method_descriptions()
        ]
        self.filters["experiment"].extra["choices"] = [
            (each.key, gettext(each.title)) for each in experiment_descriptions()
        ]
        tags = BenchmarkTag.objects.filter(benchmark__in=used.values("pk"))
        self.filters["tag"].extra["choices"] = [
            (name, name)
            for name in tags.order_by("name").values_list("name", flat=True).distinct()[:MOST_CHOICES]
        ]

    def filter_queryset(self, queryset: QuerySet[Benchmark]) -> QuerySet[Benchmark]:
        """What is valid of the address narrows the list down; the rest is as if it were not there."""
        for name, filter_ in self.filters.items():
            if name in self.form.cleaned_data:
                queryset = filter_.filter(queryset, self.form.cleaned_data[name])
        return queryset

    @property
    def chosen(self) -> QuerySet[Benchmark]:
        self.form.is_valid()
        return self.filter_queryset(self.queryset)

    @property
    def is_narrowed(self) -> bool:
        """Whether anything besides state and search is chosen."""
        return any(self.form.cleaned_data.get(name) for name in self.filters if name not in ("q", "state"))

    def search(self, queryset: QuerySet[Benchmark], _name: str, text: str) -> QuerySet[Benchmark]:
        return matching(queryset, text)

    def of_method(self, queryset: QuerySet[Benchmark], _name: str, key: str) -> QuerySet[Benchmark]:
        return with_part(queryset, "methods", key)

    def of_experiment(self, queryset: QuerySet[Benchmark], _name: str, key: str) -> QuerySet[Benchmark]:
        return with_part(queryset, "experiments", key)

    def of_owner(self, queryset: QuerySet[Benchmark], _name: str, whose: str) -> QuerySet[Benchmark]:
        return owned(queryset, self.user, whose)


def _named(rows: QuerySet[Any]) -> list[tuple[str, str]]:
    return [
        (str(pk), name) for pk, name in rows.order_by("name", "pk").values_list("pk", "name")[:MOST_CHOICES]
    ]
