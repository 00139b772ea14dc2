"""The archive of a benchmark, which a job makes: asked for, watched, given up, fetched when it is ready."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.urls import reverse

from webapp.accounts.models import User
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.selectors import benchmarks_for
from webapp.benchmarks.summaries import result_counts
from webapp.common.database import locked
from webapp.jobs.models import Job
from webapp.jobs.services import KEPT_DAYS, delete_job, request_job


@dataclass(frozen=True)
class Archive:
    """What the page shows of a member's archive. `current`: it has all that the benchmark has now."""

    job: Job
    current: bool
    until: datetime | None

    @property
    def is_to_be_made(self) -> bool:
        """Whether asking for it again would bring anything."""
        return not self.job.is_open and not (self.current and self.job.state == Job.State.READY)


def archive_jobs(user: User, benchmark: Benchmark) -> Any:
    """The member's own of this benchmark, newest first."""
    return Job.objects.visible_to(user).filter(kind=Job.Kind.ARCHIVE, request__benchmark=benchmark.pk)


@transaction.atomic
def request_archive(*, owner: User, benchmark: Benchmark) -> Job:
    """The member's archive of what the benchmark has now, or the one that is being made; else a new job for it. The
    member's earlier archives of the benchmark are removed.
    """
    # Two requests at once must not both find none under way.
    locked(User.objects.filter(pk=owner.pk)).first()
    own = list(archive_jobs(owner, benchmark))
    under_way = next((job for job in own if job.is_open), None)
    if under_way is not None:
        return under_way
    digest = _state(benchmark)
    made = next((job for job in own if job.digest == digest and _is_there(job)), None)
    for job in own:
        if job is not made:
            delete_job(job)
    if made is not None:
        return made
    asked = {"benchmark": benchmark.pk}
    return request_job(owner=owner, kind=Job.Kind.ARCHIVE, request=asked, digest=digest)


def archive_of(user: User, benchmark: Benchmark) -> Archive | None:
    """The member's newest archive of the benchmark, whatever became of it; None if none was asked for."""
    job = archive_jobs(user, benchmark).first()
    if job is None or (job.state == Job.State.READY and not job.path.is_file()):
        return None
    until = job.finished and job.finished + timedelta(days=KEPT_DAYS[Job.Kind.ARCHIVE])
    return Archive(job, job.digest == _state(benchmark), until)


def ready_archive(user: User, benchmark: Benchmark) -> Job | None:
    """The member's newest archive that can be fetched."""
    return next((job for job in archive_jobs(user, benchmark) if _is_there(job)), None)


def archive_notice(user: User, key: int) -> dict[str, Any] | None:
    """`name`, `state`, `url` of an archive that is ready or has failed; None if the member may not see it."""
    over = [Job.State.READY, Job.State.FAILED]
    job = Job.objects.visible_to(user).filter(pk=key, kind=Job.Kind.ARCHIVE, state__in=over).first()
    benchmark = job and benchmarks_for(user).filter(pk=job.request["benchmark"]).first()
    if job is None or benchmark is None:
        return None
    address = reverse("benchmarks:detail", args=[benchmark.pk])
    return {"job": job.pk, "name": str(benchmark), "state": job.state, "url": address}


def _is_there(job: Job) -> bool:
    return job.state == Job.State.READY and job.path.is_file()


def _state(benchmark: Benchmark) -> str:
    """The same as long as the archive would be."""
    state = [
        benchmark.pk,
        benchmark.created.isoformat(),
        # In its report, and in names of files.
        benchmark.name,
        benchmark.state,
        benchmark.figures_complete,
        benchmark.figures_shards,
    ]
    counts = sorted(result_counts(benchmark).items())
    return hashlib.sha256(json.dumps([state, counts]).encode()).hexdigest()
