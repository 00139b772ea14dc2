"""What all tests of the web application share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import caches
from django.utils import translation

from workers.node import Node


@pytest.fixture(autouse=True)
def nobody_has_asked_yet() -> None:
    """Requests are counted outside the database, where a test's end does not take them back."""
    caches["throttles"].clear()


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Node:
    """A benchmark worker's process, registered, without its heartbeat's thread."""
    monkeypatch.setenv("SALISCOPE_WORKER_NAME", "worker of today")
    node = Node("benchmark", "cpu")
    node._register()
    return node


@pytest.fixture(autouse=True)
def every_test_begins_in_english() -> Iterator[None]:
    """A page that was asked for in Chinese leaves that language behind in its thread."""
    with translation.override("en"):
        yield
