"""The page of workers and the page of the API's description in Chromium, with the workers that really run."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.application import Application

pytestmark = [pytest.mark.system, pytest.mark.browser]

ADMINISTRATOR = """
from webapp.accounts.models import User
User.objects.filter(username="{name}").update(is_staff=True)
"""


def test_running_workers_are_listed(page: Page, member: str) -> None:
    page.goto("/workers/")
    benchmark = page.get_by_role("row").filter(has_text="benchmark-cpu@")
    expect(benchmark).to_have_count(1)
    expect(page.get_by_role("row").filter(has_text="studio@")).to_have_count(1)
    expect(benchmark).to_contain_text(re.compile(r"\d+\.\d / \d+\.\d GiB"))
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)


def test_every_entry_of_the_bar_is_in_sight_on_a_phone(page: Page, member: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/workers/")
    entries = page.locator(".topnav a")
    expect(entries).to_have_count(6)
    for entry in entries.all():
        box = entry.bounding_box()
        assert box is not None
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390, entry.inner_text()
        assert box["height"] >= 40
    # Where it is wider than the window, it is moved to the page's own entry.
    page.set_viewport_size({"width": 240, "height": 844})
    page.goto("/workers/")
    box = page.locator(".topnav [aria-current]").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 241


def test_heartbeats_are_true_without_a_reload(page: Page, member: str) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto("/workers/")
    page.evaluate("window.never_reloaded = true")
    page.wait_for_timeout(9_000)
    ages = [int(text.split()[0]) for text in page.locator("[data-age]").all_inner_texts()]
    assert len(ages) == 2
    assert max(ages) < 15
    assert page.evaluate("window.never_reloaded")
    # A change is fetched at most every two seconds.
    assert 1 <= sum(url.endswith("/workers/live/") for url in requests) <= 6


def test_administrators_pause_a_worker_and_let_it_go_on(
    page: Page, member: str, running_application: Application
) -> None:
    running_application.shell(ADMINISTRATOR.format(name=member))
    page.goto("/workers/")
    row = page.get_by_role("row").filter(has_text="studio@")
    row.get_by_role("button", name="Pause").click()
    expect(row).to_contain_text("paused")
    row.get_by_role("button", name="Go on").click()
    expect(row).to_contain_text("working")


def test_the_admin_has_the_theme_of_the_application(
    page: Page, member: str, running_application: Application
) -> None:
    running_application.shell(ADMINISTRATOR.format(name=member))
    cookie = {"name": "theme", "url": running_application.base_url}
    page.context.add_cookies([{**cookie, "value": "dark"}])
    page.goto("/admin/")
    theme = page.locator("html")
    expect(theme).to_have_attribute("data-theme", "dark")
    # Its own switch goes on working.
    page.locator(".theme-toggle").first.click()
    expect(theme).not_to_have_attribute("data-theme", "dark")
    page.reload()
    expect(theme).not_to_have_attribute("data-theme", "dark")
    page.context.add_cookies([{**cookie, "value": "light"}])
    page.goto("/admin/")
    expect(theme).to_have_attribute("data-theme", "light")


def test_badges_of_the_api_can_be_read(page: Page, member: str, running_application: Application) -> None:
    """White words need the badge's own ground, in the light theme too."""
    page.context.add_cookies([{"name": "theme", "value": "light", "url": running_application.base_url}])
    page.goto("/api/v1/docs")
    badge = page.locator(".info .title small pre.version").first
    expect(badge).to_be_visible()
    assert badge.evaluate("(element) => getComputedStyle(element).backgroundColor") == "rgba(0, 0, 0, 0)"


def test_swagger_page_works_without_a_cdn(page: Page, member: str, running_application: Application) -> None:
    """Any refusal of the content security policy is an error in the console, which the page's fixture does not let
    pass.
    """
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    page.goto("/api/v1/docs")
    page.get_by_role("link", name="/api/v1/queue", exact=True).click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    answered = page.locator(".live-responses-table td.response-col_status:not(.col_header)")
    expect(answered.first).to_contain_text("200")
    own = (running_application.base_url, "data:", "blob:")
    assert [address for address in addresses if not address.startswith(own)] == []
