"""A member's own settings of a method in Chromium: changed, looked at, saved, found applied, reset."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.system, pytest.mark.browser, pytest.mark.appearance]

DRAWN_SECONDS = 90_000
LAYER = "blocks.4"


def open_settings(page: Page, method: str) -> None:
    page.goto("/models/")
    page.get_by_role("link", name="EfficientNet-Lite0", exact=True).click()
    page.get_by_role("link", name="Method settings").click()
    page.get_by_role("link", name=method, exact=True).click()
    expect(page.get_by_role("heading", name=method, exact=True)).to_be_visible()


def test_own_settings_are_looked_at_saved_applied_and_reset(page: Page, member: str) -> None:
    open_settings(page, "Grad-CAM")
    defaults, edited = page.locator("[data-kind=default] img"), page.locator("[data-kind=edited] img")
    # A cheap method is drawn without being asked for.
    expect(defaults).to_be_visible(timeout=DRAWN_SECONDS)

    page.get_by_label("Find a layer", exact=True).fill("blocks.4 14x14")
    expect(page.locator(".layer-table tr[data-find]:visible").first).to_contain_text("14 × 14")
    page.get_by_role("radio", name=LAYER, exact=True).check()
    expect(page.locator("#settings-state")).to_have_text("Not saved yet.")
    expect(page.locator("[data-setting=layer]")).to_have_class(re.compile("differs"))
    expect(page).to_have_url(re.compile(rf"grad_cam-layer={LAYER}"))
    expect(edited).to_be_visible(timeout=DRAWN_SECONDS)
    assert edited.get_attribute("src") != defaults.get_attribute("src")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Grad-CAM begins with these settings")).to_be_visible()
    expect(page.get_by_role("radio", name=LAYER, exact=True)).to_be_checked()

    model = re.search(r"/models/(\d+)/", page.url)[1]
    page.goto("/studio/")
    page.get_by_role("combobox", name="Model").select_option(label="EfficientNet-Lite0")
    page.get_by_text("Settings of Grad-CAM", exact=True).click()
    layer, note = page.locator("#id_grad_cam-layer"), page.locator(".own-note")
    expect(layer).to_have_value(LAYER)
    expect(note).to_contain_text("your settings")
    note.get_by_role("link", name="Use the defaults").click()
    expect(layer).to_have_value("")
    expect(page).not_to_have_url(re.compile("grad_cam-layer"))
    note.get_by_role("link", name="Use your settings").click()
    expect(layer).to_have_value(LAYER)
    expect(page).to_have_url(re.compile(rf"grad_cam-layer={LAYER}"))

    page.goto(f"/benchmarks/new/?classifier={model}")
    layer = page.locator("[name=method-0-parameter_layer]")
    expect(layer).to_have_value(LAYER)
    page.get_by_role("button", name="Use the defaults").click()
    expect(layer).to_have_value("")
    page.get_by_role("button", name="Use your settings").click()
    expect(layer).to_have_value(LAYER)

    open_settings(page, "Grad-CAM")
    page.get_by_role("button", name="Reset to the defaults").click()
    expect(page.locator("#settings-state")).to_have_text("These are the defaults.")
    page.goto(f"/benchmarks/new/?classifier={model}")
    expect(page.locator("[name=method-0-parameter_layer]")).to_have_value("")


def test_a_value_out_of_its_bounds_is_told_beside_its_field(page: Page, member: str) -> None:
    open_settings(page, "RISE")
    expect(page.locator("#preview-panel")).to_contain_text("drawn only when you press Preview")
    page.get_by_label("Masks", exact=True).fill("0")
    setting = page.locator("[data-setting=masks]")
    expect(setting.locator(".errors")).to_contain_text("greater than or equal to")
    setting.get_by_role("button", name="Reset Masks").click()
    expect(setting.locator(".errors")).to_be_empty()
    expect(page.locator("#settings-state")).to_have_text("These are the defaults.")
