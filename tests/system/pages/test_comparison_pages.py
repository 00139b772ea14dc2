"""Comparing results, and backups, in Chromium with processes that really run."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.system, pytest.mark.browser]


def queued(page: Page, *methods: str) -> int:
    """A benchmark of the Shapes CNN on a few shapes, queued through the API as the page's own member."""
    return page.evaluate(
        """async (methods) => {
            const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
            const ask = async (path, data) => (await fetch("/api/v1/" + path, {
                method: data ? "POST" : "GET",
                headers: { "X-CSRFToken": token, "Content-Type": "application/json" },
                body: data && JSON.stringify(data),
            })).json();
            const named = async (path, name) => (await ask(path)).results.find((each) => each.name === name).id;
            return (await ask("benchmarks", {
                classifier: await named("classifiers", "Shapes CNN"),
                dataset: await named("datasets", "Shapes"),
                number_of_images: 4,
                methods: methods.map((key) => ({ key })),
                experiments: [{ experiment: "sparsity", protocol: "gini@1" }],
            })).id;
        }""",
        list(methods),
    )


def until_done(page: Page, number: int) -> None:
    page.goto(f"/benchmarks/{number}/")
    expect(page.locator("[data-live=state]")).to_contain_text("Succeeded", timeout=120_000)


def test_results_are_compared_side_by_side(page: Page, member: str) -> None:
    first, second = queued(page, "grad_cam", "layer_cam"), queued(page, "grad_cam_plus_plus")
    until_done(page, first)
    until_done(page, second)
    page.goto(f"/benchmarks/compare/?benchmark={first}&result={second}.0")
    expect(page.locator(".picked li")).to_have_count(3)
    expect(page.locator("table.matrix tbody tr")).to_have_count(3)
    expect(page.get_by_role("heading", name="Paired differences")).to_be_visible()
    expect(page.locator("[data-points] .main-svg").first).to_be_visible()
    # Few results: their maps are drawn at once.
    expect(page.locator(".parallel [data-map] img").first).to_be_visible(timeout=120_000)
    page.get_by_role("link", name=f"Remove LayerCAM of #{first}").click()
    expect(page.locator(".picked li")).to_have_count(2)
    page.fill("#picker-text", "layer-cam")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="LayerCAM", exact=True).click()
    expect(page.locator(".picked li")).to_have_count(3)
    assert f"result={first}.1" in page.url


def test_a_backup_is_made_and_taken_away(page: Page, member: str, tmp_path: Path) -> None:
    page.goto("/account/backup/")
    page.get_by_role("button", name="Make a backup").click()
    expect(page.get_by_role("link", name="Download")).to_be_visible(timeout=120_000)
    with page.expect_download() as found:
        page.get_by_role("link", name="Download").click()
    found.value.save_as(tmp_path / "backup.zip")
    with zipfile.ZipFile(tmp_path / "backup.zip") as archive:
        assert member in archive.read("README.txt").decode()
    page.set_input_files("#id_file", tmp_path / "backup.zip")
    page.get_by_role("button", name="Restore").click()
    expect(page.locator(".restoring")).to_contain_text("0 benchmarks restored", timeout=120_000)
