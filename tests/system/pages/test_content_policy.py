"""What the Content-Security-Policy would break: charts, Swagger UI, the admin. A violation is an error in the console,
and the fixture `page` lets none pass.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.application import Application
from tests.system.pages.conftest import PASSWORD
from tests.system.pages.test_benchmark_pages import MEASURED_WITHIN

pytestmark = [pytest.mark.system, pytest.mark.browser, pytest.mark.appearance]

ADD_ADMINISTRATOR = """
from webapp.accounts.models import User
User.objects.filter(username={name!r}).update(is_staff=True, is_superuser=True)
"""


def test_charts_have_their_styles_without_inline_ones(page: Page, member: str) -> None:
    page.goto("/benchmarks/new/?method=random_map&experiment=insertion_deletion&number_of_images=2")
    page.get_by_role("button", name="Queue the benchmark").last.click()
    expect(page.locator("#live .state")).to_have_text("Succeeded", timeout=MEASURED_WITHIN)
    answer = page.reload()
    assert "style-src 'self';" in answer.headers["content-security-policy"]
    chart = page.locator("[data-curve]").first
    expect(chart.locator(".main-svg").first).to_be_visible()
    # From Plotly's own rules, which it inserts into a sheet, and from a style that it sets as an attribute.
    assert chart.locator(".svg-container").evaluate("node => getComputedStyle(node).position") == "relative"
    assert chart.locator(".main-svg").nth(1).evaluate("node => getComputedStyle(node).position") == "absolute"
    assert page.locator("style").count() == 0
    chart.hover(position={"x": 200, "y": 100})
    expect(chart.locator(".hoverlayer .hovertext").first).to_be_visible()
    assert chart.locator(".hoverlayer").evaluate("node => getComputedStyle(node).pointerEvents") == "none"


def test_the_admin_has_no_inline_styles(page: Page, member: str, running_application: Application) -> None:
    running_application.shell(ADD_ADMINISTRATOR.format(name=member))
    page.goto("/admin/accounts/user/")
    expect(page.locator("#result_list")).to_be_visible()
    page.goto("/admin/accounts/user/add/")
    page.fill("#id_username", f"{member}-new")
    page.fill("#id_password1", PASSWORD)
    page.fill("#id_password2", PASSWORD)
    page.click("[name=_continue]")
    expect(page.locator("#content h1").first).to_be_visible()
