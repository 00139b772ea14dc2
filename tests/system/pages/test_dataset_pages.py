"""Data sets in Chromium: an archive is brought, unpacked by the worker that runs, looked at, shared and deleted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.application import Application
from tests.core.datasets.archive_builders import picture, zipped
from tests.system.pages.conftest import LOOKED_AT

pytestmark = [pytest.mark.system, pytest.mark.browser]


def coco_archive(folder: Path, **more: bytes) -> Path:
    """Two images of 64 × 48 pixels; on the first are a dog, drawn as a polygon, and a crowd of cats."""
    annotations = [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [8, 8, 24, 24], "area": 576, "iscrowd": 0,
         "segmentation": [[8, 8, 32, 8, 32, 32, 8, 32]]},
        {"id": 2, "image_id": 1, "category_id": 2, "bbox": [0, 40, 64, 8], "area": 512, "iscrowd": 1,
         "segmentation": {"size": [48, 64], "counts": [0, 48 * 64]}},
    ]  # fmt: skip
    table = {
        "images": [
            {"id": number, "file_name": f"{number}.png", "width": 64, "height": 48} for number in (1, 2)
        ],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}],
    }
    files = {
        "pets/annotations/instances_val2017.json": json.dumps(table).encode(),
        "pets/val2017/1.png": picture((64, 48)),
        "pets/val2017/2.png": picture((64, 48), colour="brown"),
    }
    return zipped(folder / "pets.zip", files | more)


def upload(page: Page, archive: Path) -> None:
    page.goto("/data-sets/")
    page.get_by_role("link", name="Upload a data set").click()
    page.set_input_files("#id_archive", archive)
    # The script is there that tells of progress and of what is refused.
    expect(page.get_by_label("Name", exact=True)).to_have_value(archive.name.partition(".")[0])
    page.get_by_role("button", name="Upload", exact=True).click()


def test_an_archive_is_brought_looked_at_shared_and_deleted(page: Page, member: str, tmp_path: Path) -> None:
    upload(page, coco_archive(tmp_path, **{"pets/notes.docx": b"words"}))
    # Without a reload by hand: the page is told.
    expect(page.locator("dd .state-good")).to_be_visible(timeout=LOOKED_AT)
    expect(page.get_by_role("heading", name="pets")).to_be_visible()
    expect(page.locator(".facts").last).to_contain_text("boxes, masks")
    expect(page.locator("#problems")).to_contain_text("pets/notes.docx")
    expect(page.locator(".class-table tbody tr")).to_have_count(2)

    page.get_by_role("link", name="All images").click()
    expect(page.locator(".truth-gallery li")).to_have_count(2)
    expect(page.locator(".truth rect")).to_have_count(2)
    page.get_by_label("Boxes").uncheck()
    expect(page.locator(".truth rect")).to_have_count(0)
    assert "layer=masks" in page.url and "layer=boxes" not in page.url
    page.locator("select[name=class]").select_option("dog")
    expect(page.locator(".truth-gallery li")).to_have_count(1)

    page.locator(".truth-gallery a").click()
    expect(page.get_by_role("heading", name="val2017/1.png")).to_be_visible()
    masks = page.locator(".truth-large .truth-masks")
    expect(masks).to_be_visible()
    assert masks.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") == 64
    expect(page.get_by_role("row").filter(has_text="crowd")).to_have_count(1)
    page.get_by_role("link", name="Open in the studio").click()
    expect(page.locator(".thumbnails [aria-current]")).to_have_attribute("title", "val2017/1.png")

    page.goto("/data-sets/?whose=own")
    page.get_by_role("link", name="pets").click()
    page.get_by_role("button", name="Check again").click()
    expect(page.get_by_text("The files are as they were registered.")).to_be_visible()
    page.get_by_role("link", name="Edit").click()
    page.fill("#id_name", "Pets of the lab")
    page.get_by_label("Shared with the lab").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".facts").first).to_contain_text("shared with the lab")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete this data set").click()
    expect(page.get_by_text("Pets of the lab was deleted.")).to_be_visible()


# Chromium without a screen is never hidden and shows nothing.
AWAY = """
window.shown = [];
window.away = false;
Object.defineProperty(document, "hidden", { get: () => window.away });
window.Notification = class {
  static permission = "granted";
  static requestPermission = async () => "granted";
  constructor(text) { window.shown.push(text); }
  addEventListener() {}
};
"""
STUDIO = """
from webapp.benchmarks.models import WorkerNode
from webapp.benchmarks.worker_services import set_mode
set_mode(worker=WorkerNode.objects.get(kind="studio", stopped_at=None), mode={mode!r})
"""


def test_a_preparation_is_cancelled_tried_again_and_its_end_is_told(
    page: Page, member: str, running_application: Application, tmp_path: Path
) -> None:
    page.context.add_init_script(AWAY)
    running_application.shell(STUDIO.format(mode="paused"))
    try:
        upload(page, coco_archive(tmp_path))
        page.get_by_role("button", name="Notify me").click()
        expect(page.get_by_text("This browser notifies you")).to_be_visible()
        listed = page.context.new_page()
        listed.goto("/data-sets/?whose=own")
        expect(listed.get_by_role("button", name="Cancel the preparation pets")).to_be_visible()
        page.get_by_role("button", name="Cancel the preparation").click()
        expect(page.get_by_text("The preparation was cancelled. The files are kept")).to_be_visible()
        # The list is told, and fetched again without a reload by hand.
        expect(listed.locator("td .state-stopped")).to_have_text("Cancelled")
        expect(listed.get_by_role("button", name="Cancel the preparation pets")).to_have_count(0)
        listed.close()
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("button", name="Cancel the preparation")).to_be_visible()
        page.evaluate("window.away = true")
    finally:
        running_application.shell(STUDIO.format(mode="working"))
    expect(page.locator("dd .state-good")).to_be_visible(timeout=LOOKED_AT)
    expect(page.locator(".class-table tbody tr")).to_have_count(2)
    expect(page).to_have_title("pets is ready · pets · Saliscope")
    assert page.evaluate("window.shown") == ["pets is ready."]


def test_a_hostile_archive_is_refused_with_its_reason(page: Page, member: str, tmp_path: Path) -> None:
    upload(page, coco_archive(tmp_path, **{"../evil.png": picture()}))
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("outside the data set's folder", timeout=LOOKED_AT)


def test_what_is_no_archive_is_refused_at_once(page: Page, member: str, tmp_path: Path) -> None:
    file = tmp_path / "set.rar"
    file.write_bytes(b"Rar!")
    page.goto("/data-sets/upload/")
    page.set_input_files("#id_archive", file)
    page.fill("#id_name", "My set")
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator("#upload-errors")).to_contain_text("Bring a .zip or .tar.gz archive.")
    expect(page.locator("#id_name")).to_have_value("My set")


def test_an_upload_is_stopped(page: Page, member: str, tmp_path: Path) -> None:
    page.goto("/data-sets/upload/")
    page.set_input_files("#id_archive", coco_archive(tmp_path))
    on_the_way = []
    # The request never gets there. The route stays until the page closes, as its end would let the request go on.
    page.route("**/data-sets/upload/", lambda route: on_the_way.append(route))
    page.get_by_role("button", name="Upload", exact=True).click()
    page.get_by_role("button", name="Stop the upload").click()
    expect(page.get_by_role("button", name="Upload", exact=True)).to_be_enabled()
    assert [route.request.method for route in on_the_way] == ["POST"]
    page.goto("/data-sets/?whose=own")
    expect(page.get_by_text("No data set is like that.")).to_be_visible()


def test_an_administrator_registers_a_folder(
    page: Page, member: str, running_application: Application, tmp_path: Path
) -> None:
    (tmp_path / "birds" / "wren").mkdir(parents=True)
    (tmp_path / "birds" / "wren" / "1.png").write_bytes(picture())
    (tmp_path / "birds" / "owl").mkdir()
    (tmp_path / "birds" / "owl" / "2.png").write_bytes(b"no picture")
    page.goto("/data-sets/")
    expect(page.get_by_role("link", name="Register a folder")).to_have_count(0)
    promote = f"from webapp.accounts.models import User; User.objects.filter(username={member!r}).update(is_staff=True)"
    running_application.shell(promote)
    page.reload()
    page.get_by_role("link", name="Register a folder").click()
    page.fill("#id_path", str(tmp_path / "birds"))
    page.get_by_role("button", name="Look at it").click()
    expect(page.locator("#found")).to_contain_text("Folder of images")
    expect(page.locator("#found")).to_contain_text("2: owl, wren")
    expect(page.locator("#found tbody tr")).to_have_count(1)
    page.fill("#id_name", f"Birds of {member}")
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.locator("dd .state-good")).to_be_visible(timeout=LOOKED_AT)
    expect(page.locator("#problems")).to_contain_text("owl/2.png")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete this data set").click()
    expect(page.get_by_text("was deleted.")).to_be_visible()
    assert (tmp_path / "birds" / "wren" / "1.png").exists()
