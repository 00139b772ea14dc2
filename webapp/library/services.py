"""What is done to classifiers and data sets. Opening model files is the workers' business, never this process's."""

from __future__ import annotations

import re
import shutil
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from saliency_core.classifiers.catalogue import BUILTIN_CLASSIFIERS
from saliency_core.datasets.base import open_dataset
from saliency_core.errors import DatasetError
from webapp.accounts.languages import in_language_of
from webapp.accounts.models import User
from webapp.audit.models import AuditEvent
from webapp.audit.recording import record
from webapp.common import hints, leases
from webapp.common.database import locked, locked_skipping
from webapp.library.compatibility import reclaim_lost_reports
from webapp.library.dataset_looks import row_fields
from webapp.library.events import announce_on_commit
from webapp.library.model_files import check_model_room
from webapp.library.models import Classifier, Dataset, ForwardRate
from webapp.library.notices import notify_prepared
from webapp.library.stored_files import stored_files

WEIGHTS_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
ONNX_SUFFIXES = (".onnx",)
LONGEST_FILE_NAME = 100
_NOTHING_DONE: dict[str, Any] = {"step": "", "bytes_done": 0, "bytes_total": 0}
ARCHITECTURE_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,120}")


def register_builtin_classifiers() -> None:
    """Makes the rows of the built-in classifiers agree with the catalogue; what they have become is kept."""
    for builtin in BUILTIN_CLASSIFIERS:
        Classifier.objects.update_or_create(
            key=builtin.key,
            defaults={
                "name": builtin.title,
                "library": builtin.library,
                "architecture": builtin.architecture,
                "family": builtin.family,
                "preprocessing": builtin.preprocessing.to_dict(),
            },
        )


@transaction.atomic
def request_preparation(classifier: Classifier, *, asked_by: User | None = None) -> None:
    """Asks the studio worker to get the weights and look at the model; nothing happens if it is ready or under way, or
    if the file that was uploaded for it is gone.
    """
    states = [Classifier.State.NOT_FETCHED, Classifier.State.FAILED, Classifier.State.CANCELLED]
    askable = Classifier.objects.filter(pk=classifier.pk, state__in=states).exclude(key=None, upload="")
    asked = askable.update(
        state=Classifier.State.WAITING, asked_by=asked_by, problem="", **_NOTHING_DONE, **leases.anew()
    )
    if asked:
        classifier.refresh_from_db()
        hints.wake_studio()
        announce_on_commit(classifier.pk)


@transaction.atomic
def cancel_preparation(classifier: Classifier) -> bool:
    """Gives up a preparation that waits or is under way; what was uploaded stays, so that it can be asked for again.
    False if there was none.
    """
    states = [Classifier.State.WAITING, Classifier.State.PREPARING]
    stopped = Classifier.objects.filter(pk=classifier.pk, state__in=states).update(
        state=Classifier.State.CANCELLED, problem="", **_NOTHING_DONE, **leases.anew()
    )
    if stopped:
        classifier.refresh_from_db()
        announce_on_commit(classifier.pk)
        notify_prepared(classifier)
    return bool(stopped)


def import_classifier(
    *,
    owner: User,
    name: str,
    library: str,
    architecture: str,
    weights: UploadedFile,
    preprocessing: dict[str, Any],
    class_names: list[str] | None = None,
    output_activation: str = Classifier.Activation.SOFTMAX,
) -> Classifier:
    """Keeps an uploaded weights file, or ONNX file, and queues its conversion and check. ONNX files bring their own
    architecture: its name is left empty.

    Raises ValidationError (by field) if the name is taken, the architecture's name is malformed, the file is of a kind
    that is never accepted, or the member's models have no room for it. Whether the tensors fit is told by the row once
    a worker has looked.
    """
    problem = why_not_accepted(library, weights.name or "")
    if problem:
        raise ValidationError({"weights": problem})
    if library == Classifier.Library.ONNX:
        architecture = ""
    elif not ARCHITECTURE_NAME.fullmatch(architecture):
        raise ValidationError(
            {"architecture": _("Give the architecture's name as torchvision or timm spell it.")}
        )
    classifier = Classifier(
        owner=owner,
        name=name,
        library=library,
        architecture=architecture,
        preprocessing=preprocessing,
        class_names=class_names or [],
        output_activation=output_activation,
        state=Classifier.State.WAITING,
    )
    # The description is the worker's to write.
    classifier.full_clean(exclude=["description", "compatibility"])
    size = weights.size or 0
    check_model_room(owner, size)
    classifier.upload = _keep_upload(weights)
    try:
        with transaction.atomic():
            # Two uploads at once must not both take the last room.
            locked(User.objects.filter(pk=owner.pk)).first()
            check_model_room(owner, size)
            classifier.save()
            record(
                AuditEvent.Kind.MODEL_IMPORTED,
                classifier,
                file=Path(weights.name or "").name[-LONGEST_FILE_NAME:],
            )
            hints.wake_studio()
    except BaseException:
        discard_upload(classifier)
        raise
    return classifier


def why_not_accepted(library: str, file_name: str) -> str | None:
    """Why a file is not taken for a model of a library, told by its name alone; None if it is."""
    suffix = Path(file_name).suffix.lower()
    if library == Classifier.Library.ONNX:
        if suffix in ONNX_SUFFIXES:
            return None
        return _(
            "Upload the network as one .onnx file: torch.onnx.export(…, external_data=False); this is “%(name)s”. "
            "For weights alone, choose torchvision or timm as the library."
        ) % {"name": file_name}
    if suffix in ONNX_SUFFIXES:
        return _("“%(name)s” brings its own network: choose ONNX as the library.") % {"name": file_name}
    if suffix in WEIGHTS_SUFFIXES:
        return None
    return _(
        "Upload a .safetensors file, or a state dict saved as .pt, .pth or .bin; this is “%(name)s”."
    ) % {"name": file_name}


def _keep_upload(upload: UploadedFile) -> str:
    """Writes the file into a folder of its own, where it keeps its name, as messages will call it by that."""
    name = f"{uuid.uuid4().hex}/{Path(upload.name or '').name[-LONGEST_FILE_NAME:]}"
    target = settings.UPLOADS_DIR / name
    target.parent.mkdir(parents=True)
    try:
        with target.open("wb") as file:
            shutil.copyfileobj(upload, file)
    except BaseException:
        shutil.rmtree(target.parent, ignore_errors=True)
        raise
    return name


def discard_upload(classifier: Classifier) -> None:
    """Removes the file as it was uploaded: it is never opened again."""
    if classifier.upload:
        shutil.rmtree((settings.UPLOADS_DIR / classifier.upload).parent, ignore_errors=True)


@transaction.atomic
def delete_classifier(classifier: Classifier) -> None:
    """Deletes a member's own classifier with the maps and settings for it, and its weights unless another one has
    the same. Raises ValidationError if benchmarks use it.
    """
    users = classifier.benchmarks.count()
    if users:
        raise ValidationError(
            _("%(name)s cannot be deleted: %(count)d benchmarks use it. Delete those first.")
            % {"name": classifier.name, "count": users}
        )
    # The studio builds on this app.
    from webapp.studio.services import discard_files_on_commit

    transaction.on_commit(lambda: discard_upload(classifier))
    transaction.on_commit(lambda: discard_weights(classifier.weights_sha256))
    discard_files_on_commit(classifier.explanations.all())
    announce_on_commit(classifier.pk)
    record(AuditEvent.Kind.DELETED, classifier)
    classifier.delete()


def discard_weights(sha256: str, *, but_for: Classifier | None = None) -> None:
    """Removes stored weights that no classifier has, `but_for` one; not while another is being prepared: it may have
    stored them just now, and its row says so only when it is ready.
    """
    wanted = Classifier.objects.filter(
        Q(weights_sha256=sha256) | Q(state=Classifier.State.PREPARING)
    ).exclude(pk=but_for.pk if but_for else None)
    if wanted.exists():
        return
    for path in stored_files(sha256):
        # Set aside first and looked for again: whoever has claimed a classifier since finds them, or stores them anew.
        draft = path.with_name(f"tmp{uuid.uuid4().hex}.part")
        with suppress(FileNotFoundError):
            path.rename(draft)
            if wanted.all().exists() and not path.exists():
                draft.rename(path)
            draft.unlink(missing_ok=True)


@transaction.atomic
def claim_preparation() -> Classifier | None:
    """The next classifier to prepare, leased to the caller; None if there is none."""
    waiting = leases.due(Classifier.objects.filter(state=Classifier.State.WAITING))
    return _claimed(locked_skipping(waiting.order_by("pk")).first())


@transaction.atomic
def claim_first_preparation(classifier: Classifier) -> Classifier | None:
    """This classifier, which nobody has asked for yet, leased to the caller; None if it is under way or done."""
    untouched = Classifier.objects.filter(pk=classifier.pk, state=Classifier.State.NOT_FETCHED)
    return _claimed(locked_skipping(untouched).first())


def _claimed(classifier: Classifier | None) -> Classifier | None:
    if classifier is None:
        return None
    Classifier.objects.filter(pk=classifier.pk).update(
        state=Classifier.State.PREPARING, **_NOTHING_DONE, **leases.taken()
    )
    classifier.refresh_from_db()
    return classifier


def begin_preparation_step(classifier: Classifier, step: str) -> bool:
    """Says what is done now. False if the claim was lost, or the preparation cancelled."""
    return bool(_held(classifier).update(step=step))


def report_preparation_progress(classifier: Classifier, done: int, total: int) -> bool:
    """Says how many bytes of the weights are here. False as above."""
    return bool(_held(classifier).update(bytes_done=done, bytes_total=total))


def keep_preparation(classifier: Classifier) -> bool:
    """Extends the lease of a classifier that is being prepared or looked at. False as above."""
    return bool(leases.keep([classifier]))


@transaction.atomic
def finish_preparation(
    classifier: Classifier,
    *,
    description: dict[str, Any],
    weights_sha256: str,
    compatibility: dict[str, Any] | None = None,
) -> bool:
    """The classifier is ready: its weights are stored under their SHA-256 and its layers are known.

    False, and nothing is kept, if the claim was lost meanwhile.
    """
    finished = _held(classifier).update(
        state=Classifier.State.READY,
        step="",
        problem="",
        description=description,
        family=description["family"],
        weights_sha256=weights_sha256,
        compatibility=compatibility or {},
        upload="",
        lease_expires=None,
        attempt=0,
    )
    if not finished:
        transaction.on_commit(lambda: discard_weights(weights_sha256))
        return False
    hints.wake_benchmark_workers()
    notify_prepared(classifier)
    return True


def give_back_preparation(classifier: Classifier) -> None:
    """The worker is being stopped: another one, or the next start, goes on."""
    _held(classifier).update(state=Classifier.State.WAITING, step="", **leases.given_back())


def fail_preparation(classifier: Classifier, problem: str) -> bool:
    """The classifier can't be used, for a reason that its page shows; what was uploaded is not kept. False, and nothing
    is kept, if the claim was lost meanwhile.
    """
    failed = _held(classifier).update(
        state=Classifier.State.FAILED, step="", problem=problem, upload="", lease_expires=None, attempt=0
    )
    if failed:
        notify_prepared(classifier)
    return bool(failed)


def _held(classifier: Classifier) -> QuerySet[Classifier]:
    return leases.held(classifier).filter(state=Classifier.State.PREPARING)


def describe_architecture(classifier: Classifier, description: dict[str, Any]) -> None:
    """Keeps what is known of a classifier without its weights: layers and map sizes."""
    Classifier.objects.filter(pk=classifier.pk).update(description=description, family=description["family"])


def record_forward_rate(
    classifier: Classifier, *, device: str, precision: str, images_per_second: float, batch_size: int
) -> None:
    """Keeps what a worker measured when it met the classifier for the first time: its rate with its best batch."""
    ForwardRate.objects.update_or_create(
        classifier=classifier,
        device=device,
        precision=precision,
        defaults={"images_per_second": images_per_second, "batch_size": batch_size},
    )


def correct_forward_rate(
    classifier: Classifier, *, device: str, precision: str, images_per_second: float
) -> None:
    """Moves a rate half-way to what real work achieved: a short measurement may have met a busy machine."""
    ForwardRate.objects.filter(classifier=classifier, device=device, precision=precision).update(
        images_per_second=(F("images_per_second") + images_per_second) / 2, measured_at=Now()
    )


def correct_batch_size(classifier: Classifier, *, device: str, precision: str, batch_size: int) -> None:
    """Keeps a smaller batch size: with the one before, memory ran out."""
    ForwardRate.objects.filter(classifier=classifier, device=device, precision=precision).update(
        batch_size=batch_size
    )


def register_dataset(*, name: str, format: str, path: Path) -> Dataset:
    """Registers a folder, or looks at it again if the name is registered with the same path.

    Raises DatasetError (saliency_core) with a message that says what to do, if the folder is missing, holds no
    images or the name belongs to another folder.
    """
    path = path.expanduser().resolve()
    _check_free_for(path, Dataset.objects.filter(name=name, owner=None).first())
    fields = {"format": format, "path": str(path), "state": Dataset.State.READY, "problem": ""}
    # Every image is read for this, and meanwhile others are to write.
    fields |= row_fields(open_dataset(format, path), path)
    with transaction.atomic():
        _check_free_for(path, locked(Dataset.objects.filter(name=name, owner=None)).first())
        registered, created = Dataset.objects.update_or_create(name=name, owner=None, defaults=fields)
        if created:
            record(AuditEvent.Kind.DATASET_ADDED, registered, path=str(path))
    return registered


def _check_free_for(path: Path, existing: Dataset | None) -> None:
    """Raises DatasetError where what is registered of that name is another folder."""
    if existing is not None and Path(existing.path) != path:
        raise DatasetError(
            f"The name “{existing.name}” is registered for {existing.path}. Choose another name, or delete that data "
            "set first."
        )


def reclaim_lost_preparations() -> int:
    """Preparations whose worker has not been heard of wait again, or fail after the last attempt. Returns how many
    wait.
    """
    found = leases.lost(Classifier.objects.filter(state=Classifier.State.PREPARING)).select_related("owner")
    number = 0
    for classifier in found.defer("description", "class_names", "compatibility"):
        if leases.tries_again(classifier, state=Classifier.State.WAITING, step=""):
            number += 1
        elif classifier.attempt >= leases.MAX_ATTEMPTS:
            _set_aside(classifier)
        announce_on_commit(classifier.pk)
    return number + reclaim_lost_reports()


def _set_aside(classifier: Classifier) -> None:
    """What was uploaded stays: the machine may be to blame, and then it can be tried again."""
    with in_language_of(classifier.owner):
        problem = _(
            "%(number)d times the worker ended without a word while it prepared this model: the file may need more "
            "memory than there is. Try again when less is going on; if that does not help, import a smaller model."
        ) % {"number": leases.MAX_ATTEMPTS}
    given_up = leases.lost(_held(classifier)).update(
        state=Classifier.State.FAILED, problem=problem, step="", lease_expires=None
    )
    if given_up:
        notify_prepared(classifier)
