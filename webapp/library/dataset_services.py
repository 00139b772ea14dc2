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
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from saliency_core.datasets.archive_formats import ArchiveError
from saliency_core.datasets.archives import ARCHIVE_SUFFIXES
from webapp.accounts.languages import in_language_of
from webapp.accounts.models import User
from webapp.audit.models import AuditEvent
from webapp.audit.recording import record
from webapp.common import hints, leases
from webapp.common.database import locked, locked_skipping
from webapp.library.dataset_events import announce_on_commit
from webapp.library.dataset_looks import AUTOMATIC
from webapp.library.models import Dataset
from webapp.library.notices import notify_prepared
from webapp.library.services import _keep_upload

MEBIBYTE = 1024**2
ABOUT = "about.json"
_NOTHING_DONE: dict[str, Any] = {"step": "", "done": 0, "total": 0}


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
    _check_room(owner, size)
    dataset = Dataset(
        owner=owner, name=name, format=format, shared_with_lab=shared_with_lab, state=Dataset.State.WAITING
    )
    _validate(dataset)
    dataset.upload = _keep_upload(archive)
    try:
        with transaction.atomic():
            # Two uploads at once must not both take the last room.
            locked(User.objects.filter(pk=owner.pk)).first()
            _check_room(owner, size)
            _save(dataset)
            record(AuditEvent.Kind.DATASET_ADDED, dataset, file=Path(archive.name or "").name[-100:])
            hints.wake_studio()
    except BaseException:
        _discard(dataset.upload, None)
        raise
    return dataset


def _check_room(owner: User, size: int) -> None:
    free = settings.DATASET_QUOTA_BYTES - bytes_used(owner)
    if size > free:
        raise ValidationError(
            {"archive": _("Your data sets may take %(quota)d MiB, of which %(free)d are free. Delete one first.")
             % {"quota": settings.DATASET_QUOTA_BYTES // MEBIBYTE, "free": max(0, free) // MEBIBYTE}}
        )  # fmt: skip


@transaction.atomic
def register_folder(*, name: str, format: str, path: Path, asked_by: User | None = None) -> Dataset:
    """Registers a folder of the server for the lab; a worker reads every file. Raises ValidationError."""
    dataset = Dataset(
        name=name, format=format, path=str(_allowed(path)), state=Dataset.State.WAITING, asked_by=asked_by
    )
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

    Raises ValidationError, also where a worker is reading the folder that is to be another one: cancel that first. What
    benchmarks have measured keeps the name and the fingerprint that it was made with.
    """
    # As it is now: a worker may have finished it since it was read.
    row = locked(Dataset.objects.filter(pk=dataset.pk)).get()
    row.name, fields = name, ["name"]
    if row.owner_id is not None and shared_with_lab is not None:
        if row.shared_with_lab != shared_with_lab:
            kind = AuditEvent.Kind.SHARED if shared_with_lab else AuditEvent.Kind.SHARE_WITHDRAWN
            record(kind, row, with_whom="lab")
        row.shared_with_lab = shared_with_lab
        fields.append("shared_with_lab")
    moved = False
    if row.owner_id is None and path:
        new = str(_allowed(Path(path))), format or row.format
        moved = new != (row.path, row.format)
        if moved and row.state == Dataset.State.PREPARING:
            raise ValidationError(
                {"path": _("A worker is reading the folder. Wait until it is done, or cancel it first.")}
            )
        row.path, row.format = new
        fields += ["path", "format"] if moved else []
    _validate(row)
    _save(row, update_fields=fields)
    if moved:
        look_again(row)
    dataset.refresh_from_db()
    return dataset


@transaction.atomic
def look_again(dataset: Dataset, *, asked_by: User | None = None) -> None:
    """Asks a worker to look at the folder anew, or at an archive that is still there; nothing happens while it waits
    for one or is being looked at.
    """
    states = [Dataset.State.READY, Dataset.State.FAILED, Dataset.State.CANCELLED]
    askable = Dataset.objects.filter(pk=dataset.pk, state__in=states).exclude(path="", upload="")
    asked = askable.update(
        state=Dataset.State.WAITING, asked_by=asked_by, problem="", **_NOTHING_DONE, **leases.anew()
    )
    if asked:
        dataset.refresh_from_db()
        hints.wake_studio()
        announce_on_commit(dataset)


@transaction.atomic
def cancel_dataset(dataset: Dataset) -> bool:
    """Gives up a preparation that waits or is under way; the archive stays, so that it can be asked for again. False if
    there was none.
    """
    states = [Dataset.State.WAITING, Dataset.State.PREPARING]
    stopped = Dataset.objects.filter(pk=dataset.pk, state__in=states).update(
        state=Dataset.State.CANCELLED, problem="", **_NOTHING_DONE, **leases.anew()
    )
    if stopped:
        dataset.refresh_from_db()
        announce_on_commit(dataset)
        notify_prepared(dataset)
    return bool(stopped)


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
    # The studio builds on this app.
    from webapp.studio.services import discard_files_on_commit

    upload, folder = dataset.upload, files_folder(dataset)
    transaction.on_commit(lambda: _discard(upload, folder))
    discard_files_on_commit(dataset.explanations.all())
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
    """Where the worker that has claimed a data set unpacks it: a place of its own for each claim, as one that was
    thought dead may still be writing.
    """
    return members_folder() / f"{Path(dataset.upload).parts[0]}-{dataset.fence}"


def discard_attempts(upload: str, *, before: int | None = None) -> None:
    """Removes what was unpacked of an archive that is not ready yet: all of it, or that of claims before a fence."""
    for folder in members_folder().glob(f"{Path(upload).parts[0]}*"):
        fence = folder.name.partition("-")[2]
        if before is None or not fence.isdecimal() or int(fence) < before:
            shutil.rmtree(folder, ignore_errors=True)


def files_folder(dataset: Dataset) -> Path | None:
    """The folder that was made for a member's data set; None where it is not ours to remove."""
    if dataset.owner_id is None or not dataset.path:
        return None
    place = Path(dataset.path)
    if not place.is_relative_to(members_folder()):
        return None
    return members_folder() / place.relative_to(members_folder()).parts[0]


def is_kept_in(dataset: Dataset, folder: Path) -> bool:
    """Whether the data set, as it is now, lies in this folder."""
    path = Dataset.objects.filter(pk=dataset.pk).values_list("path", flat=True).first()
    return bool(path) and Path(path).is_relative_to(folder)


def bytes_used(owner: User, *, but_for: Dataset | None = None) -> int:
    """What a member's data sets take, `but_for` one: unpacked, or as archives that wait."""
    used = 0
    others = Dataset.objects.filter(owner=owner).exclude(pk=but_for.pk if but_for else None)
    for dataset in others.only("path", "upload", "owner"):
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
    waiting = leases.due(Dataset.objects.filter(state=Dataset.State.WAITING))
    dataset = locked_skipping(waiting.order_by("pk")).first()
    if dataset is None:
        return None
    Dataset.objects.filter(pk=dataset.pk).update(
        state=Dataset.State.PREPARING, **_NOTHING_DONE, **leases.taken()
    )
    dataset.refresh_from_db()
    return dataset


def keep_dataset_lease(dataset: Dataset) -> bool:
    """Extends the lease; False where the data set is not this worker's any more: lost, cancelled or deleted."""
    return bool(leases.keep([dataset]))


def report_dataset_progress(dataset: Dataset, step: str, done: int = 0, total: int = 0) -> bool:
    """Says what is done now, and how far it is: bytes of the archive, or images. False as above."""
    return bool(_held(dataset).update(step=step, done=done, total=total))


def finish_dataset(dataset: Dataset, *, format: str, path: Path, fields: dict[str, Any]) -> bool:
    """The data set is ready. False, and nothing is written, if it was deleted meanwhile or is somebody else's.

    Raises ArchiveError where its owner has no room for what was unpacked: another one may have been done meanwhile.
    """
    if not _finished(dataset, format, path, fields):
        return False
    _discard_upload(dataset.upload)
    return True


@transaction.atomic
def _finished(dataset: Dataset, format: str, path: Path, fields: dict[str, Any]) -> bool:
    if dataset.upload:
        locked(User.objects.filter(pk=dataset.owner_id)).first()
        free = settings.DATASET_QUOTA_BYTES - bytes_used(dataset.owner, but_for=dataset)
        if _noted_bytes(folder_for_upload(dataset)) > free:
            raise ArchiveError("total", most=max(0, free) // MEBIBYTE)
    ready = {
        **fields,
        **_NOTHING_DONE,
        "format": format,
        "path": str(path),
        "upload": "",
        "problem": "",
        "state": Dataset.State.READY,
        "lease_expires": None,
        "attempt": 0,
    }
    if not _held(dataset).update(**ready):
        return False
    notify_prepared(dataset)
    return True


def fail_dataset(dataset: Dataset, problem: str) -> None:
    """The data set can't be used, for a reason that its page shows; its archive is not kept."""
    failed = _held(dataset).update(
        state=Dataset.State.FAILED,
        problem=problem,
        upload="",
        lease_expires=None,
        attempt=0,
        **_NOTHING_DONE,
    )
    if failed:
        _discard(dataset.upload, None)
        notify_prepared(dataset)


def give_back_dataset(dataset: Dataset) -> None:
    """The worker is being stopped: another one, or the next start, begins anew."""
    _held(dataset).update(state=Dataset.State.WAITING, **_NOTHING_DONE, **leases.given_back())


def reclaim_lost_datasets() -> int:
    """Those whose worker has not been heard of wait again, or fail after the last attempt. Returns how many wait."""
    found = leases.lost(Dataset.objects.filter(state=Dataset.State.PREPARING)).select_related("owner")
    number = 0
    for dataset in found.defer("classes", "problems"):
        if leases.tries_again(dataset, state=Dataset.State.WAITING, **_NOTHING_DONE):
            number += 1
        elif dataset.attempt >= leases.MAX_ATTEMPTS:
            _set_aside(dataset)
        announce_on_commit(dataset)
    return number


def _set_aside(dataset: Dataset) -> None:
    """The archive stays: the machine may be to blame, and then it can be tried again."""
    with in_language_of(dataset.owner):
        problem = _(
            "%(number)d times the worker ended without a word while it prepared this data set: a file in it may need "
            "more memory than there is. Try again when less is going on; if that does not help, leave out the largest "
            "files."
        ) % {"number": leases.MAX_ATTEMPTS}
    given_up = leases.lost(_held(dataset)).update(
        state=Dataset.State.FAILED, problem=problem, lease_expires=None, **_NOTHING_DONE
    )
    if given_up:
        if dataset.upload:
            discard_attempts(dataset.upload)
        notify_prepared(dataset)


def _held(dataset: Dataset) -> QuerySet[Dataset]:
    return leases.held(dataset).filter(state=Dataset.State.PREPARING)


def _discard(upload: str, folder: Path | None) -> None:
    if upload:
        _discard_upload(upload)
        discard_attempts(upload)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _discard_upload(upload: str) -> None:
    if upload:
        shutil.rmtree(settings.UPLOADS_DIR / Path(upload).parts[0], ignore_errors=True)
