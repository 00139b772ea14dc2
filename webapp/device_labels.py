"""Labels of workers' devices, such as gpu-large. Free of Django, for the supervisor's command line."""

from __future__ import annotations

import re

LONGEST = 40
PATTERN = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{LONGEST - 1}}}")


def is_label(text: str) -> bool:
    """Whether it may be one: small letters, digits, dots, hyphens and underscores, not a sign first."""
    return PATTERN.fullmatch(text) is not None
