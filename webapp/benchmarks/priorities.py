"""How urgent a benchmark is: by name, low, normal or high. High is for administrators to give."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.benchmarks.events import record_event
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.transitions import TransitionRefused
from webapp.common.database import locked

Priority = Benchmark.Priority
PRIORITIES = tuple(each.name.lower() for each in Priority)
USUAL_PRIORITY = "normal"


def priority_choices(user: User) -> list[tuple[str, Any]]:
    """Names and labels of those that a member may choose."""
    return [(each.name.lower(), each.label) for each in Priority if each != Priority.HIGH or user.is_staff]


def priority_problem(priority: str, user: User) -> str:
    """Why the member can't choose it; empty if they can."""
    if priority not in PRIORITIES:
        return _("The priority is one of %(choices)s.") % {"choices": ", ".join(PRIORITIES)}
    if priority not in dict(priority_choices(user)):
        return _("Only administrators give the priority high: choose normal or low.")
    return ""


@transaction.atomic
def set_priority(benchmark: Benchmark, priority: str, *, by: User) -> None:
    """Changes the place of a benchmark's waiting shards; those at work go on.

    Raises ValidationError ("priority") for what the member can't choose, TransitionRefused if the benchmark is over.
    """
    problem = priority_problem(priority, by)
    if problem:
        raise ValidationError({"priority": [problem]})
    row = locked(Benchmark.objects.filter(pk=benchmark.pk)).get()
    value = Priority[priority.upper()]
    if row.priority == value:
        return
    if not row.is_unfinished:
        raise TransitionRefused(
            _("Benchmark %(number)s is over: its priority does not matter any more.") % {"number": row}
        )
    Benchmark.objects.filter(pk=row.pk).update(priority=value)
    benchmark.priority = value
    record_event(benchmark, "priority", {"priority": priority})
