"""What is done to accounts."""

from __future__ import annotations

from typing import Any

from django.utils.crypto import get_random_string

from webapp.accounts.models import User
from webapp.audit.models import AuditEvent
from webapp.audit.recording import record

SESSION_KEY_LENGTH = 32
CHANGEABLE = ("username", "email", "language", "theme", "keyboard_shortcuts")


def sign_up(*, username: str, password: str, language: str = "") -> User:
    """Creates an account with the next free account number.

    Raises ValidationError if the name is taken, or consists of digits only.
    """
    user = User(username=username, language=language)
    user.set_password(password)
    user.full_clean(exclude=["account_number", "password"])
    user.save()
    record(AuditEvent.Kind.SIGNED_UP, user, actor=user)
    return user


def change_account(user: User, **changes: Any) -> None:
    """Changes what a member may change of their account: the names in CHANGEABLE.

    Raises ValidationError for a name that is taken or consists of digits only, and for what is no e-mail address,
    language or theme; then nothing is changed.
    """
    unknown = changes.keys() - set(CHANGEABLE)
    if unknown:
        raise TypeError(f"{', '.join(sorted(unknown))} cannot be changed here.")
    # A copy, so that a refusal leaves the page's own user as it is.
    changed = User.objects.get(pk=user.pk)
    for name, value in changes.items():
        setattr(changed, name, value)
    others = {field.name for field in User._meta.fields} - changes.keys()
    changed.full_clean(exclude=others - {"username"})
    changed.save(update_fields=list(changes))
    for name in changes:
        setattr(user, name, getattr(changed, name))


def sign_out_everywhere(user: User) -> None:
    """Ends all sessions of the account; open sockets get nothing more. API tokens are not sessions and stay.

    The session in which this is asked for goes on if the view calls `update_session_auth_hash` afterwards.
    """
    user.session_key = get_random_string(SESSION_KEY_LENGTH)
    user.save(update_fields=["session_key"])
    record(AuditEvent.Kind.SIGNED_OUT_EVERYWHERE, user)
