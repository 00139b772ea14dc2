"""What is done to workers: administrators stop and restart their taking of work; those long gone are forgotten."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from webapp.audit.models import AuditEvent
from webapp.audit.recording import record
from webapp.benchmarks.events import announce_workers
from webapp.benchmarks.models import WorkerNode
from webapp.benchmarks.selectors import is_live
from webapp.common import hints
from webapp.common.database import locked, now_plus

REMEMBERED_SECONDS = 7 * 24 * 3600.0


@transaction.atomic
def set_mode(*, worker: WorkerNode, mode: str) -> WorkerNode:
    """Says what a worker is to do from now on; it obeys within its next heartbeat. What it is at goes on.

    `paused`: it takes no new work and keeps its models loaded. `draining`: it takes no new work, and when it has
    finished what it is at, its process ends and gives its memory back; the one that the supervisor starts in its
    place is paused. `working`: it takes work again. No shard is lost or measured twice by any of these.

    Raises ValidationError for a worker that is not running and is to be drained.
    """
    row = locked(WorkerNode.objects.filter(pk=worker.pk)).get()
    if mode == WorkerNode.Mode.DRAINING and not is_live(row):
        raise ValidationError(
            _("%(name)s is not running: there is nothing to drain. Pause it, and it will start paused.")
            % {"name": row.name}
        )
    WorkerNode.objects.filter(pk=row.pk).update(mode=mode)
    row.mode = mode
    record(AuditEvent.Kind.WORKER_MODE, row, mode=str(mode))
    transaction.on_commit(announce_workers)
    if mode == WorkerNode.Mode.WORKING:
        wake = hints.wake_studio if row.kind == WorkerNode.Kind.STUDIO else hints.wake_benchmark_workers
        wake()
    return row


def forget_workers() -> None:
    """Deletes the rows of workers that have not been heard of for a week."""
    gone = WorkerNode.objects.filter(stopped_at__isnull=False, heartbeat_at__lt=now_plus(-REMEMBERED_SECONDS))
    # Asked for first: a deletion opens a transaction that writes, and this is called every second.
    if gone.exists():
        gone.delete()
