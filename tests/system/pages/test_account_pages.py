"""Account, start page, help, keys and notices in Chromium."""

from __future__ import annotations

import re
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.application import Application
from tests.system.conftest import watched_page
from tests.system.pages.conftest import PASSWORD
from tests.system.pages.page_table import find_rows, queue_benchmark

pytestmark = [pytest.mark.system, pytest.mark.browser, pytest.mark.appearance]
NEW = "another long pass phrase"


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.goto("/sign-in/")
    page.fill("#id_username", name)
    page.fill("#id_password", password)
    page.get_by_role("button", name="Sign in").click()


def test_name_and_password_are_changed_and_other_browsers_sign_in_again(
    page: Page, member: str, browser: Browser, running_application: Application
) -> None:
    other = browser.new_context(base_url=running_application.base_url)
    complaints: list[str] = []
    elsewhere = watched_page(other, complaints)
    sign_in(elsewhere, member)
    expect(elsewhere).to_have_url(f"{running_application.base_url}/")

    page.goto("/account/")
    page.fill("#id_username", f"{member}.new")
    page.fill("#id_email", "member@example.org")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your account is changed.")).to_be_visible()

    page.fill("#id_old_password", PASSWORD)
    page.fill("#id_new_password1", NEW)
    page.get_by_role("button", name="Show").nth(1).click()
    expect(page.locator("#id_new_password1")).to_have_attribute("type", "text")
    page.fill("#id_new_password2", NEW)
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_text("The password is changed.")).to_be_visible()

    elsewhere.goto("/workers/?x=1")
    expect(elsewhere.get_by_role("heading", name="Sign in")).to_be_visible()
    elsewhere.fill("#id_username", f"{member}.new")
    elsewhere.fill("#id_password", NEW)
    elsewhere.get_by_role("button", name="Sign in").click()
    expect(elsewhere).to_have_url(f"{running_application.base_url}/workers/?x=1")

    page.get_by_role("button", name="Sign out everywhere else").click()
    expect(page.get_by_text("Everywhere else you are signed out.")).to_be_visible()
    elsewhere.goto("/account/")
    expect(elsewhere.get_by_role("heading", name="Sign in")).to_be_visible()
    assert complaints == []
    other.close()


def test_start_page_says_what_to_do_first(page: Page, member: str) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", name="Choose a model")).to_be_visible()
    page.get_by_role("link", name="What can be measured").click()
    page.get_by_role("link", name="Pointing game", exact=True).click()
    expect(page.get_by_text("pointing-game/thesis@1")).to_be_visible()


def test_keys_lead_to_sections_and_can_be_switched_off(page: Page, member: str) -> None:
    page.goto("/")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard")
    expect(dialog).to_be_visible()
    # The keyboard stays within it.
    for _time in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body || !!document.activeElement.closest('#shortcuts')"
        )
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    for keys, address in (("gm", "/models/"), ("gw", "/workers/"), ("n", "/benchmarks/new/"), ("gh", "/")):
        for key in keys:
            page.keyboard.press(key)
        # The whole address: every one of them ends like the start page's.
        expect(page).to_have_url(re.compile(f"^http://[^/]+{address}$"))
        page.wait_for_load_state()  # What listens to keys is there.
    page.goto("/account/")
    # Nothing happens while one types.
    page.locator("#id_email").press_sequentially("gwn?")
    expect(page.locator("#id_email")).to_have_value("gwn?")
    expect(dialog).to_be_hidden()
    page.fill("#id_email", "")
    page.get_by_label("Single-key shortcuts").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your account is changed.")).to_be_visible()
    page.locator("h1").click()
    page.keyboard.press("?")
    page.keyboard.press("n")
    expect(page).to_have_url(re.compile("/account/$"))
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_finished_benchmark_is_told_on_any_page(page: Page, member: str) -> None:
    rows = find_rows(page)
    page.goto("/help/glossary/")
    title = page.title()
    benchmark = queue_benchmark(page, rows, "sparsity")
    expect(page.locator("#member-live")).to_contain_text("has succeeded", timeout=120_000)
    expect(page).to_have_title(re.compile(f"^Benchmark #{benchmark}.* has succeeded · "))
    page.get_by_role("button", name="Dismiss").click()
    expect(page).to_have_title(title)
    # Told once: the next page of this tab has nothing new.
    page.goto("/workers/")
    expect(page.get_by_role("row").filter(has_text="studio@")).to_be_visible()
    expect(page.locator("#member-live .live-notice")).to_have_count(0)


def test_notifications_of_the_browser_are_asked_for_by_a_button(page: Page, member: str) -> None:
    page.context.grant_permissions(["notifications"])
    page.goto("/account/")
    page.get_by_role("button", name="Notify me").click()
    expect(page.get_by_text("This browser notifies you")).to_be_visible()
    page.get_by_role("button", name="Stop notifying me").click()
    expect(page.get_by_text("This browser can notify you")).to_be_visible()


def test_a_page_without_scripts_still_changes_the_account(
    browser: Browser, running_application: Application, page: Page, member: str
) -> None:
    plain = browser.new_context(
        base_url=running_application.base_url,
        java_script_enabled=False,
        storage_state=page.context.storage_state(),
    )
    without = plain.new_page()
    without.goto("/account/")
    without.fill("#id_email", "no-scripts@example.org")
    without.get_by_role("button", name="Save").click()
    expect(without.locator("#id_email")).to_have_value("no-scripts@example.org")
    without.goto("/help/keyboard/")
    expect(without.get_by_role("link", name="New benchmark")).to_be_visible()
    plain.close()


def test_what_is_too_big_is_told_by_a_page_of_the_application(running_application: Application) -> None:
    address = urlsplit(running_application.base_url)
    # A browser would not announce more than it sends.
    connection = HTTPConnection(address.hostname, address.port, timeout=30)
    connection.putrequest("POST", "/models/import/")
    connection.putheader("Content-Length", str(5 * 1024**3))
    connection.putheader("Cookie", "django_language=zh-hans")
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert "一次发送的内容过多" in answer.read().decode()
    connection.close()
