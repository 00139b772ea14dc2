"""Importing models in Chromium, with the real worker and its sandbox."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.core.classifiers.onnx_networks import SIZE, export, small_cnn
from tests.system.pages.conftest import LOOKED_AT

pytestmark = [pytest.mark.system, pytest.mark.browser]


def squeezenet(folder: Path) -> Path:
    from saliency_core.classifiers.architectures import Architecture, build
    from saliency_core.lazy import torch

    torch.manual_seed(0)
    path = folder / "squeezenet.pth"
    torch.save(build(Architecture("torchvision", "squeezenet1_1"), 3).state_dict(), path)
    return path


def test_an_onnx_file_is_imported_and_looked_at(page: Page, member: str, tmp_path: Path) -> None:
    path = export(small_cnn(), tmp_path / "small.onnx")
    (tmp_path / "names.txt").write_text("cat\ndog\nbird\nfish\n")
    page.goto("/models/")
    page.get_by_role("link", name="Import a model").click()
    page.fill("#id_name", "My network")
    page.select_option("#id_library", "onnx")
    page.set_input_files("#id_weights", path)
    page.set_input_files("#id_class_names", tmp_path / "names.txt")
    page.select_option("#id_output_activation", "sigmoid")
    page.fill("#id_size", str(SIZE))
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("heading", name="My network")).to_be_visible()
    expect(page.get_by_role("status").first).to_contain_text("was uploaded")
    # Pushed by the socket: nothing is clicked.
    expect(page.locator(".model-state")).to_contain_text("Ready", timeout=LOOKED_AT)
    expect(page.locator("#models")).to_contain_text("covers every layer")
    expect(page.locator("#models")).to_contain_text("sigmoid")
    expect(page.locator(".predictions")).to_contain_text("fish")
    expect(page.get_by_role("table").last).to_contain_text("second/Conv")


def test_weights_are_imported_for_an_architecture_that_was_searched(
    page: Page, member: str, tmp_path: Path
) -> None:
    page.goto("/models/import/")
    page.fill("#id_name", "Squeezed")
    page.locator("#id_architecture").press_sequentially("squeeze 1_1", delay=20)
    page.get_by_role("button", name=re.compile("^squeezenet1_1 torchvision")).click()
    expect(page.locator("#id_architecture")).to_have_value("squeezenet1_1")
    expect(page.locator("#id_size")).to_have_value("224")
    expect(page.locator("#id_mean")).to_have_value("0.485, 0.456, 0.406")
    # What is filled in by hand stays; the rest follows the name that is typed.
    page.fill("#id_std", "0.25, 0.25, 0.25")
    page.fill("#id_architecture", "inception_v3")
    expect(page.locator("#id_size")).to_have_value("299")
    page.fill("#id_architecture", "squeezenet1_1")
    expect(page.locator("#id_size")).to_have_value("224")
    expect(page.locator("#id_pipeline")).to_have_value("resize_crop")
    expect(page.locator("#id_std")).to_have_value("0.25, 0.25, 0.25")
    page.set_input_files("#id_weights", squeezenet(tmp_path))
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("heading", name="Squeezed")).to_be_visible()
    expect(page.locator(".model-state")).to_contain_text("Ready", timeout=LOOKED_AT)
    page.get_by_role("link", name="Change the preprocessing").click()
    expect(page.locator("#id_std")).to_have_value("0.25, 0.25, 0.25")
    expect(page.locator("main")).to_contain_text("No benchmark uses the model yet")
    page.fill("#id_std", "")
    page.select_option("#id_pipeline", "squash")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("A worker looks at the model again.")
    expect(page.locator("#models")).to_contain_text("0.229, 0.224, 0.225")
    # The report is made anew, pushed by the socket.
    expect(page.locator("#models")).to_contain_text(
        "What it sees in the sample photographs", timeout=LOOKED_AT
    )
    page.get_by_role("link", name="Rename or share").click()
    page.get_by_label("Share with the lab").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#models")).to_contain_text("shared")
    page.get_by_role("link", name="Delete").click()
    expect(page.locator("main")).to_contain_text("go for good")
    page.get_by_role("button", name="Delete this model").click()
    expect(page.get_by_role("status").first).to_contain_text("was deleted")


def test_a_refused_form_keeps_the_chosen_file(
    page: Page, browser: Browser, member: str, tmp_path: Path
) -> None:
    # In a context that is not watched: Chromium writes an answer of 422 to the console as an error.
    base = page.url.partition("/account")[0]
    context = browser.new_context(base_url=base, storage_state=page.context.storage_state())
    form = context.new_page()
    form.goto("/models/import/")
    form.fill("#id_name", "Net")
    form.select_option("#id_library", "onnx")
    form.set_input_files("#id_weights", export(small_cnn(), tmp_path / "small.onnx"))
    form.fill("#id_mean", "0.5, 0.5")
    form.get_by_role("button", name="Import").click()
    expect(form.locator("#id_mean_error")).to_contain_text("three numbers")
    form.fill("#id_mean", "0.5, 0.5, 0.5")
    form.get_by_role("button", name="Import").click()
    expect(form.get_by_role("heading", name="Net")).to_be_visible()
    context.close()


def test_the_list_is_narrowed_and_its_address_says_so(page: Page, member: str) -> None:
    page.goto("/models/")
    page.get_by_label("Search").press_sequentially("efficientnet")
    expect(page.locator("#models tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"q=efficientnet"))
    page.reload()
    expect(page.locator("#models tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Show all").click()
    expect(page.locator("#models tbody tr").nth(3)).to_be_visible()
