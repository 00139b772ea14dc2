"""Archives that members bring: kept, unpacked by a worker, told what is wrong with them, and nothing left behind."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client
from django.urls import reverse

from tests.core.datasets.archive_builders import picture, zipped
from tests.web import factories
from webapp.library import dataset_services as services
from webapp.library.models import Dataset
from workers import dataset_preparation, preparation_watching, stopping
from workers.dataset_preparation import prepare_dataset
from workers.reconciler import reconcile

pytestmark = pytest.mark.django_db

COCO = {
    "annotations/instances_val2017.json": json.dumps(
        {
            "images": [{"id": 1, "file_name": "1.png", "width": 8, "height": 6}],
            "annotations": [
                {"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 1, 4, 4], "area": 16, "iscrowd": 0}
            ],
            "categories": [{"id": 3, "name": "dog"}],
        }
    ).encode(),
    "val2017/1.png": picture(),
}


@pytest.fixture(autouse=True)
def places(settings, tmp_path: Path) -> Path:
    settings.DATASETS_DIR = tmp_path / "datasets"
    settings.UPLOADS_DIR = tmp_path / "uploads"
    settings.UPLOADS_DIR.mkdir()
    return tmp_path


def archive(files: dict[str, bytes], folder: Path, name: str = "set.zip") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, zipped(folder / "made.zip", files).read_bytes())


def left_behind(places: Path) -> list[str]:
    """All files but the one the archive was made in, and what was surveyed."""
    return sorted(
        path.name
        for path in places.rglob("*")
        if path.is_file() and path.name != "made.zip" and path.parent.name != "surveys"
    )


def prepared(places: Path, files: dict[str, bytes], **fields) -> Dataset:
    owner = fields.pop("owner", None) or factories.member()
    services.upload_dataset(owner=owner, name="Set", archive=archive(files, places), **fields)
    prepare_dataset(services.claim_dataset())
    return Dataset.objects.get(owner=owner, name="Set")


def test_an_archive_becomes_a_data_set(places: Path) -> None:
    row = prepared(
        places, {"set/" + name: content for name, content in COCO.items()} | {"set/setup.exe": b"MZ"}
    )
    assert (row.state, row.problem, row.format, row.upload) == ("ready", "", "coco", "")
    assert (row.number_of_images, row.ground_truth, row.classes) == (1, ["boxes"], {"dog": 1})
    assert [each["file"] for each in row.problems] == ["set/setup.exe"]
    assert sorted(left_behind(places)) == ["1.png", "about.json", "instances_val2017.json"]
    assert services.bytes_used(row.owner) == sum(map(len, COCO.values()))


def test_deleting_it_leaves_nothing(places: Path, django_capture_on_commit_callbacks) -> None:
    row = prepared(places, COCO)
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_dataset(row)
    assert left_behind(places) == []
    assert services.bytes_used(row.owner) == 0


def test_benchmarks_keep_it(places: Path) -> None:
    row = prepared(places, COCO)
    factories.queued_benchmark(row.owner, images=1, dataset=row)
    with pytest.raises(ValidationError, match="1 benchmark uses it"):
        services.delete_dataset(row)


def test_hostile_archives_are_refused_and_leave_nothing(places: Path) -> None:
    row = prepared(places, {"fine.png": picture(), "../evil.png": picture()})
    assert row.state == "failed"
    assert row.problem == (
        "“../evil.png” would be unpacked outside the data set's folder. Make the archive with relative paths and "
        "forward slashes."
    )
    assert left_behind(places) == []


def test_refusals_are_in_the_owners_language(places: Path) -> None:
    owner = factories.member()
    owner.language = "zh-hans"
    owner.save()
    row = prepared(places, {"setup.exe": b"MZ"}, owner=owner)
    assert row.problem == "压缩包里没有可用的图像或标注文件。"


def test_problems_never_tell_where_it_lies(places: Path) -> None:
    row = prepared(places, {"labels.csv": b"image,label\n"})
    assert row.state == "failed"
    assert str(places) not in row.problem
    assert "no images" in row.problem


def test_drawn_data_sets_are_not_taken(places: Path) -> None:
    row = prepared(places, {"shapes.json": b'{"images": 1000000, "size": 1024, "seed": 0, "version": 1}'})
    assert row.state == "failed"
    assert left_behind(places) == []


def test_one_that_was_deleted_meanwhile_leaves_nothing(places: Path) -> None:
    services.upload_dataset(owner=factories.member(), name="Set", archive=archive(COCO, places))
    claimed = services.claim_dataset()
    Dataset.objects.all().delete()
    prepare_dataset(claimed)
    assert "1.png" not in left_behind(places)


def test_a_stopping_worker_gives_it_back(places: Path, monkeypatch) -> None:
    services.upload_dataset(owner=factories.member(), name="Set", archive=archive(COCO, places))
    claimed = services.claim_dataset()
    monkeypatch.setattr(stopping, "requested", lambda: True)
    prepare_dataset(claimed)
    assert Dataset.objects.get().state == "waiting"
    assert left_behind(places) == ["set.zip"]
    monkeypatch.undo()
    prepare_dataset(services.claim_dataset())
    assert Dataset.objects.get().state == "ready"


def test_lost_ones_wait_again(places: Path) -> None:
    services.upload_dataset(owner=factories.member(), name="Set", archive=archive(COCO, places))
    services.claim_dataset()
    Dataset.objects.update(lease_expires="2020-01-01T00:00:00Z")
    reconcile()
    assert Dataset.objects.get().state == "waiting"
    assert services.claim_dataset() is None  # not at once
    Dataset.objects.update(not_before=None)
    assert services.claim_dataset() is not None
    assert services.claim_dataset() is None


def test_each_step_is_told_with_how_far_it_is(places: Path, monkeypatch) -> None:
    monkeypatch.setattr(preparation_watching, "TOLD_EVERY_SECONDS", 0.0)
    told: list[tuple[str, int, int]] = []
    report = services.report_dataset_progress

    def noted(dataset: Dataset, step: str, done: int = 0, total: int = 0) -> bool:
        told.append((str(step), done, total))
        return report(dataset, step, done, total)

    monkeypatch.setattr(services, "report_dataset_progress", noted)
    row = prepared(places, {f"cat/{number}.png": picture() for number in range(3)})
    size = len(picture()) * 3
    assert list(dict.fromkeys(step for step, _, _ in told)) == [
        "unpacking",
        "layout",
        "annotations",
        "images",
    ]
    assert ("unpacking", size, size) in told
    assert [each for each in told if each[0] == "images"] == [("images", done, 3) for done in (1, 2, 3)]
    assert (row.state, row.step, row.done, row.total) == ("ready", "", 0, 0)


def test_a_cancelled_one_leaves_its_archive_and_can_be_tried_again(places: Path, monkeypatch) -> None:
    monkeypatch.setattr(preparation_watching, "TOLD_EVERY_SECONDS", 0.0)
    owner = factories.member()
    row = services.upload_dataset(owner=owner, name="Set", archive=archive(COCO, places))
    report = services.report_dataset_progress

    def cancelled_meanwhile(dataset: Dataset, step: str, done: int = 0, total: int = 0) -> bool:
        if (step, done) == ("images", 1):
            assert services.cancel_dataset(row)
        return report(dataset, step, done, total)

    monkeypatch.setattr(services, "report_dataset_progress", cancelled_meanwhile)
    prepare_dataset(services.claim_dataset())
    row.refresh_from_db()
    assert (row.state, row.problem, row.step) == ("cancelled", "", "")
    assert left_behind(places) == ["set.zip"]
    assert not services.cancel_dataset(row)
    monkeypatch.undo()
    services.look_again(row)
    prepare_dataset(services.claim_dataset())
    row.refresh_from_db()
    assert (row.state, row.upload) == ("ready", "")


def lose_worker() -> None:
    """Nothing has been heard of it for longer than its lease, and the pause that follows is over."""
    Dataset.objects.update(lease_expires="2020-01-01T00:00:00Z")
    reconcile()
    Dataset.objects.update(not_before=None)


def test_a_worker_that_was_thought_dead_disturbs_nobody(places: Path, monkeypatch) -> None:
    """It goes on while another one unpacks the same archive, and cleans up behind itself only."""
    services.upload_dataset(owner=factories.member(), name="Set", archive=archive(COCO, places))
    late = services.claim_dataset()
    lose_worker()
    current = services.claim_dataset()
    report = services.report_dataset_progress

    def late_one_goes_on(dataset: Dataset, step: str, done: int = 0, total: int = 0) -> bool:
        if dataset is current and step == "annotations":
            prepare_dataset(late)
        return report(dataset, step, done, total)

    monkeypatch.setattr(services, "report_dataset_progress", late_one_goes_on)
    prepare_dataset(current)
    row = Dataset.objects.get()
    assert (row.state, row.number_of_images, row.attempt) == ("ready", 1, 0)
    assert sorted(left_behind(places)) == ["1.png", "about.json", "instances_val2017.json"]


@pytest.mark.parametrize("committed", [False, True])
def test_a_database_that_is_away_is_no_fault_of_the_archive(
    places: Path, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    """Also where what was lost is the answer to the commit: then the data set is ready, and keeps its files."""
    services.upload_dataset(owner=factories.member(), name="Set", archive=archive(COCO, places))
    finish = services.finish_dataset

    def lost(*arguments, **fields) -> None:
        if committed:
            finish(*arguments, **fields)
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patched:
        patched.setattr(services, "finish_dataset", lost)
        with pytest.raises(OperationalError):
            prepare_dataset(services.claim_dataset())
    row = Dataset.objects.get()
    if not committed:
        assert (row.state, row.problem) == ("preparing", "")
        lose_worker()
        prepare_dataset(services.claim_dataset())
        row.refresh_from_db()
    assert (row.state, row.number_of_images) == ("ready", 1)
    assert sorted(left_behind(places)) == ["1.png", "about.json", "instances_val2017.json"]


def test_what_goes_wrong_after_it_is_ready_takes_no_files(places: Path, monkeypatch) -> None:
    finish = services.finish_dataset

    def finished_and_then(*arguments, **fields) -> None:
        finish(*arguments, **fields)
        raise KeyError("news of it")

    monkeypatch.setattr(services, "finish_dataset", finished_and_then)
    row = prepared(places, COCO)
    assert row.state == "ready"
    assert sorted(left_behind(places)) == ["1.png", "about.json", "instances_val2017.json"]


def test_what_kills_its_worker_is_set_aside_after_three_attempts(places: Path) -> None:
    row = services.upload_dataset(owner=factories.member(), name="Set", archive=archive(COCO, places))
    for _ in range(3):
        killed = services.claim_dataset()
        (services.folder_for_upload(killed) / "files").mkdir(parents=True)
        (services.folder_for_upload(killed) / "files" / "half.png").write_bytes(b"half")
        lose_worker()
    row.refresh_from_db()
    assert row.state == "failed"
    assert row.problem.startswith("3 times the worker ended without a word while it prepared this data set")
    assert left_behind(places) == ["set.zip"]
    services.look_again(row)
    prepare_dataset(services.claim_dataset())
    row.refresh_from_db()
    assert row.state == "ready"


def test_the_page_and_the_list_show_the_step_and_cancel(client: Client, places: Path) -> None:
    row = services.upload_dataset(owner=factories.member(), name="Set", archive=archive(COCO, places))
    services.report_dataset_progress(services.claim_dataset(), "images", 1200, 5000)
    client.force_login(row.owner)
    pages = [reverse("library:dataset", args=[row.pk]), reverse("library:datasets")]
    for page in pages:
        shown = client.get(page).content.decode()
        assert "Reading the images, 1,200 of 5,000" in shown
        assert "Cancel the preparation" in shown
    Dataset.objects.update(shared_with_lab=True)
    reader = Client()
    reader.force_login(factories.member())
    assert "Cancel the preparation" not in reader.get(pages[0]).content.decode()
    cancel = reverse("library:cancel_dataset", args=[row.pk])
    assert client.post(cancel)["Location"] == pages[0]
    shown = client.get(pages[0]).content.decode()
    assert "The preparation was cancelled." in shown
    assert "Try again" in shown
    assert "Set is not being prepared any more." in client.post(cancel, follow=True).content.decode()
    client.post(reverse("library:look_at_dataset_again", args=[row.pk]))
    row.refresh_from_db()
    assert (row.state, row.asked_by) == ("waiting", row.owner)


def test_there_is_a_quota(places: Path, settings) -> None:
    owner = prepared(places, COCO).owner
    settings.DATASET_QUOTA_BYTES = services.bytes_used(owner) + 100
    with pytest.raises(ValidationError, match="of which 0 are free"):
        services.upload_dataset(owner=owner, name="Another", archive=archive(COCO, places))
    settings.DATASET_QUOTA_BYTES = 10**9
    settings.DATASET_ARCHIVE_BYTES = 100
    with pytest.raises(ValidationError, match="at most 0 MiB"):
        services.upload_dataset(owner=owner, name="Another", archive=archive(COCO, places))
    assert Dataset.objects.count() == 1


def test_two_uploads_at_once_do_not_take_the_last_room_both(places: Path, settings, monkeypatch) -> None:
    owner, keep = factories.member(), services._keep_upload
    first, second = (archive(COCO, places) for _ in range(2))
    settings.DATASET_QUOTA_BYTES = first.size + 100

    def keep_after_another(upload) -> str:
        monkeypatch.setattr(services, "_keep_upload", keep)
        services.upload_dataset(owner=owner, name="Quicker", archive=second)
        return keep(upload)

    monkeypatch.setattr(services, "_keep_upload", keep_after_another)
    with pytest.raises(ValidationError, match="of which 0 are free"):
        services.upload_dataset(owner=owner, name="Slower", archive=first)
    assert Dataset.objects.get().name == "Quicker"
    assert len(list(settings.UPLOADS_DIR.iterdir())) == 1


def test_two_that_are_unpacked_at_once_do_not_take_the_last_room_both(
    places: Path, settings, monkeypatch
) -> None:
    owner, look = factories.member(), dataset_preparation.open_folder
    content = {"a/1.png": picture(), "a/classes.txt": bytes(random.Random(1).choices(b"abcd", k=60_000))}
    for name in ("One", "Two"):
        services.upload_dataset(owner=owner, name=name, archive=archive(content, places))
    slower, quicker = services.claim_dataset(), services.claim_dataset()
    settings.DATASET_QUOTA_BYTES = 100_000

    def look_after_another(format: str, path: Path):
        monkeypatch.setattr(dataset_preparation, "open_folder", look)
        prepare_dataset(quicker)
        return look(format, path)

    monkeypatch.setattr(dataset_preparation, "open_folder", look_after_another)
    prepare_dataset(slower)
    slower.refresh_from_db(), quicker.refresh_from_db()
    assert (quicker.state, slower.state) == ("ready", "failed")
    assert "The archive is too big" in slower.problem
    assert services.bytes_used(owner) <= settings.DATASET_QUOTA_BYTES


def test_a_change_meanwhile_leaves_what_the_worker_found(places: Path) -> None:
    owner = factories.member()
    stale = services.upload_dataset(owner=owner, name="Set", archive=archive(COCO, places))
    prepare_dataset(services.claim_dataset())
    changed = services.edit_dataset(stale, name="Renamed", shared_with_lab=True)
    row = Dataset.objects.get()
    assert (row.name, row.shared_with_lab, row.state, row.format) == ("Renamed", True, "ready", "coco")
    assert row.path and changed.path == row.path


def test_the_page_of_uploads(client: Client, places: Path) -> None:
    member = factories.member()
    address = reverse("library:upload_dataset")
    assert client.get(address).status_code == 302
    client.force_login(member)
    assert client.get(address).status_code == 200
    # Without a script: back with what was typed.
    refused = client.post(address, {"name": "My set", "archive": SimpleUploadedFile("set.rar", b"Rar!")})
    assert refused.status_code == 422
    assert "Bring a .zip or .tar.gz archive" in refused.content.decode()
    assert 'value="My set"' in refused.content.decode()
    kept = client.post(address, {"name": "My set", "archive": archive(COCO, places)})
    row = Dataset.objects.get(name="My set")
    assert kept["Location"] == reverse("library:dataset", args=[row.pk])
    assert (row.owner, row.state, row.shared_with_lab) == (member, "waiting", False)
    # With it: as JSON.
    again = client.post(
        address,
        {"name": "My set", "archive": archive(COCO, places)},
        headers={"Accept": "application/json"},
    )
    assert again.status_code == 422
    assert again.json() == {"errors": {"name": ["There is a data set of this name. Choose another one."]}}
    other = client.post(
        address, {"name": "Two", "archive": archive(COCO, places)}, headers={"Accept": "application/json"}
    )
    assert (other.status_code, list(other.json())) == (201, ["address"])
