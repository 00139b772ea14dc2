"""The page of workers in Chromium, with the workers that really run."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.system, pytest.mark.browser]


def test_running_workers_are_listed(page: Page, member: str) -> None:
    page.goto("/workers/")
    expect(page.get_by_role("row").filter(has_text="Benchmarks")).to_have_count(1)
    expect(page.get_by_role("row").filter(has_text="Studio")).to_have_count(1)
