"""Signing in with a user name or with an account number."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from webapp.accounts.models import User


class NameOrNumberBackend(ModelBackend):
    """Accepts the user name (in any case) or the account number; user names never consist of digits alone."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        name_or_number = (username or "").strip()
        if not name_or_number or password is None:
            return None
        user = find_user(name_or_number)
        if user is None:
            # Hash once all the same, so that the answer's time does not tell whether the account exists.
            User().set_password(password)
            return None
        if user.check_password(password) and self.user_can_authenticate(user):
            return user
        return None


def find_user(name_or_number: str) -> User | None:
    """The account with this user name or account number, or None."""
    if name_or_number.isascii() and name_or_number.isdigit():
        number = int(name_or_number)
        return User.objects.filter(account_number=number).first() if number < 2**31 else None
    return User.objects.filter(username__iexact=name_or_number).first()
