"""What lists can be narrowed down to and sorted by, in the address."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from webapp.benchmarks.list_filters import MINE, SHARED, matching, owned, with_part
from webapp.benchmarks.models import Benchmark
from webapp.library.models import Classifier, Dataset
from webapp.studio.models import Explanation

LARGEST_ID = 2**63 - 1


class BenchmarkFilter(filters.FilterSet):
    """`?state=running&state=queued&classifier=3&order=-finished`."""

    state = filters.MultipleChoiceFilter(choices=Benchmark.State.choices)
    classifier = filters.NumberFilter(field_name="classifier_id", min_value=1, max_value=LARGEST_ID)
    dataset = filters.NumberFilter(field_name="dataset_id", min_value=1, max_value=LARGEST_ID)
    created_after = filters.IsoDateTimeFilter(field_name="created", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter(field_name="created", lookup_expr="lt")
    q = filters.CharFilter(
        method="search", help_text="Words in number, name, notes, tags, model or data set."
    )
    method = filters.CharFilter(method="of_method", help_text="Key of a method that it measures.")
    experiment = filters.CharFilter(method="of_experiment", help_text="Key of an experiment that it makes.")
    tag = filters.CharFilter(field_name="tags__name")
    owner = filters.ChoiceFilter(
        choices=[(MINE, "one's own"), (SHARED, "those of others that one sees")], method="of_owner"
    )
    submission = filters.UUIDFilter(help_text="Those that were queued together.")
    order = filters.OrderingFilter(
        fields=["id", "created", "started", "finished", "state", "number_of_images"],
        help_text="With a leading “-” in descending order; newest first unless given.",
    )

    class Meta:
        model = Benchmark
        fields: list[str] = []

    def search(self, queryset: QuerySet[Benchmark], _name: str, text: str) -> QuerySet[Benchmark]:
        return matching(queryset, text)

    def of_method(self, queryset: QuerySet[Benchmark], _name: str, key: str) -> QuerySet[Benchmark]:
        return with_part(queryset, "methods", key)

    def of_experiment(self, queryset: QuerySet[Benchmark], _name: str, key: str) -> QuerySet[Benchmark]:
        return with_part(queryset, "experiments", key)

    def of_owner(self, queryset: QuerySet[Benchmark], _name: str, whose: str) -> QuerySet[Benchmark]:
        return owned(queryset, self.request.user, whose)

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        found = super().filter_queryset(queryset)
        # Equal ones keep one order, or pages would overlap.
        return found.order_by(*found.query.order_by, "-pk")


class ClassifierFilter(filters.FilterSet):
    family = filters.ChoiceFilter(choices=[("cnn", "cnn"), ("vit", "vit")])
    shared_with_lab = filters.BooleanFilter()
    state = filters.MultipleChoiceFilter(choices=Classifier.State.choices)

    class Meta:
        model = Classifier
        fields: list[str] = []


class DatasetFilter(filters.FilterSet):
    state = filters.MultipleChoiceFilter(choices=Dataset.State.choices)
    name = filters.CharFilter(lookup_expr="icontains", help_text="Part of the name.")

    class Meta:
        model = Dataset
        fields: list[str] = []


class ExplanationFilter(filters.FilterSet):
    state = filters.MultipleChoiceFilter(choices=Explanation.State.choices)
    method = filters.CharFilter(max_length=64)
    pinned = filters.BooleanFilter()
    classifier = filters.NumberFilter(field_name="classifier_id", min_value=1, max_value=LARGEST_ID)
    picture = filters.NumberFilter(field_name="picture_id", min_value=1, max_value=LARGEST_ID)

    class Meta:
        model = Explanation
        fields: list[str] = []
