"""What members do about backups."""

from __future__ import annotations

import shutil
import uuid

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.audit.models import AuditEvent
from webapp.audit.recording import record
from webapp.common.database import locked
from webapp.jobs.models import Job
from webapp.jobs.services import delete_job, request_job
from webapp.jobs.stray_files import UPLOADING

KEPT_BACKUPS = 3


@transaction.atomic
def request_backup(*, owner: User, with_weights: bool = False) -> Job:
    """The backup that is being made for the member, or a new one; of finished ones the newest three are kept."""
    # Two requests at once must not both find none under way.
    locked(User.objects.filter(pk=owner.pk)).first()
    own = Job.objects.visible_to(owner).filter(kind=Job.Kind.BACKUP)
    under_way = own.filter(state__in=Job.OPEN).first()
    if under_way is not None:
        return under_way
    for old in own[KEPT_BACKUPS - 1 :]:
        delete_job(old)
    job = request_job(owner=owner, kind=Job.Kind.BACKUP, request={"with_weights": with_weights})
    record(AuditEvent.Kind.BACKUP_ASKED_FOR, job, actor=owner, with_weights=with_weights)
    return job


def request_restoring(*, owner: User, upload: UploadedFile) -> Job:
    """Keeps an uploaded backup and queues its restoring. Raises ValidationError (by field)."""
    _check_none_is_open(owner)
    if upload.read(4) != b"PK\x03\x04":
        raise ValidationError({"file": _("This is not a ZIP: choose the backup as it was downloaded.")})
    upload.seek(0)
    folder = settings.STATE_DIR / "jobs"
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{UPLOADING}{uuid.uuid4().hex}"
    try:
        # Before the transaction: nobody can write on SQLite while a large file is copied within one.
        with draft.open("wb") as file:
            shutil.copyfileobj(upload, file)
        with transaction.atomic():
            locked(User.objects.filter(pk=owner.pk)).first()
            _check_none_is_open(owner)
            job = Job.objects.create(owner=owner, kind=Job.Kind.RESTORE, state=Job.State.WAITING)
            record(AuditEvent.Kind.BACKUP_RESTORED, job, actor=owner)
            draft.replace(job.path)
    finally:
        draft.unlink(missing_ok=True)
    return job


def _check_none_is_open(owner: User) -> None:
    if Job.objects.visible_to(owner).filter(kind=Job.Kind.RESTORE, state__in=Job.OPEN).exists():
        raise ValidationError({"file": _("A backup is being restored. Wait until it is done, or cancel it.")})
