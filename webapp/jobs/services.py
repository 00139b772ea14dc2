"""Asking for jobs, and how the process that does them takes and delivers them. Rows are the truth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from webapp.accounts.models import User
from webapp.benchmarks.events import send
from webapp.common.database import database_time, locked_skipping, now_plus
from webapp.common.turns import in_turn, note_served
from webapp.jobs.models import Job, JobTurn
from webapp.live.notices import notify_members

log = structlog.get_logger(__name__)

LEASE_SECONDS = 60.0
MAX_ATTEMPTS = 3
KEPT_DAYS = {Job.Kind.ARCHIVE: 7, Job.Kind.BACKUP: 3, Job.Kind.RESTORE: 3, Job.Kind.COMPARISON: 30}
"""What is ready is removed after so many days, with its file."""


class JobLost(Exception):
    """The job was cancelled, or somebody else has it now: stop working on it."""


def job_group(job_id: int) -> str:
    return f"job.{job_id}"


@transaction.atomic
def request_job(*, owner: User, kind: str, request: dict[str, Any], digest: str = "") -> Job:
    """The member's job of that digest if there is one that is open or ready, else a new one that waits."""
    if digest:
        known = Job.objects.visible_to(owner).filter(
            kind=kind, digest=digest, state__in=[*Job.OPEN, Job.State.READY]
        )
        found = known.first()
        if found is not None:
            return found
    return Job.objects.create(owner=owner, kind=kind, request=request, digest=digest)


def cancel_superseded(job: Job) -> int:
    """Cancels the member's older jobs of this kind that still wait, as nobody looks at what they would find; not those
    of which somebody else wants the same. Returns how many.
    """
    wanted = (
        Job.objects.exclude(owner=job.owner_id).filter(kind=job.kind, state__in=Job.OPEN).exclude(digest="")
    )
    older = Job.objects.filter(owner=job.owner_id, kind=job.kind, pk__lt=job.pk).exclude(
        digest__in=wanted.values("digest")
    )
    return sum(cancel_job(each, states=[Job.State.WAITING]) for each in older.filter(state=Job.State.WAITING))


def cancel_job(job: Job, *, states: Sequence[str] = Job.OPEN) -> bool:
    """Stops a job that is not over, or is in one of these `states`. False if it was not."""
    stopped = Job.objects.filter(pk=job.pk, state__in=states).update(
        state=Job.State.CANCELLED, fence=F("fence") + 1, lease_expires=None, finished=Now()
    )
    if stopped:
        discard_file(job)
    _announce(job)
    return bool(stopped)


def delete_job(job: Job) -> None:
    """Removes a job and its file; one under way stops."""
    cancel_job(job)
    path = job.path
    job.delete()
    path.unlink(missing_ok=True)


def discard_file(job: Job) -> None:
    """Removes the file of a job that has ended without one: not what is ready, nor what a job that waits again, or that
    another process has by now, begins with. One that can't be removed is tried again later (see stray_files).
    """
    state = Job.objects.filter(pk=job.pk).values_list("state", flat=True).first()
    wanted = state in Job.OPEN or (state == Job.State.READY and job.kind != Job.Kind.RESTORE)
    if wanted:
        return
    try:
        job.path.unlink(missing_ok=True)
    except OSError as problem:
        log.warning("job_file_left", job=job.pk, problem=str(problem))


@transaction.atomic
def claim_job() -> Job | None:
    """The next job, leased to the caller, members in turn; None if none waits."""
    job = locked_skipping(in_turn(Job.objects.filter(state=Job.State.WAITING), JobTurn)).first()
    if job is None:
        return None
    note_served(job.owner_id, JobTurn)
    Job.objects.filter(pk=job.pk).update(
        state=Job.State.RUNNING,
        fence=F("fence") + 1,
        attempt=F("attempt") + 1,
        progress=0.0,
        lease_expires=now_plus(LEASE_SECONDS),
    )
    job.refresh_from_db()
    transaction.on_commit(lambda: _announce(job))
    return job


def keep_lease(job: Job) -> bool:
    """Heartbeat. False if the job is the caller's no more."""
    return bool(_mine(job).update(lease_expires=now_plus(LEASE_SECONDS)))


def report_progress(job: Job, progress: float) -> None:
    """Says how far it is, to those who watch it too. Raises JobLost."""
    if not _mine(job).update(progress=progress, lease_expires=now_plus(LEASE_SECONDS)):
        raise JobLost
    _announce(job)


def finish_job(job: Job, *, content: dict[str, Any], size: int = 0) -> bool:
    """It is done. False if the claim was lost meanwhile."""
    return _end(job, state=Job.State.READY, content=content, size=size, progress=1.0, problem="")


def fail_job(job: Job, problem: str) -> bool:
    """It can't be done, for a reason that is shown."""
    return _end(job, state=Job.State.FAILED, problem=problem)


def give_back_job(job: Job) -> bool:
    """The process is being stopped: the job waits again, and the attempt does not count."""
    given = _mine(job).update(
        state=Job.State.WAITING, fence=F("fence") + 1, attempt=F("attempt") - 1, lease_expires=None
    )
    return bool(given)


def jobs_wait() -> bool:
    return Job.objects.filter(state=Job.State.WAITING).exists()


def reclaim_lost_jobs() -> int:
    """Jobs whose process has not been heard of wait again, or fail after the last attempt, of which their members are
    told. Returns how many wait.
    """
    number = 0
    for job in Job.objects.filter(state=Job.State.RUNNING, lease_expires__lt=Now()).defer("content"):
        # Of the claim that was lost: a process that has been heard of meanwhile keeps its job.
        lost = _mine(job).filter(lease_expires__lt=Now())
        if job.attempt < MAX_ATTEMPTS:
            number += lost.update(state=Job.State.WAITING, fence=F("fence") + 1, lease_expires=None)
            _announce(job)
        elif lost.update(
            state=Job.State.FAILED,
            problem="The process that was at it stopped without a word, three times.",
            lease_expires=None,
            finished=Now(),
        ):
            _tell_of_the_end(job)
    return number


def remove_old_jobs() -> int:
    """Removes what has been kept long enough, with its files. Returns how many."""
    now = database_time()
    old = Q()
    for kind, days in KEPT_DAYS.items():
        old |= Q(kind=kind, finished__lt=now - timedelta(days=days))
    jobs = list(Job.objects.filter(old).exclude(state__in=Job.OPEN))
    for job in jobs:
        delete_job(job)
    return len(jobs)


def _mine(job: Job) -> Any:
    return Job.objects.filter(pk=job.pk, fence=job.fence, state=Job.State.RUNNING)


def _end(job: Job, **fields: Any) -> bool:
    ended = _mine(job).update(lease_expires=None, finished=Now(), **fields)
    if ended:
        _tell_of_the_end(job)
    else:
        discard_file(job)
        _announce(job)
    return bool(ended)


def _tell_of_the_end(job: Job) -> None:
    discard_file(job)
    _announce(job)
    if job.kind == Job.Kind.ARCHIVE:
        # Whatever page its owner is on by now.
        notify_members([job.owner_id], "archive", job.pk)


def _announce(job: Job) -> None:
    send(job_group(job.pk), {"type": "job.changed"})
