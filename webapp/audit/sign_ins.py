"""Sign-ins and sign-outs, which Django tells by signals."""

from __future__ import annotations

from typing import Any

from axes.signals import user_locked_out
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver

from webapp.accounts.backends import find_user
from webapp.audit.models import AuditEvent
from webapp.audit.recording import record

UNKNOWN = "an unknown name"
"""What was typed is not kept where there is no such account: it may be a password in the wrong field."""


@receiver(user_logged_in)
def signed_in(user: Any, **_: Any) -> None:
    record(AuditEvent.Kind.SIGNED_IN, actor=user)


@receiver(user_logged_out)
def signed_out(user: Any, **_: Any) -> None:
    if user is not None:
        record(AuditEvent.Kind.SIGNED_OUT, actor=user)


@receiver(user_login_failed)
def sign_in_failed(credentials: dict[str, Any], **_: Any) -> None:
    record(AuditEvent.Kind.SIGN_IN_FAILED, _account(credentials.get("username")))


@receiver(user_locked_out)
def sign_in_closed(username: str | None = None, **_: Any) -> None:
    record(AuditEvent.Kind.SIGN_IN_CLOSED, _account(username))


def _account(typed: str | None) -> str:
    found = find_user((typed or "").strip().removeprefix("#"))
    return f"user #{found.pk} {found.username}" if found else UNKNOWN
