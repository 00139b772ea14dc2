"""Tokens with which scripts sign in: made, recognised and revoked here and nowhere else."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.accounts.models import ApiToken, User
from webapp.audit.models import AuditEvent
from webapp.audit.recording import record

MARK = "sali_"
"""Starts every token, so that people and secret scanners know one when they see it."""
SECRET_BYTES = 32
SHOWN_CHARACTERS = 12
LONGEST_TOKEN = 200
MOST_TOKENS = 50
LAST_USED_EVERY = timedelta(minutes=1)


def create_token(*, owner: User, name: str, expires: datetime | None = None) -> tuple[ApiToken, str]:
    """A new token's row and the token itself, which cannot be had again.

    Raises ValidationError if the member has one of that name, or too many.
    """
    if owner.api_tokens.count() >= MOST_TOKENS:
        raise ValidationError(
            _("You have %(count)d tokens, the most there can be. Revoke one first.") % {"count": MOST_TOKENS}
        )
    text = MARK + secrets.token_urlsafe(SECRET_BYTES)
    token = ApiToken(
        owner=owner, name=name, prefix=text[:SHOWN_CHARACTERS], sha256=sha256_of(text), expires=expires
    )
    token.full_clean()
    token.save()
    record(AuditEvent.Kind.TOKEN_CREATED, token, beginning=token.prefix)
    return token, text


def find_token(text: str) -> ApiToken | None:
    """The token's row with its owner, if it is known, has not expired, and the account is open; else None."""
    if not text.startswith(MARK) or len(text) > LONGEST_TOKEN:
        return None
    token = ApiToken.objects.select_related("owner").filter(sha256=sha256_of(text)).first()
    return None if token is None or token.is_expired or not token.owner.is_active else token


def note_use(token: ApiToken) -> None:
    """Keeps when the token was last used, to the minute: not every request should write."""
    now = timezone.now()
    if token.last_used is None or now - token.last_used >= LAST_USED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used=now)


def revoke_token(token: ApiToken) -> None:
    """The token is refused from now on."""
    record(AuditEvent.Kind.TOKEN_REVOKED, token, beginning=token.prefix)
    token.delete()


def revoke_all_tokens(owner: User) -> int:
    """All of a member's tokens are refused from now on; how many there were."""
    tokens = list(owner.api_tokens.all())
    for token in tokens:
        revoke_token(token)
    return len(tokens)


def sha256_of(text: str) -> str:
    """What is kept of a token. Its 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(text.encode()).hexdigest()
