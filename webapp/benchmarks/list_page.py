"""The list of benchmarks as its address asks for it: filters, columns, order, page; and what each row shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, Exists, ExpressionWrapper, F, OuterRef, QuerySet, Sum
from django.db.models.fields import DurationField
from django.db.models.fields.json import KT
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webapp.accounts.models import User
from webapp.benchmarks.figures import keep_missing_headlines
from webapp.benchmarks.list_filters import ListFilter
from webapp.benchmarks.models import Benchmark, BenchmarkPin, SavedView, Shard
from webapp.benchmarks.saved_views import view_query

PAGE_SIZE = 25
NUMBER = "number"


@dataclass(frozen=True)
class ListColumn:
    """A column that can be chosen. `order`: what the database sorts by, "" where it can't."""

    key: str
    title: Any
    order: str = ""
    usual: bool = True
    numeric: bool = False


COLUMNS = (
    ListColumn("name", _("Name"), "name"),
    ListColumn("model", _("Model"), "classifier__name"),
    ListColumn("methods", _("Methods")),
    ListColumn("experiments", _("Experiments"), usual=False),
    ListColumn("dataset", _("Data set"), "dataset__name"),
    ListColumn("state", _("State"), "state"),
    ListColumn("progress", _("Progress"), usual=True, numeric=True),
    ListColumn("images", _("Images"), "number_of_images", usual=False, numeric=True),
    ListColumn("figure", _("Main figure"), "figures__headline__value"),
    ListColumn("created", _("Created"), "created"),
    ListColumn("duration", _("Duration"), "duration", usual=False, numeric=True),
    ListColumn("owner", _("Owner"), "owner__username", usual=False),
    ListColumn("tags", _("Tags")),
    ListColumn("notes", _("Notes"), usual=False),
)
# Of the main figure, which is the first experiment's.
PROTOCOL = (KT("specification__experiments__0__key"), KT("specification__experiments__0__protocol"))
ORDERS = {NUMBER: "pk", **{column.key: column.order for column in COLUMNS if column.order}}


@dataclass(frozen=True)
class Heading:
    """Head of a column: `order` is the present one, `toggled` what a click sorts by, "" where it can't be sorted by."""

    key: str
    title: Any
    numeric: bool
    order: str
    toggled: str


class ListPage:
    """What the list shows a member; what the address gets wrong becomes the default."""

    def __init__(self, user: User, asked: QueryDict) -> None:
        self.user = user
        self.asked = asked
        self.filter = ListFilter(asked, user=user)

    @cached_property
    def columns(self) -> list[ListColumn]:
        asked = set(self.asked.getlist("column"))
        return [column for column in COLUMNS if column.key in asked] or [
            column for column in COLUMNS if column.usual
        ]

    @property
    def column_choices(self) -> list[tuple[ListColumn, bool]]:
        shown = {column.key for column in self.columns}
        return [(column, column.key in shown) for column in COLUMNS]

    @cached_property
    def sort(self) -> str:
        """A column's key, with "-" for descending order; the newest first unless the address says otherwise."""
        asked = self.asked.get("sort", "")
        return asked if asked.removeprefix("-") in ORDERS else f"-{NUMBER}"

    @property
    def sorted_by_figure(self) -> bool:
        """Then only figures of one protocol stand in one order."""
        return self.sort.removeprefix("-") == "figure"

    @property
    def headings(self) -> list[Heading]:
        number = ListColumn(NUMBER, "#", "pk", numeric=True)
        return [self._heading(column) for column in (number, *self.columns)]

    def _heading(self, column: ListColumn) -> Heading:
        present = self.sort.removeprefix("-") == column.key
        order = ("descending" if self.sort.startswith("-") else "ascending") if present else ""
        # Words are first asked for from A, figures and moments from the top.
        first = f"-{column.key}" if column.numeric or column.key in ("created", "figure") else column.key
        other = column.key if first.startswith("-") else f"-{column.key}"
        toggled = (other if self.sort == first else first) if column.key in ORDERS else ""
        return Heading(column.key, column.title, column.numeric, order, toggled)

    @cached_property
    def state_counts(self) -> list[tuple[str, Any, int]]:
        """Of all benchmarks that the member sees, whatever the filters."""
        found = dict(
            Benchmark.objects.visible_to(self.user)
            .order_by()
            .values_list("state")
            .annotate(count=Count("pk"))
        )
        return [(value, label, found.get(value, 0)) for value, label in Benchmark.State.choices]

    @property
    def total(self) -> int:
        return sum(number for _value, _label, number in self.state_counts)

    @cached_property
    def page(self) -> Page[Benchmark]:
        pinned = BenchmarkPin.objects.filter(user=self.user, benchmark=OuterRef("pk"))
        key = self.sort.removeprefix("-")
        rows = self.filter.chosen.annotate(pinned=Exists(pinned))
        if self.sorted_by_figure:
            keep_missing_headlines(Benchmark.objects.visible_to(self.user))
        if key == "duration":
            taken = ExpressionWrapper(F("finished") - F("started"), output_field=DurationField())
            rows = rows.annotate(duration=taken)
        field = F(ORDERS[key])
        ordered = field.desc(nulls_last=True) if self.sort.startswith("-") else field.asc(nulls_last=True)
        rows = rows.select_related("classifier", "dataset", "owner").prefetch_related("tags")
        rows = rows.defer(
            "classifier__description", "classifier__class_names", "classifier__compatibility",
            "dataset__classes", "dataset__problems",
        )  # fmt: skip
        groups = PROTOCOL if self.sorted_by_figure else ()
        rows = rows.order_by("-pinned", *groups, ordered, "-pk")
        page = Paginator(rows, PAGE_SIZE).get_page(self.asked.get("page"))
        page.object_list = list(page.object_list)
        count_images(page.object_list)
        return page

    @cached_property
    def saved_views(self) -> list[SavedView]:
        return list(SavedView.objects.visible_to(self.user))

    @property
    def query(self) -> str:
        """The view's query, as a saved view has it."""
        return view_query(self.asked.urlencode())

    @property
    def is_filtered(self) -> bool:
        self.filter.form.is_valid()
        return any(self.filter.form.cleaned_data.values())


def count_images(benchmarks: Sequence[Benchmark]) -> None:
    """Gives each row `images_done`: those of finished shards, counted for the shown rows alone."""
    done = (
        Shard.objects.filter(benchmark__in=[row.pk for row in benchmarks], state=Shard.State.DONE)
        .order_by()
        .values_list("benchmark")
        .annotate(images=Sum(F("stop") - F("start")))
    )
    found = dict(done)
    for row in benchmarks:
        row.images_done = found.get(row.pk, 0)


def seconds_taken(benchmark: Benchmark) -> float | None:
    """From the start to the end, or to now; None before it has started."""
    if benchmark.started is None:
        return None
    return ((benchmark.finished or timezone.now()) - benchmark.started).total_seconds()


def rows_for(user: User, numbers: Iterable[int]) -> QuerySet[Benchmark]:
    """Those of the numbered benchmarks that the member still sees, for the rows' socket."""
    return Benchmark.objects.visible_to(user).filter(pk__in=list(numbers))
