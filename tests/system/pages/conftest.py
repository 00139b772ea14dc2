"""One running application for all tests of pages: each signs up a member of its own, so none sees another's rows."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.application import Application
from tests.system.conftest import started

PASSWORD = "a long pass phrase"
# Milliseconds until a worker has looked at a model or a data set: in the minute after a first start it has other things
# to do, and the machine may be busy.
LOOKED_AT = 120_000
# The way through the form takes two seconds; test_journey.py goes it.
NEW_MEMBER = """
from django.test import Client
from webapp.accounts.services import sign_up
client = Client()
client.force_login(sign_up(username={name!r}, password={password!r}), "webapp.accounts.backends.NameOrNumberBackend")
print(client.cookies["sessionid"].value)
"""


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
def member(page: Page, running_application: Application) -> str:
    """A new member, signed in on `page`; the name."""
    name = f"member-{secrets.token_hex(4)}"
    session = running_application.shell(NEW_MEMBER.format(name=name, password=PASSWORD)).strip()
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": running_application.base_url}])
    page.goto("/")
    return name
