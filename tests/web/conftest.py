"""What all tests of the web application share."""

from __future__ import annotations

import pytest
from django.core.cache import caches


@pytest.fixture(autouse=True)
def nobody_has_asked_yet() -> None:
    """Requests are counted outside the database, where a test's end does not take them back."""
    caches["throttles"].clear()
