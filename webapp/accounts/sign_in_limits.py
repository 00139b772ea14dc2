"""Limits on failed sign-ins, on top of those of django-axes (settings.security)."""

from __future__ import annotations

from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest
from django.utils import timezone

from webapp.accounts.backends import find_user


def counted_name(request: HttpRequest | None, credentials: dict[str, Any] | None = None) -> str:
    """Under which name failed attempts count: an account has one, however it is spelt, by name or by number.

    Otherwise "alice", "Alice" and her account number would be counted apart, and each spelling have attempts of its
    own.
    """
    typed = (credentials or {}).get("username") or (request.POST.get("username", "") if request else "")
    name = str(typed).strip()
    found = find_user(name) if name else None
    return f"#{found.account_number}" if found else name.lower()[:150]


def is_closed_for_all(request: HttpRequest | None, typed: str) -> bool:
    """Whether so many attempts on one account failed, from all addresses together, that it is closed for a while.

    One address alone cannot bring that about: it is closed out itself long before.
    """
    name = counted_name(request, {"username": typed})
    recent = AccessAttempt.objects.filter(
        username=name, attempt_time__gte=timezone.now() - settings.AXES_COOLOFF_TIME
    )
    failures = recent.aggregate(failures=Sum("failures_since_start"))["failures"] or 0
    return bool(failures >= settings.SIGN_IN_FAILURES_OF_AN_ACCOUNT)
