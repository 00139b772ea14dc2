"""`record`: the only way in which the audit log is written."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Model
from django.http import HttpRequest, HttpResponse

from webapp.audit.models import AuditEvent
from webapp.common.client_address import client_address
from webapp.common.database import now_plus

SECONDS_A_DAY = timedelta(days=1).total_seconds()
MOST_PURGED_AT_ONCE = 1000
_request: ContextVar[HttpRequest | None] = ContextVar("audited_request", default=None)


class AuditMiddleware:
    """Lets `record` know who asks, and from which address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _request.set(request)
        try:
            return self.get_response(request)
        finally:
            _request.reset(token)


def record(
    kind: AuditEvent.Kind, subject: Model | str = "", *, actor: Any = None, **details: Any
) -> AuditEvent:
    """Notes that something was done, in the transaction in which it is done.

    `actor` is who did it, where it is not the member of the request; `subject` what it was done to. `details` are
    plain values that say more, and never a password, a token or the content of a file.
    """
    request = _request.get()
    if actor is None and request is not None:
        user = getattr(request, "user", None)
        actor = user if user is not None and user.is_authenticated else None
    return AuditEvent.objects.create(
        kind=kind,
        actor=actor if actor is not None and actor.pk else None,
        actor_name=getattr(actor, "username", "") or "",
        address=address_of(request),
        subject=_named(subject)[:200],
        details=details,
    )


def purge_old_events() -> None:
    """Removes what is older than settings.AUDIT_KEPT_DAYS days, some rows at a time."""
    old = AuditEvent.objects.filter(created__lt=now_plus(-SECONDS_A_DAY * settings.AUDIT_KEPT_DAYS))
    some = list(old.order_by("pk").values_list("pk", flat=True)[:MOST_PURGED_AT_ONCE])
    if some:
        AuditEvent.objects.filter(pk__in=some).delete()


def _named(subject: Model | str) -> str:
    """ "benchmark #12 Night run": the kind of thing, its number and its name."""
    if isinstance(subject, str):
        return subject
    # The class's own name and not a translation: the log is read by others than those who act.
    kind, name = (
        subject._meta.model_name,
        getattr(subject, "name", "") or getattr(subject, "username", ""),
    )
    return f"{kind} #{subject.pk} {name}".strip()


def address_of(request: HttpRequest | None) -> str | None:
    """The address as rows have it; None without a request, or where its address is none."""
    try:
        address = client_address(request) if request is not None else None
        return str(ipaddress.ip_address(address)) if address else None
    except ValueError:
        return None
