"""The studio in Chromium: from an image to its maps, their curves, cut-outs and files, drawn by the real worker."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from saliency_core.scoring.canvas import blurred_canvas
from saliency_core.scoring.ranking import pixel_ranks

pytestmark = [pytest.mark.system, pytest.mark.browser, pytest.mark.appearance]
DRAWN = 25_000  # milliseconds


def value_of(page: Page, name: str) -> str | None:
    """What the page's address says."""
    value: str | None = page.evaluate(f"new URLSearchParams(location.search).get({name!r})")
    return value


def choose_image(page: Page, *methods: str, mode: str = "", model: str = "Shapes CNN") -> None:
    """The first image of the data set that fits the model, which is quick unless another one is named."""
    page.goto(f"/studio/{mode}?" + "&".join(f"method={method}" for method in methods))
    page.get_by_role("combobox", name="Model").select_option(label=model)
    page.wait_for_url("**model=**")
    page.locator(".thumbnails a").first.click()
    expect(page.locator(".top-classes a")).to_have_count(5, timeout=DRAWN)


def generate(page: Page) -> None:
    page.get_by_role("button", name="Generate").click()
    page.wait_for_url("**/studio/**model=**")


def shown_pixels(page: Page, tile: int = 0) -> np.ndarray:
    """RGBA [H, W, 4] of a tile's canvas."""
    flat = page.evaluate(
        """(tile) => {
          const canvas = document.querySelectorAll(".pane-map canvas")[tile];
          return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
        }""",
        tile,
    )
    return np.array(flat, np.uint8).reshape(224, 224, 4)


@pytest.mark.slow
def test_from_an_image_to_maps_curves_and_a_permalink(page: Page, member: str) -> None:
    choose_image(page, "grad_cam", "gradient")
    expect(page.locator(".top-classes a").first).to_contain_text("%")
    generate(page)
    # Maps appear without a reload, one by one.
    expect(page.locator(".pane-map canvas")).to_have_count(2, timeout=DRAWN)
    page.locator(".pane-map canvas").first.wait_for()
    expect(page.locator(".tile").first).to_contain_text("1 forward, 1 backward")
    page.locator("#views label", has_text="Heat map").click()
    page.locator("#toolbar [name=colours]").select_option("viridis")
    page.locator("#toolbar [name=high]").fill("90")
    expect(page.locator("#view-note")).to_contain_text("0 to its own 90 percentile")
    assert (value_of(page, "view"), value_of(page, "colours"), value_of(page, "high")) == (
        "heat",
        "viridis",
        "90",
    )
    # The same place is looked at in every map.
    picture = page.locator(".pane-map canvas").first
    picture.hover(position={"x": 50, "y": 60})
    expect(page.locator(".tile-value").nth(0)).to_contain_text(" at ")
    expect(page.locator(".tile-value").nth(1)).to_contain_text(" at ")
    picture.focus()
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.getElementById('studio').style.getPropertyValue('--zoom')") == "1.25"
    page.keyboard.press("0")
    address = page.url
    page.goto(address)
    expect(page.locator("#views [value=heat]")).to_be_checked()
    expect(page.locator(".pane-map canvas:visible")).to_have_count(2)


def test_a_method_is_compared_with_itself(page: Page, member: str) -> None:
    choose_image(page, "grad_cam")
    generate(page)
    expect(page.locator(".pane-map canvas:visible")).to_have_count(1, timeout=DRAWN)
    page.get_by_text("Settings of Grad-CAM").click()
    page.get_by_role("link", name="Add Grad-CAM once more, with other settings").click()
    page.wait_for_url("**method=grad_cam.2**")
    layer = page.locator("[name='grad_cam.2-layer']")
    expect(layer).to_be_visible()
    other = layer.locator("option").nth(3).get_attribute("value") or ""
    layer.select_option(other)
    assert value_of(page, "grad_cam.2-layer") == other
    generate(page)
    titles = page.locator(".tile h3")
    expect(titles).to_have_count(2)
    expect(titles.nth(1)).to_have_text(f"Grad-CAM (layer {other})")
    # Renewed by the socket it still says which one it is.
    expect(page.locator(".pane-map canvas:visible")).to_have_count(2, timeout=DRAWN)
    expect(titles.nth(1)).to_have_text(f"Grad-CAM (layer {other})")
    assert (shown_pixels(page, 0) != shown_pixels(page, 1)).any()
    page.goto(page.url)
    expect(titles.nth(1)).to_have_text(f"Grad-CAM (layer {other})")
    expect(page.locator(".pane-map canvas:visible")).to_have_count(2)


@pytest.mark.slow
def test_the_perturbed_image_is_the_one_that_is_scored(page: Page, member: str) -> None:
    choose_image(page, "grad_cam")
    generate(page)
    expect(page.locator(".mini-chart")).to_have_count(1, timeout=2 * DRAWN)
    slider = page.locator(".scrubber")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#views [value=deletion]")).to_be_checked()
    expect(page.locator("#step-shown")).to_have_text("step 3 of 112, 2.7 % of the pixels")
    assert (value_of(page, "view"), value_of(page, "step")) == ("deletion", "3")
    slider.fill("30")
    expect(page.locator("#step-shown")).to_contain_text("step 30 of 112")
    map_id = page.locator(".tile").get_attribute("data-map")
    rows = list(csv.DictReader(io.StringIO(page.request.get(f"/maps/{map_id}/curves.csv").text())))
    assert len(rows) == 113
    expect(page.locator(".at-value")).to_have_text(f"probability {float(rows[30]['deletion']):.4f}")

    seen_png = page.request.get(page.locator("#studio").get_attribute("data-frame") or "").body()
    seen = np.asarray(Image.open(io.BytesIO(seen_png)).convert("RGB"))
    values = np.load(io.BytesIO(page.request.get(f"/maps/{map_id}/map.npy").body()))
    expected = scored(seen, values, step=30, deletion=True)
    deletion = shown_pixels(page)
    # What the canvas' 8 bits round is all that may differ.
    assert np.abs(deletion[..., :3].astype(int) - expected).max() <= 1
    page.locator("#views label", has_text="Insertion").click()
    page.wait_for_timeout(100)
    insertion = shown_pixels(page)
    assert np.abs(insertion[..., :3].astype(int) - scored(seen, values, step=30, deletion=False)).max() <= 1


def scored(seen: np.ndarray, values: np.ndarray, *, step: int, deletion: bool) -> np.ndarray:
    """The pixels, 0 to 255, that the library's scorer is given after a step of thesis@1."""
    import torch

    image = torch.from_numpy(seen.copy()).permute(2, 0, 1)[None].double()
    canvas = blurred_canvas(image)
    moved = pixel_ranks(torch.from_numpy(values)[None]).view(1, 1, 224, 224) < 448 * step
    start, end = (image, canvas) if deletion else (canvas, image)
    return torch.where(moved, end, start)[0].permute(1, 2, 0).round().numpy()


@pytest.mark.slow
def test_cut_outs_with_a_mask_and_their_files(page: Page, member: str, tmp_path: Path) -> None:
    choose_image(page, "grad_cam", mode="cut-outs/")
    generate(page)
    expect(page.locator(".strip button")).to_have_count(4, timeout=DRAWN)
    expect(page.locator(".cut-figures")).to_contain_text("precision")
    page.locator(".strip button", has_text="40 %").click()
    assert value_of(page, "keep") == "40"
    page.locator("#toolbar [name=rest]").select_option("transparent")
    page.wait_for_timeout(100)
    kept = (shown_pixels(page)[..., 3] > 0).mean()
    assert kept == pytest.approx(0.4, abs=1e-4)
    with page.expect_download() as download:
        page.get_by_role("link", name="Contact sheet").click()
    download.value.save_as(tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == 5 * 240 + 16
    with page.expect_download() as download:
        page.get_by_role("link", name="PNG", exact=True).click()
    download.value.save_as(tmp_path / "cut.png")
    with Image.open(tmp_path / "cut.png") as cut:
        assert (cut.size, cut.mode) == ((224, 224), "RGBA")
    # The model on the cut-out follows with the curves.
    page.locator("#toolbar [name=rest]").select_option("black")
    expect(page.locator(".cut-figures")).to_contain_text("the model on the cut-out: ", timeout=2 * DRAWN)


def test_a_map_that_takes_long_shows_progress_and_is_cancelled(page: Page, member: str) -> None:
    choose_image(page, "rise", model="EfficientNet-Lite0")
    generate(page)
    tile = page.locator(".tile")
    expect(tile).to_contain_text("Being drawn …", timeout=DRAWN)
    expect(page.locator(".map-progress[value]")).to_have_count(1, timeout=DRAWN)
    tile.get_by_role("button", name="Cancel").click()
    expect(tile).to_contain_text("Not drawn yet: press Generate.")
    page.goto("/studio/history/")
    expect(page.get_by_text("You have no maps yet.")).to_be_visible()


@pytest.mark.slow
def test_a_picture_of_ones_own_stays_ones_own(page: Page, member: str, tmp_path: Path) -> None:
    page.goto("/studio/")
    picture = tmp_path / "mine.png"
    Image.effect_noise((80, 60), 60).save(picture)
    page.locator("#upload-file").set_input_files(picture)
    expect(page.locator(".top-classes a")).to_have_count(5, timeout=DRAWN)
    assert "picture=" in page.url
    generate(page)
    expect(page.locator(".pane-map canvas:visible")).to_have_count(1, timeout=DRAWN)
    address = page.url
    page.goto("/studio/history/")
    page.locator("input[name=map]").check()
    page.get_by_role("button", name="Pin", exact=True).click()
    expect(page.locator(".history .tag")).to_have_text("pinned")
    page.context.clear_cookies()
    page.goto("/sign-up/")
    for name, value in (
        ("username", f"{member}-b"),
        ("password", "another long phrase"),
        ("password_again", "another long phrase"),
    ):
        page.fill(f"#id_{name}", value)
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("status").first).to_contain_text("Your account number is")
    page.goto(address)
    expect(page.get_by_text("There is no such picture for you")).to_be_visible()


def test_images_of_a_data_set_are_found(page: Page, member: str) -> None:
    page.goto("/studio/")
    page.get_by_label("Class or identifier").fill("rocket")
    page.get_by_role("button", name="Search").first.click()
    expect(page.locator(".thumbnails a")).to_have_count(1)
