"""What the two databases do differently, and the one clock that leases go by."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, connection, models
from django.db.models import DateTimeField, ExpressionWrapper, Func
from django.db.models.functions import Now

AWAY = (OperationalError, InterfaceError)
"""Errors of the connection, not of what was asked."""


def now_plus(seconds: float) -> ExpressionWrapper:
    """The database's time in so many seconds: machines' own clocks may differ."""
    return ExpressionWrapper(Now() + timedelta(seconds=seconds), output_field=DateTimeField())


class ClockTime(Func):
    """The database's time at the moment of writing. Now() is when the statement began, which may have waited for a row
    that others kept.
    """

    function = "clock_timestamp"
    arity = 0
    output_field = DateTimeField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Its one writer has not waited inside the statement."""
        return Now().as_sqlite(compiler, connection, **context)


def database_time() -> datetime:
    """What time the database has now (aware)."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT statement_timestamp()")
            return cursor.fetchone()[0]
        cursor.execute("SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')")
        return datetime.fromisoformat(cursor.fetchone()[0])


def locked_skipping(queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
    """Rows for an update, passing over those that somebody else has locked.

    SQLite has one writer at a time (its transactions begin immediate), so there it has nothing to skip.
    """
    if connection.features.has_select_for_update_skip_locked:
        return queryset.select_for_update(skip_locked=True, of=("self",))
    return queryset


def locked(queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
    """Rows for an update, waiting for whoever has them locked."""
    if connection.features.has_select_for_update:
        of = ("self",) if connection.features.has_select_for_update_of else ()
        return queryset.select_for_update(of=of)
    return queryset
