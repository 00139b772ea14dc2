"""The language in which something is kept for a member (reasons that a worker or the reconciler writes into rows), and
how sentences follow each other in the reader's.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from django.conf import settings
from django.utils import translation

from webapp.accounts.models import User


def in_language_of(member: User | None) -> AbstractContextManager[None]:
    """Texts are in the member's language meanwhile, or in the installation's where there is none."""
    return translation.override(member.language if member and member.language else settings.LANGUAGE_CODE)


def between_sentences() -> str:
    """A space, none in Chinese, whose full stop and colon are as wide as a character."""
    return "" if (translation.get_language() or "").startswith("zh") else " "
