"""One running application for all tests of pages: each signs up a member of its own, so none sees another's rows."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.application import Application
from tests.system.conftest import started

PASSWORD = "a long pass phrase"


@pytest.fixture(scope="package")
def running_application(installed: Application) -> Iterator[Application]:
    """The whole application in processes of its own, for all pages' tests."""
    with started(installed) as application:
        yield application


def sign_up(page: Page, name: str) -> None:
    """Makes a member of this name, who is then signed in on the page."""
    page.goto("/sign-up/")
    page.fill("#id_username", name)
    page.fill("#id_password", PASSWORD)
    page.fill("#id_password_again", PASSWORD)
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("status").first).to_contain_text("Your account number is")


@pytest.fixture
def member(page: Page) -> str:
    """A new member, signed in on `page`; the name."""
    name = f"member-{secrets.token_hex(4)}"
    sign_up(page, name)
    return name
