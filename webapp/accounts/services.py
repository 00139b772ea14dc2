"""What is done to accounts."""

from __future__ import annotations

from webapp.accounts.models import User


def sign_up(*, username: str, password: str, language: str = "") -> User:
    """Creates an account with the next free account number.

    Raises ValidationError if the name is taken, or consists of digits only.
    """
    user = User(username=username, language=language)
    user.set_password(password)
    user.full_clean(exclude=["account_number", "password"])
    user.save()
    return user
