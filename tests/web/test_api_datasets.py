"""Data sets by scripts: uploads, images with their ground truth, changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.core.datasets.archive_builders import picture, zipped
from tests.web import factories
from tests.web.api_calls import administrator, script_of
from webapp.library import dataset_services as services
from webapp.library.models import Dataset
from workers.dataset_preparation import prepare_dataset

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def places(settings, tmp_path: Path) -> Path:
    settings.DATASETS_DIR = tmp_path / "state"
    settings.UPLOADS_DIR = tmp_path / "uploads"
    settings.UPLOADS_DIR.mkdir()
    return tmp_path


def test_an_archive_is_uploaded_and_read(places: Path) -> None:
    script = script_of(factories.member())
    content = zipped(places / "a.zip", {"cat/1.png": picture(), "dog/2.png": picture()}).read_bytes()
    answer = script.upload("datasets", {"name": "Two", "archive": SimpleUploadedFile("a.zip", content)})
    assert answer.status_code == 201
    number = answer.json()["id"]
    assert (answer.json()["state"], answer.json()["is_own"], answer.json()["path"]) == ("waiting", True, None)
    assert script.get(f"datasets/{number}/images").status_code == 404
    prepare_dataset(services.claim_dataset())
    found = script.get(f"datasets/{number}").json()
    assert (found["state"], found["format"], found["classes"]) == (
        "ready",
        "image-folder",
        {"cat": 1, "dog": 1},
    )
    assert found["problems"] == []
    refused = script.upload("datasets", {"name": "Two", "archive": SimpleUploadedFile("a.zip", content)})
    assert refused.status_code == 400
    assert list(refused.json()) == ["name"]
    assert list(script.upload("datasets", {"name": "Three"}).json()) == ["archive"]


def test_a_preparation_is_cancelled_once(places: Path) -> None:
    row = factories.dataset(owner=factories.member(), name="Set", state="waiting")
    script = script_of(row.owner)
    answer = script.post(f"datasets/{row.pk}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    again = script.post(f"datasets/{row.pk}/cancel")
    assert (again.status_code, again.json()) == (409, {"detail": ["Set is not being prepared any more."]})


def test_images_come_in_pages_with_their_ground_truth(places: Path) -> None:
    row = factories.masked_dataset(places / "masked", owner=factories.member())
    script = script_of(row.owner)
    answer = script.get(f"datasets/{row.pk}/images", {"page_size": 1}).json()
    assert (answer["count"], len(answer["results"])) == (2, 1)
    assert answer["results"][0] == {
        "index": 0,
        "identifier": "images/cat.png",
        "label": "cat",
        "width": 32,
        "height": 24,
        "boxes": [],
        "masks": [],
        "has_object_mask": True,
        "flags": {},
        "problem": "",
        "image_url": f"/api/v1/datasets/{row.pk}/images/0/image.webp",
        "masks_url": f"/api/v1/datasets/{row.pk}/images/0/masks.png",
    }
    dogs = script.get(f"datasets/{row.pk}/images", {"class": "dog"}).json()
    assert [each["identifier"] for each in dogs["results"]] == ["images/dog.png"]
    assert script.get(f"datasets/{row.pk}/images/0/image.webp")["Content-Type"] == "image/webp"
    assert script.get(f"datasets/{row.pk}/images/9/image.webp").status_code == 404


def test_renaming_sharing_and_deleting(places: Path) -> None:
    row = factories.masked_dataset(places / "masked", owner=factories.member(), name="Old")
    script = script_of(row.owner)
    changed = script.patch(f"datasets/{row.pk}", {"name": "New", "shared_with_lab": True}).json()
    assert (changed["name"], changed["shared_with_lab"]) == ("New", True)
    other = script_of(factories.member())
    assert other.get(f"datasets/{row.pk}").json()["owner"] == row.owner.username
    assert other.patch(f"datasets/{row.pk}", {"name": "Mine"}).status_code == 404
    assert other.delete(f"datasets/{row.pk}").status_code == 404
    assert script.get("datasets", {"state": "failed"}).json()["count"] == 0
    assert script.get("datasets", {"name": "ne"}).json()["count"] == 1
    assert script.delete(f"datasets/{row.pk}").status_code == 204
    assert not Dataset.objects.exists()
    # Only what was unpacked for it is removed with it.
    assert (places / "masked").is_dir()


def test_administrators_look_at_folders_of_the_server_and_register_them(places: Path, settings) -> None:
    settings.DATASET_ROOTS = (places,)
    factories.masked_dataset(places / "masked")
    Dataset.objects.all().delete()
    asking = administrator()
    script = script_of(asking)
    wanted = {"path": str(places / "masked")}
    looked = script.post("datasets/folders", wanted | {"dry_run": True})
    assert looked.status_code == 200
    assert (looked.json()["format"], looked.json()["images"]) == ("masked-folder", 2)
    assert list(script.post("datasets/folders", wanted).json()) == ["name"]
    assert not Dataset.objects.exists()
    made = script.post("datasets/folders", wanted | {"name": "Masked"})
    assert (made.status_code, made.json()["state"], made.json()["owner"]) == (201, "waiting", None)
    assert made.json()["path"] == wanted["path"]
    assert Dataset.objects.get().asked_by == asking
    gone = script.post("datasets/folders", {"path": str(places / "gone"), "dry_run": True})
    assert gone.status_code == 400 and list(gone.json()) == ["path"]
    outside = script.post("datasets/folders", {"path": "/etc", "name": "System"})
    assert outside.status_code == 400
    assert (
        script_of(factories.member()).post("datasets/folders", wanted | {"name": "Mine"}).status_code == 403
    )
