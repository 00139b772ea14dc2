"""The running application that tests drive from outside, and the browser they drive it with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.application import Application, installation
from tests.screenshots import CHROMIUM_OPTIONS


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """One installation for the whole run, not started: the first start has two processors busy for a minute."""
    with installation(tmp_path_factory.mktemp("state")) as application:
        yield application


@contextmanager
def started(application: Application, **environment: str) -> Iterator[Application]:
    """Starts it with these settings on top of its own, and stops it at the end."""
    own = application.environment
    application.environment = own | environment
    application.close_shell()
    try:
        application.start()
        yield application
    finally:
        application.end()
        application.close_shell()
        application.environment = own


@pytest.fixture(scope="module")
def running_application(installed: Application) -> Iterator[Application]:
    """The whole application in processes of its own, for all tests of a module."""
    with started(installed) as application:
        yield application


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("needs Chromium, and there is none on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


def watched_page(context: BrowserContext, complaints: list[str]) -> Page:
    """A page whose script errors and console errors are written to `complaints`."""
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    return page


@pytest.fixture
def page(browser: Browser, running_application: Application) -> Iterator[Page]:
    """A page of the running application in a session of its own; any error in its console fails the test."""
    context = browser.new_context(
        base_url=running_application.base_url, viewport={"width": 1280, "height": 900}
    )
    complaints: list[str] = []
    yield watched_page(context, complaints)
    context.close()
    assert complaints == []
