"""Every page, light and dark, wide and narrow: axe-core finds nothing serious, and nothing is wider than the window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState

from tests.application import Application
from tests.system.pages.conftest import sign_up
from tests.system.pages.page_table import ADMINISTRATOR, ADMINISTRATORS, MEMBERS, VISITORS, furnish

pytestmark = [pytest.mark.system, pytest.mark.browser, pytest.mark.long]
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
# Swagger UI nests its buttons; it is not ours to change.
SERIOUS = """async () => (await axe.run({ exclude: [".swagger-ui"] }, { resultTypes: ["violations"] })).violations
  .filter((each) => ["serious", "critical"].includes(each.impact))
  .map((each) => `${each.id}: ${each.nodes.slice(0, 5).map((node) => node.html.slice(0, 160)).join(" | ")}`)"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Every width and every theme; the two other pairs hardly ever find something that these do not.
VARIANTS = [(1280, "light"), (390, "dark")]


@pytest.fixture(scope="module")
def signed_in(
    browser: Browser, running_application: Application
) -> tuple[StorageState, StorageState, dict[str, str]]:
    """The sessions of a member and of an administrator, and rows that pages show."""
    context = browser.new_context(base_url=running_application.base_url)
    page = context.new_page()
    sign_up(page, "every-page")
    rows = furnish(page)
    member = context.storage_state()
    context.clear_cookies()
    sign_up(page, "every-page-admin")
    running_application.shell(ADMINISTRATOR.format("every-page-admin"))
    administrator = context.storage_state()
    context.close()
    return member, administrator, rows


def walk(context: BrowserContext, addresses: dict[str, str], theme: str, width: int) -> Iterator[str]:
    """What is wrong, with the page it is wrong on."""
    page: Page = context.new_page()
    for name, address in addresses.items():
        page.goto(address)
        page.evaluate(AXE)
        for problem in page.evaluate(SERIOUS):
            yield f"{name} ({width}, {theme}): {problem}"
        if (over := page.evaluate(OVERFLOW)) > 0:
            yield f"{name} ({width}, {theme}): {over} pixels wider than the window"


@pytest.mark.parametrize(("width", "theme"), VARIANTS)
def test_no_page_shuts_anybody_out(
    browser: Browser,
    running_application: Application,
    signed_in: tuple[StorageState, StorageState, dict[str, str]],
    width: int,
    theme: str,
) -> None:
    member, administrator, rows = signed_in
    problems: list[str] = []
    for addresses, session in ((VISITORS, None), (MEMBERS, member), (ADMINISTRATORS, administrator)):
        context = browser.new_context(
            base_url=running_application.base_url,
            viewport={"width": width, "height": 844},
            storage_state=session,
            # axe-core is written into the page, which the pages' own policy would not allow.
            bypass_csp=True,
        )
        cookie = {"name": "theme", "value": theme, "url": running_application.base_url}
        context.add_cookies([cookie])
        filled = {name: address.format_map(rows) for name, address in addresses.items()}
        problems += walk(context, filled, theme, width)
        context.close()
    assert problems == []
