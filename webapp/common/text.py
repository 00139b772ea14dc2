"""Text that a database keeps, and numbers of rows in what is sent."""

from __future__ import annotations

import re

from django.utils.translation import gettext_lazy as _

UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""NUL, which PostgreSQL does not keep, and halves of pairs of surrogates, which are no text."""
CANNOT_BE_KEPT = _("This has characters that can't be kept. Type it again.")


def storable(text: str) -> str:
    """The text without those characters: what is looked for has none of them."""
    return UNSTORABLE.sub("", text)


def row_number(text: str) -> int | None:
    """The number of a row that an address or a form names; None where it is none that a database takes."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None
