"""What members' models may take on disk, and what becomes of files that no row names."""

from __future__ import annotations

import hashlib
import os
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from structlog.testing import capture_logs

from saliency_core.lazy import torch
from tests.web import factories
from tests.web.api_calls import script_of
from webapp.accounts.models import User
from webapp.backups.restoring import restore_backup
from webapp.backups.writing import write_backup
from webapp.benchmarks.models import Benchmark
from webapp.library import services
from webapp.library.abandoned_files import remove_abandoned_files
from webapp.library.dataset_services import delete_dataset
from webapp.library.model_files import model_bytes_used
from webapp.library.models import Classifier
from webapp.library.services import delete_classifier
from webapp.studio.services import explain_benchmark_images, explanation_folder
from workers import classifier_preparation, reconciler

pytestmark = pytest.mark.django_db

MEBIBYTE = 1024**2
DAY = 24 * 3600
A, B, C = ("a" * 64, "b" * 64, "c" * 64)


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, settings: Any) -> Path:
    for name in ("weights", "uploads"):
        (tmp_path / name).mkdir()
    settings.WEIGHTS_DIR = tmp_path / "weights"
    settings.UPLOADS_DIR = tmp_path / "uploads"
    return tmp_path


@pytest.fixture
def member(settings: Any) -> User:
    """Has two models of the same 3 MiB, and 4 MiB in all."""
    settings.MODEL_QUOTA_BYTES = 4 * MEBIBYTE
    owner = factories.member()
    for name in ("One", "Two"):
        factories.classifier(owner=owner, name=name, weights_sha256=A)
    (settings.WEIGHTS_DIR / f"{A}.safetensors").write_bytes(bytes(3 * MEBIBYTE))
    return owner


def imported(owner: User, size: int, name: str = "Third") -> Classifier:
    return services.import_classifier(
        owner=owner,
        name=name,
        library="timm",
        architecture="resnet18",
        weights=SimpleUploadedFile("weights.pt", bytes(size)),
        preprocessing={"size": 224},
    )


FULL = (
    "This file has 2 MiB, and your models take 3 of the 4 MiB that they may. Delete models that you no longer need, or "
    "ask an administrator for more room."
)


def test_a_file_beyond_the_quota_is_refused_and_leaves_nothing(member: User, folders: Path) -> None:
    with pytest.raises(ValidationError) as refused:
        imported(member, MEBIBYTE + 1)
    assert refused.value.message_dict == {"weights": [FULL]}
    assert list((folders / "uploads").iterdir()) == []
    assert Classifier.objects.filter(owner=member).count() == 2
    assert imported(factories.member(), MEBIBYTE + 1).state == "waiting"


def test_uploads_that_wait_count_and_deleted_models_do_not(
    member: User, django_capture_on_commit_callbacks: Any
) -> None:
    waiting = imported(member, MEBIBYTE)
    assert model_bytes_used(member) == 4 * MEBIBYTE
    with pytest.raises(ValidationError, match="your models take 4 of the 4 MiB"):
        imported(member, 1, "Fourth")
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_classifier(waiting)
        services.delete_classifier(Classifier.objects.get(name="One"))
    assert model_bytes_used(member) == 3 * MEBIBYTE
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_classifier(Classifier.objects.get(name="Two"))
    assert model_bytes_used(member) == 0


def test_page_and_api_say_what_is_used_and_what_to_do(member: User, client: Client) -> None:
    client.force_login(member)
    shown = client.get(reverse("library:import_classifier")).content.decode()
    assert "Your models take 3.0\xa0MB of 4.0\xa0MB." in shown
    fields = {
        "name": "Third",
        "library": "onnx",
        "weights": SimpleUploadedFile("n.onnx", bytes(MEBIBYTE + 1)),
    }
    answer = script_of(member).upload("classifiers", fields)
    assert (answer.status_code, answer.json()) == (400, {"weights": [FULL]})


def test_an_upload_that_cannot_be_registered_leaves_no_file(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise OSError("the broker's disk is full")

    monkeypatch.setattr(services, "record", broken)
    with pytest.raises(OSError, match="disk is full"):
        imported(factories.member(), 10)
    assert list((folders / "uploads").iterdir()) == []
    assert not Classifier.objects.exists()


def test_a_packed_file_counts_as_what_it_is_unpacked(folders: Path, settings: Any) -> None:
    plain, packed = folders / "plain.pt", folders / "packed.pt"
    torch.save({"fc.weight": torch.zeros(1024, 2048)}, plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    assert packed.stat().st_size < MEBIBYTE
    settings.MODEL_QUOTA_BYTES = 4 * MEBIBYTE
    row = services.import_classifier(
        owner=factories.member(), name="Packed", library="timm", architecture="resnet18",
        weights=SimpleUploadedFile("weights.pt", packed.read_bytes()), preprocessing={"size": 224},
    )  # fmt: skip
    classifier_preparation.prepare(services.claim_preparation())
    row.refresh_from_db()
    assert row.state == "failed"
    assert "This file has 9 MiB, and your models take 0 of the 4 MiB" in row.problem
    assert list((folders / "weights").iterdir()) == list((folders / "uploads").iterdir()) == []


def test_a_restoration_leaves_out_weights_that_there_is_no_room_for(
    member: User, folders: Path, settings: Any
) -> None:
    sha256 = hashlib.sha256(bytes(3 * MEBIBYTE)).hexdigest()
    (folders / "weights" / f"{A}.safetensors").rename(folders / "weights" / f"{sha256}.safetensors")
    Classifier.objects.update(weights_sha256=sha256)
    write_backup(member, folders / "backup.zip", with_weights=True)
    settings.MODEL_QUOTA_BYTES = 2 * MEBIBYTE
    other = factories.member()
    restored = restore_backup(other, folders / "backup.zip")
    assert restored.notes == [f"There is no room for the weights of {name}." for name in ("One", "Two")]
    assert set(Classifier.objects.filter(owner=other).values_list("state", flat=True)) == {"failed"}
    assert list((folders / "uploads").iterdir()) == []


def aged(path: Path, days: float, content: bytes = b"content") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    moment = time.time() - days * DAY
    os.utime(path, (moment, moment))
    if path.parent.name not in ("uploads", "weights"):
        os.utime(path.parent, (moment, moment))
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_uploads_that_no_row_names_are_removed_after_a_day(folders: Path) -> None:
    uploads = folders / "uploads"
    kept, abandoned, young, of_a_data_set = (f"{number}" * 32 for number in range(4))
    for folder, days in ((kept, 3), (abandoned, 1.1), (young, 0.9), (of_a_data_set, 3)):
        aged(uploads / folder / "weights.pt", days)
    aged(uploads / "tmpabc1_2.upload.onnx", 2)
    aged(uploads / "tmpdef.upload.pt", 0.5)
    factories.classifier(state="waiting", upload=f"{kept}/weights.pt", weights_sha256="")
    factories.dataset(state="waiting", upload=f"{of_a_data_set}/weights.pt", owner=factories.member())
    assert remove_abandoned_files() == 2
    assert names(uploads) == [
        f"{kept}/weights.pt",
        f"{young}/weights.pt",
        f"{of_a_data_set}/weights.pt",
        "tmpdef.upload.pt",
    ]
    assert remove_abandoned_files() == 0


def test_maps_and_pictures_that_no_row_names_are_removed_after_a_day(folders: Path, settings: Any) -> None:
    settings.EXPLANATIONS_DIR = maps = folders / "explanations"
    benchmark = factories.running_benchmark()
    (row,) = explain_benchmark_images(
        owner=benchmark.owner, benchmark=benchmark, images=[("a.jpg", 3)]
    ).values()
    for digest, days in ((row.digest, 400), (A, 1.1), (B, 0.9)):
        aged(maps / digest[:2] / digest / "map.npy", days)
        aged(maps / digest[:2] / digest / "overlay.webp", days)
    pictures = folders / "uploads" / "pictures"
    gone = benchmark.owner.pk + 1000
    aged(pictures / f"{benchmark.owner.pk}" / "picture.png", 400)
    aged(pictures / f"{gone}" / "picture.png", 1.1)
    aged(pictures / f"{gone + 1}" / "picture.png", 0.9)
    assert remove_abandoned_files() == 2
    assert sorted(path.name for path in maps.glob("*/*")) == sorted([row.digest, B])
    assert names(pictures) == sorted([f"{benchmark.owner.pk}/picture.png", f"{gone + 1}/picture.png"])
    assert remove_abandoned_files() == 0


@pytest.mark.parametrize("what", ["data set", "model"])
def test_maps_go_with_what_they_are_of_unless_somebody_shares_them(
    settings: Any, tmp_path: Path, what: str, django_capture_on_commit_callbacks: Any
) -> None:
    settings.EXPLANATIONS_DIR = tmp_path
    settings.WEIGHTS_DIR = tmp_path / "weights"
    owner, other = factories.member(), factories.member()
    shown = {"classifier": factories.classifier(owner=owner), "dataset": factories.dataset()}
    of_others = {"classifier": factories.classifier(owner=other), "dataset": factories.dataset()}
    own, foreign = (
        factories.running_benchmark(owner, **shown),
        factories.running_benchmark(other, **of_others),
    )
    rows = explain_benchmark_images(owner=owner, benchmark=own, images=[("a.jpg", 3), ("b.jpg", 3)])
    # The same weights and the same files: the same map.
    explain_benchmark_images(owner=other, benchmark=foreign, images=[("b.jpg", 3)])
    for row in rows.values():
        aged(explanation_folder(row) / "map.npy", 0)
    Benchmark.objects.all().delete()
    with django_capture_on_commit_callbacks(execute=True):
        if what == "data set":
            delete_dataset(shown["dataset"])
        else:
            delete_classifier(shown["classifier"])
    assert [explanation_folder(rows[name]).exists() for name in ("a.jpg", "b.jpg")] == [False, True]


def test_unpacked_archives_that_no_row_names_are_removed_after_a_day(folders: Path, settings: Any) -> None:
    settings.DATASETS_DIR = folders / "datasets"
    ready, waiting, gone, young = (f"{number}" * 32 for number in range(4))
    for folder, days in ((ready, 3), (waiting, 3), (gone, 1.1), (young, 0.9)):
        aged(folders / "datasets" / "members" / f"{folder}-1" / "about.json", days)
    owner = factories.member()
    factories.dataset(owner=owner, path=str(folders / "datasets" / "members" / f"{ready}-1" / "files"))
    factories.dataset(owner=owner, state="waiting", path="", upload=f"{waiting}/images.zip")
    assert remove_abandoned_files() == 1
    assert names(folders / "datasets" / "members") == [
        f"{folder}-1/about.json" for folder in (ready, waiting, young)
    ]


def test_model_files_that_no_row_names_are_set_aside_and_removed_a_week_later(folders: Path) -> None:
    weights = folders / "weights"
    factories.classifier(weights_sha256=A)
    for name in (f"{A}.safetensors", f"{B}.onnx", f"{B}.network-1.safetensors", "resnet18-f37072fd.pth"):
        aged(weights / name, 2)
    aged(weights / f"{C}.safetensors", 0.5)
    aged(weights / "tmp1_a.part", 2)
    factories.member()
    assert remove_abandoned_files() == 3
    assert names(weights) == [
        f"{A}.safetensors",
        f"{C}.safetensors",
        "resnet18-f37072fd.pth",
        f"unnamed/{B}.network-1.safetensors",
        f"unnamed/{B}.onnx",
    ]
    # A row that names it, and it is where it was.
    other = factories.classifier(weights_sha256=B, library="onnx")
    assert remove_abandoned_files() == 0
    assert names(weights)[1] == f"{B}.network-1.safetensors"
    other.delete()
    for path in weights.glob(f"{B}.*"):
        aged(path, 2)
    assert remove_abandoned_files() == 2
    for path in (weights / "unnamed").iterdir():
        os.utime(path, (time.time() - 8 * DAY,) * 2)
    assert remove_abandoned_files() == 2
    assert names(weights) == [f"{A}.safetensors", f"{C}.safetensors", "resnet18-f37072fd.pth"]


def test_a_database_without_members_removes_nothing(folders: Path) -> None:
    aged(folders / "uploads" / ("0" * 32) / "weights.pt", 9)
    aged(folders / "weights" / f"{B}.safetensors", 9)
    User.objects.all().delete()
    assert remove_abandoned_files() == 0
    assert names(folders) == [f"uploads/{'0' * 32}/weights.pt", f"weights/{B}.safetensors"]


def test_what_a_benchmark_was_begun_with_stays(folders: Path) -> None:
    benchmark = factories.queued_benchmark()
    begun_with = benchmark.specification["classifier"]["weights_sha256"]
    Classifier.objects.update(weights_sha256=A)
    stored = aged(folders / "weights" / f"{begun_with}.safetensors", 30)
    remove_abandoned_files()
    assert stored.is_file()


def test_a_folder_that_cannot_be_read_does_not_stop_the_reconciler(folders: Path) -> None:
    factories.member()
    (folders / "uploads").rmdir()
    (folders / "uploads").write_text("a file in its place")
    with capture_logs() as told:
        assert not reconciler.guarded(remove_abandoned_files)
    assert [(line["event"], line["step"]) for line in told] == [("step_failed", "remove_abandoned_files")]
