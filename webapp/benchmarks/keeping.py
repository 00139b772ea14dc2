"""What the page of a benchmark shows of its keeping: name, notes, tags, whom it is shared with, and its relatives."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from webapp.accounts.models import User
from webapp.benchmarks.models import Benchmark, BenchmarkShare
from webapp.benchmarks.sharing import may_see_classifier, may_see_dataset

MOST_RELATIVES = 20


class Access:
    """What else of a benchmark a member may see."""

    def __init__(self, user: User, benchmark: Benchmark) -> None:
        self.user, self.benchmark = user, benchmark

    @cached_property
    def dataset(self) -> bool:
        return may_see_dataset(self.user, self.benchmark)

    @cached_property
    def classifier(self) -> bool:
        return may_see_classifier(self.user, self.benchmark)

    @property
    def images(self) -> bool:
        return self.dataset and self.classifier


class Keeping:
    """`sent` and `refusal`: what was typed into one of its forms, and what is wrong with it."""

    def __init__(
        self,
        benchmark: Benchmark,
        user: User,
        sent: Mapping[str, Any] | None = None,
        refusal: ValidationError | None = None,
    ) -> None:
        self.benchmark, self.user = benchmark, user
        self.sent = sent or {}
        self.errors: dict[str, list[str]] = refusal.message_dict if refusal else {}

    @property
    def name(self) -> str:
        return self.sent.get("name", self.benchmark.name)

    @property
    def notes(self) -> str:
        return self.sent.get("notes", self.benchmark.notes)

    @property
    def typed_tags(self) -> str:
        return self.sent.get("tags", ", ".join(self.tags))

    @property
    def typed_member(self) -> str:
        return self.sent.get("member", "")

    @cached_property
    def tags(self) -> list[str]:
        return list(self.benchmark.tags.values_list("name", flat=True))

    @cached_property
    def shares(self) -> QuerySet[BenchmarkShare]:
        return self.benchmark.shares.select_related("user").order_by("user__username")

    @cached_property
    def relatives(self) -> dict[str, list[Benchmark]]:
        """The visible benchmarks that were queued with this one (`together`), its `origin` and its `reruns`."""
        of, found = self.benchmark, Benchmark.objects.visible_to(self.user).exclude(pk=self.benchmark.pk)
        related = Q(origin=of.pk) | Q(pk=of.origin_id or 0)
        if of.submission:
            related |= Q(submission=of.submission)
        rows = list(found.filter(related).select_related("classifier").order_by("pk")[:MOST_RELATIVES])
        return {
            "together": [row for row in rows if of.submission and row.submission == of.submission],
            "origin": [row for row in rows if row.pk == of.origin_id],
            "reruns": [row for row in rows if row.origin_id == of.pk],
        }
