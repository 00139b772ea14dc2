"""A member's whole way in Chromium against really running processes: sign up, queue, watch, read, take away."""

from __future__ import annotations

import csv
import re
import shutil
import time
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from skimage.data import data_dir

from tests.application import Application
from tests.screenshots import sign_in
from tests.system.pages.conftest import PASSWORD, sign_up

pytestmark = [pytest.mark.system, pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

NAME = "grace"
BENCHMARK_SECONDS = 240_000


@pytest.fixture(scope="module")
def holiday_photographs(running_application: Application, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A data set as a lab has it: two good photographs, one truncated, one that is no picture."""
    folder = tmp_path_factory.mktemp("photographs")
    for name in ("chelsea.png", "coffee.png"):
        shutil.copy(Path(data_dir) / name, folder / name)
    whole = (Path(data_dir) / "rocket.jpg").read_bytes()
    (folder / "broken.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "letter.jpg").write_text("Dear reader, this is not a picture.")
    output = running_application.manage(
        "register_dataset", "Holiday photographs", "--format", "image-folder", str(folder)
    )
    assert "4 images" in output
    assert "broken.jpg" in output
    assert "letter.jpg" in output
    return "Holiday photographs"


def queue(page: Page, dataset: str, images: int) -> None:
    page.goto("/benchmarks/new/")
    page.get_by_label("Data set").select_option(label=dataset)
    expect(page.get_by_text(f"what {dataset} has")).to_be_visible()
    page.get_by_label("Number of images").fill(str(images))
    expect(page.locator("#estimate")).to_contain_text(str(images))
    expect(page.locator("#estimate")).to_contain_text("228")
    page.get_by_role("button", name="Queue the benchmark").click()
    page.wait_for_url(re.compile(r"/benchmarks/\d+/$"))


def wait_until_measured(page: Page) -> None:
    """The expected time rests on a rate that the worker has measured."""
    end = time.monotonic() + 60
    while True:
        page.goto("/models/")
        if page.get_by_role("row", name="EfficientNet-Lite0").get_by_text("threads").count():
            return
        assert time.monotonic() < end, "the model was not measured within a minute"
        page.wait_for_timeout(500)


def test_from_sign_up_to_the_text_report(page: Page, holiday_photographs: str, tmp_path: Path) -> None:
    sign_up(page, NAME)
    number = re.search(r"\d{5,}", page.get_by_role("status").first.inner_text())[0]
    page.get_by_role("button", name="Sign out").last.click()
    sign_in(page, "", number, PASSWORD)

    page.goto("/models/")
    for model in ("EfficientNet-Lite0", "VGG16", "VGG19", "ResNet-18", "ViT-B/16"):
        expect(page.get_by_role("link", name=model, exact=True)).to_be_visible()
    expect(page.get_by_role("row", name="EfficientNet-Lite0")).to_contain_text("Ready")
    wait_until_measured(page)

    queue(page, holiday_photographs, 4)
    # Nothing reloads from here on: what moves, moves by the socket.
    page.evaluate("window.neverReloaded = true")
    live = page.locator("#live")
    expect(live).to_contain_text("Running", timeout=60_000)
    expect(page.locator("[data-live=left]")).to_contain_text(re.compile(r"\d+ (s|min)"), timeout=120_000)
    expect(live).to_contain_text("Succeeded", timeout=BENCHMARK_SECONDS)
    assert page.evaluate("window.neverReloaded") is True

    figures = page.locator("#benchmark-figures")
    expect(figures.get_by_role("row", name="Over-all")).to_contain_text(re.compile(r"\[-?[\d.]+, -?[\d.]+\]"))
    expect(figures.get_by_role("row", name="Images without figures")).to_contain_text("2")
    failures = page.locator("#failures")
    expect(failures).to_contain_text("broken.jpg")
    expect(failures).to_contain_text("letter.jpg")
    assert page.locator("#benchmark-bins tbody tr").count() == 11
    expect(page.locator(".curve .main-svg").first).to_be_visible()
    assert page.evaluate("document.querySelectorAll('.curve .scatterlayer .trace').length") >= 2

    rows = page.locator("#benchmark-images tbody tr")
    expect(rows).to_have_count(2)
    expect(page.locator("#benchmark-images [data-map] img")).to_have_count(2, timeout=60_000)
    sizes = page.eval_on_selector_all(
        "#benchmark-images [data-map] img",
        "images => Promise.all(images.map(each => each.decode().then(() => each.naturalWidth)))",
    )
    assert sizes == [224, 224]
    page.locator("#benchmark-images").get_by_role("link", name="Over-all").click()
    expect(page).to_have_url(re.compile("sort=-overall"))
    shown = [float(text) for text in rows.locator("td.strong").all_inner_texts()]
    assert shown == sorted(shown, reverse=True)

    with page.expect_download() as download:
        page.get_by_role("link", name="CSV", exact=True).click()
    download.value.save_as(tmp_path / "images.csv")
    with (tmp_path / "images.csv").open(newline="") as file:
        table = {row["image"]: row for row in csv.DictReader(file)}
    assert list(table) == ["broken.jpg", "chelsea.png", "coffee.png", "letter.jpg"]
    assert [row["status"] for row in table.values()] == ["failed", "done", "done", "failed"]
    assert table["coffee.png"]["target_name"] == "espresso"
    assert sorted(
        round(100 * float(table[name]["overall"]), 2) for name in ("chelsea.png", "coffee.png")
    ) == sorted(shown)

    with page.expect_download() as download:
        page.get_by_role("link", name="Text report").first.click()
    report = Path(download.value.path()).read_text()
    for part in (
        "insertion-deletion/thesis@1",
        "weights sha256",
        "fingerprint",
        "torch",
        "broken.jpg",
        "2.13",
    ):
        assert part in report


def test_cancel_and_resume(page: Page, holiday_photographs: str) -> None:
    sign_in(page, "", NAME, PASSWORD)
    queue(page, "Sample photographs", 3)
    bar = page.locator("[data-live=pace]")
    expect(page.locator("#live")).to_contain_text("Running", timeout=60_000)
    expect(bar).to_contain_text(re.compile(r"\d"), timeout=60_000)
    begin = time.monotonic()
    page.get_by_role("button", name="Cancel the benchmark").click()
    expect(page.locator("#live")).to_contain_text("Cancelled")
    page.goto("/workers/")
    while page.get_by_text("leaving benchmark #").count() or page.locator(".worker-progress").count():
        assert time.monotonic() - begin < 20, "the worker goes on with a cancelled benchmark"
        page.wait_for_timeout(200)
        page.reload()
    page.goto("/benchmarks/?state=cancelled")
    page.get_by_role("row", name="Cancelled").get_by_role("link", name="EfficientNet-Lite0").last.click()
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#live")).to_contain_text("Succeeded", timeout=BENCHMARK_SECONDS)
    expect(page.locator("[data-live=images_done]")).to_have_text("3")


def test_what_is_another_members_is_not_found(page: Page, holiday_photographs: str) -> None:
    sign_up(page, "stranger")
    for address in (
        "/benchmarks/1/",
        "/benchmarks/1/images.csv",
        "/benchmarks/1/report.txt",
        "/maps/1/overlay.webp",
    ):
        assert page.request.get(address).status == 404


def test_the_studio_from_an_image_to_maps_and_cut_outs(page: Page, tmp_path: Path) -> None:
    sign_up(page, "studious")
    page.get_by_role("link", name="Studio").click()
    # Once scripts are there, forms send themselves.
    expect(page.get_by_role("button", name="Choose", exact=True)).to_have_count(0)

    page.get_by_role("combobox", name="Model").select_option(label="Shapes CNN")
    page.wait_for_url(re.compile(r"model=\d+"))
    # The data set whose classes the model knows is the one that is offered.
    page.locator(".thumbnails a").first.click()
    classes = page.locator(".top-classes a")
    expect(classes).to_have_count(5, timeout=30_000)
    expect(classes.first).to_contain_text(re.compile(r"\d+\.\d %"))

    page.get_by_label("Grad-CAM, enhanced", exact=True).check()
    page.get_by_label("LayerCAM", exact=True).check()
    expect(page).to_have_url(re.compile("enhanced=grad_cam"))
    page.get_by_role("button", name="Generate").click()
    page.wait_for_url(re.compile("#maps$"))
    page.evaluate("window.neverReloaded = true")
    tiles = page.locator(".tile")
    expect(tiles).to_have_count(3)
    expect(page.locator(".pane-map canvas:not([hidden])")).to_have_count(3, timeout=60_000)
    expect(page.locator(".mini-chart polyline.insertion")).to_have_count(3, timeout=60_000)
    assert page.evaluate("window.neverReloaded") is True
    scores = [
        float(each.replace("−", "-")) for each in tiles.first.locator(".mini-scores dd").all_inner_texts()
    ]
    assert scores[2] == pytest.approx(scores[0] - scores[1], abs=0.02)

    def shown() -> str:
        return page.evaluate("document.querySelector('.pane-map canvas').toDataURL()")

    overlaid = shown()
    page.get_by_text("Heat map", exact=True).click()
    expect(page).to_have_url(re.compile("view=heat"))
    heat = shown()
    assert heat != overlaid
    # The address alone brings the page back.
    page.goto(page.url)
    expect(page.locator(".pane-map canvas:not([hidden])")).to_have_count(3)
    assert shown() == heat

    page.get_by_role("link", name="Cut-outs").click()
    expect(page.locator(".strip button")).to_have_count(12)
    expect(page.locator(".cut-figures").first).to_contain_text(re.compile(r"IoU 0\.\d+"))
    page.get_by_label("The rest").select_option("transparent")
    page.locator("[name=keep]").fill("30")
    expect(page).to_have_url(re.compile("keep=30"))
    with page.expect_download() as download:
        tiles.first.get_by_role("link", name="PNG", exact=True).click()
    download.value.save_as(tmp_path / "cut-out.png")
    with Image.open(tmp_path / "cut-out.png") as picture:
        opaque = sum(picture.getchannel("A").histogram()[128:])
    assert opaque == round(0.30 * 224 * 224)

    page.locator("#upload-file").set_input_files(Path(data_dir) / "chelsea.png")
    page.wait_for_url(re.compile(r"picture=\d+"))
    expect(classes).to_have_count(5, timeout=30_000)
