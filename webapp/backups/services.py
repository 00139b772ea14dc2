"""What members do about backups."""

from __future__ import annotations

import shutil

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.audit.models import AuditEvent
from webapp.audit.recording import record
from webapp.jobs.models import Job
from webapp.jobs.services import delete_job, request_job

KEPT_BACKUPS = 3


@transaction.atomic
def request_backup(*, owner: User, with_weights: bool = False) -> Job:
    """The backup that is being made for the member, or a new one; of finished ones the newest three are kept."""
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
    if Job.objects.visible_to(owner).filter(kind=Job.Kind.RESTORE, state__in=Job.OPEN).exists():
        raise ValidationError({"file": _("A backup is being restored. Wait until it is done, or cancel it.")})
    if upload.read(4) != b"PK\x03\x04":
        raise ValidationError({"file": _("This is not a ZIP: choose the backup as it was downloaded.")})
    upload.seek(0)
    with transaction.atomic():
        job = Job.objects.create(owner=owner, kind=Job.Kind.RESTORE, state=Job.State.WAITING)
        job.path.parent.mkdir(parents=True, exist_ok=True)
        with job.path.open("wb") as file:
            shutil.copyfileobj(upload, file)
        record(AuditEvent.Kind.BACKUP_RESTORED, job, actor=owner)
    return job
