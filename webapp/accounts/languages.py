"""The language in which something is kept for a member: reasons that a worker or the reconciler writes into rows."""

from __future__ import annotations

from contextlib import AbstractContextManager

from django.conf import settings
from django.utils import translation

from webapp.accounts.models import User


def in_language_of(member: User | None) -> AbstractContextManager[None]:
    """Texts are in the member's language meanwhile, or in the installation's where there is none."""
    return translation.override(member.language if member and member.language else settings.LANGUAGE_CODE)
