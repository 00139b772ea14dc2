"""What is done to data sets: archives brought by members, folders registered by administrators."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from saliency_core.datasets.archives import ARCHIVE_SUFFIXES
from webapp.accounts.models import User
from webapp.audit.models import AuditEvent
from webapp.audit.recording import record
from webapp.common import hints
from webapp.common.database import locked, locked_skipping, now_plus
from webapp.library.dataset_looks import AUTOMATIC
from webapp.library.models import Dataset
from webapp.library.services import _keep_upload

LEASE_SECONDS = 60.0
MEBIBYTE = 1024**2
ABOUT = "about.json"


def upload_dataset(
    *, owner: User, name: str, archive: UploadedFile, format: str = AUTOMATIC, shared_with_lab: bool = False
) -> Dataset:
    """Keeps a member's archive; a worker unpacks it and looks at it.

    Raises ValidationError (by field) if the name is taken, the file is no archive, or there is no room for it.
    """
    if not (archive.name or "").lower().endswith(ARCHIVE_SUFFIXES):
        raise ValidationError(
            {"archive": _("Bring a .zip or .tar.gz archive; this is “%(name)s”.") % {"name": archive.name}}
        )
    size = archive.size or 0
    if size > settings.DATASET_ARCHIVE_BYTES:
        raise ValidationError(
            {"archive": _("An archive has at most %(most)d MiB; this one has %(size)d. Ask an administrator to "
                "register its folder on the server.")
             % {"most": settings.DATASET_ARCHIVE_BYTES // MEBIBYTE, "size": -(-size // MEBIBYTE)}}
        )  # fmt: skip
    free = settings.DATASET_QUOTA_BYTES - bytes_used(owner)
    if size > free:
        raise ValidationError(
            {"archive": _("Your data sets may take %(quota)d MiB, of which %(free)d are free. Delete one first.")
             % {"quota": settings.DATASET_QUOTA_BYTES // MEBIBYTE, "free": max(0, free) // MEBIBYTE}}
        )  # fmt: skip
    dataset = Dataset(
        owner=owner, name=name, format=format, shared_with_lab=shared_with_lab, state=Dataset.State.WAITING
    )
    _validate(dataset)
    dataset.upload = _keep_upload(archive)
    try:
        with transaction.atomic():
            _save(dataset)
            record(AuditEvent.Kind.DATASET_ADDED, dataset, file=Path(archive.name or "").name[-100:])
            hints.wake_studio()
    except ValidationError:
        _discard(dataset.upload, None)
        raise
    return dataset


@transaction.atomic
def register_folder(*, name: str, format: str, path: Path) -> Dataset:
    """Registers a folder of the server for the lab; a worker reads every file. Raises ValidationError."""
    dataset = Dataset(name=name, format=format, path=str(_allowed(path)), state=Dataset.State.WAITING)
    _validate(dataset)
    _save(dataset)
    record(AuditEvent.Kind.DATASET_ADDED, dataset, path=dataset.path)
    hints.wake_studio()
    return dataset


@transaction.atomic
def edit_dataset(
    dataset: Dataset, *, name: str, shared_with_lab: bool | None = None, format: str = "", path: str = ""
) -> Dataset:
    """Renames, shares (a member's own), or points a registered folder elsewhere (the lab's), which is looked at anew.

    Raises ValidationError. What benchmarks have measured keeps the name and the fingerprint that it was made with.
    """
    locked(Dataset.objects.filter(pk=dataset.pk)).first()
    dataset.name = name
    if dataset.owner_id is not None and shared_with_lab is not None:
        if dataset.shared_with_lab != shared_with_lab:
            kind = AuditEvent.Kind.SHARED if shared_with_lab else AuditEvent.Kind.SHARE_WITHDRAWN
            record(kind, dataset, with_whom="lab")
        dataset.shared_with_lab = shared_with_lab
    moved = False
    if dataset.owner_id is None and path:
        new = str(_allowed(Path(path)))
        moved = (new, format or dataset.format) != (dataset.path, dataset.format)
        dataset.path, dataset.format = new, format or dataset.format
    _validate(dataset)
    _save(dataset, update_fields=["name", "shared_with_lab", "path", "format"])
    if moved:
        look_again(dataset)
    return dataset


@transaction.atomic
def look_again(dataset: Dataset) -> None:
    """Asks a worker to look at the folder anew; nothing happens while it waits for one or is being looked at."""
    asked = Dataset.objects.filter(
        pk=dataset.pk, state__in=[Dataset.State.READY, Dataset.State.FAILED]
    ).exclude(path="")
    if asked.update(state=Dataset.State.WAITING, problem=""):
        dataset.refresh_from_db()
        hints.wake_studio()


def uses_of(dataset: Dataset) -> dict[str, int]:
    """How many benchmarks (deleted ones that can still be brought back among them) and maps are about it."""
    return {"benchmarks": dataset.benchmarks.count(), "maps": dataset.explanations.count()}


@transaction.atomic
def delete_dataset(dataset: Dataset) -> None:
    """Deletes a data set, the maps of its images and, of a member's, the files; folders of the server stay.

    Raises ValidationError if benchmarks use it.
    """
    number = uses_of(dataset)["benchmarks"]
    if number:
        raise ValidationError(
            ngettext(
                "%(name)s cannot be deleted: %(number)d benchmark uses it. Delete that first.",
                "%(name)s cannot be deleted: %(number)d benchmarks use it. Delete those first.",
                number,
            )
            % {"name": dataset.name, "number": number}
        )
    upload, folder = dataset.upload, files_folder(dataset)
    transaction.on_commit(lambda: _discard(upload, folder))
    record(AuditEvent.Kind.DELETED, dataset)
    dataset.delete()


def _validate(dataset: Dataset) -> None:
    dataset.full_clean(
        exclude=["classes", "ground_truth", "problems"], validate_unique=False, validate_constraints=False
    )
    others = Dataset.objects.filter(owner=dataset.owner_id, name=dataset.name).exclude(pk=dataset.pk)
    if others.exists():
        raise _name_taken()


def _name_taken() -> ValidationError:
    return ValidationError({"name": _("There is a data set of this name. Choose another one.")})


def _save(dataset: Dataset, **options: Any) -> None:
    """Raises ValidationError where somebody was quicker with the name."""
    try:
        with transaction.atomic():
            dataset.save(**options)
    except IntegrityError:
        raise _name_taken() from None


def _allowed(path: Path) -> Path:
    """The folder as it is kept. Raises ValidationError where it does not lie where it must."""
    place = path.expanduser()
    if not place.is_absolute():
        raise ValidationError({"path": _("Give the whole path, from the root of the server on.")})
    place = place.resolve()
    roots = settings.DATASET_ROOTS
    if roots and not any(place.is_relative_to(root) for root in roots):
        raise ValidationError(
            {"path": _("Data sets must lie below: %(roots)s.") % {"roots": ", ".join(map(str, roots))}}
        )
    return place


allowed_folder = _allowed


def members_folder() -> Path:
    """Where the files of members' archives lie."""
    return settings.DATASETS_DIR / "members"


def folder_for_upload(dataset: Dataset) -> Path:
    """Where a worker unpacks a data set: always the same place, so that an interrupted attempt leaves nothing else."""
    return members_folder() / Path(dataset.upload).parts[0]


def files_folder(dataset: Dataset) -> Path | None:
    """The folder that was made for a member's data set; None where it is not ours to remove."""
    if dataset.owner_id is None or not dataset.path:
        return None
    place = Path(dataset.path)
    if not place.is_relative_to(members_folder()):
        return None
    return members_folder() / place.relative_to(members_folder()).parts[0]


def bytes_used(owner: User) -> int:
    """What a member's data sets take: unpacked, or as archives that wait."""
    used = 0
    for dataset in Dataset.objects.filter(owner=owner).only("path", "upload", "owner"):
        folder = files_folder(dataset)
        if folder is not None:
            used += _noted_bytes(folder)
        elif dataset.upload:
            try:
                used += (settings.UPLOADS_DIR / dataset.upload).stat().st_size
            except OSError:
                continue
    return used


def note_bytes(folder: Path, size: int) -> None:
    """Keeps the size of a data set beside its files."""
    (folder / ABOUT).write_text(json.dumps({"bytes": size}))


def _noted_bytes(folder: Path) -> int:
    try:
        return int(json.loads((folder / ABOUT).read_text())["bytes"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


@transaction.atomic
def claim_dataset() -> Dataset | None:
    """The next data set to unpack or to look at, leased to the caller; None if there is none."""
    waiting = Dataset.objects.filter(state=Dataset.State.WAITING).order_by("pk")
    dataset = locked_skipping(waiting).first()
    if dataset is None:
        return None
    Dataset.objects.filter(pk=dataset.pk).update(
        state=Dataset.State.PREPARING, lease_expires=now_plus(LEASE_SECONDS)
    )
    dataset.refresh_from_db()
    return dataset


def keep_dataset_lease(dataset: Dataset) -> bool:
    """Extends the lease; False where the data set is not this worker's any more."""
    kept = _claimed(dataset).update(lease_expires=now_plus(LEASE_SECONDS))
    return bool(kept)


def finish_dataset(dataset: Dataset, *, format: str, path: Path, fields: dict[str, Any]) -> bool:
    """The data set is ready. False, and nothing is written, if it was deleted meanwhile or is somebody else's."""
    ready = {
        **fields,
        "format": format,
        "path": str(path),
        "upload": "",
        "problem": "",
        "state": Dataset.State.READY,
        "lease_expires": None,
    }
    if not _claimed(dataset).update(**ready):
        return False
    _discard(dataset.upload, None)
    return True


def fail_dataset(dataset: Dataset, problem: str) -> None:
    """The data set can't be used, for a reason that its page shows; its archive is not kept."""
    if _claimed(dataset).update(state=Dataset.State.FAILED, problem=problem, upload="", lease_expires=None):
        _discard(dataset.upload, None)


def give_back_dataset(dataset: Dataset) -> None:
    """The worker is being stopped: another one, or the next start, begins anew."""
    _claimed(dataset).update(state=Dataset.State.WAITING, lease_expires=None)


def reclaim_lost_datasets() -> int:
    """Those whose worker has not been heard of wait again. Returns how many."""
    lost = Dataset.objects.filter(state=Dataset.State.PREPARING, lease_expires__lt=now_plus(0))
    return lost.update(state=Dataset.State.WAITING, lease_expires=None)


def _claimed(dataset: Dataset) -> Any:
    return Dataset.objects.filter(pk=dataset.pk, state=Dataset.State.PREPARING)


def _discard(upload: str, folder: Path | None) -> None:
    if upload:
        shutil.rmtree(settings.UPLOADS_DIR / Path(upload).parts[0], ignore_errors=True)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
