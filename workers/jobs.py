"""Doing the jobs that members asked for, one after the other, until none is left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")

import django
import structlog

django.setup()

from saliency_core.errors import SaliscopeError  # noqa: E402
from webapp.backups.restoring import BackupProblem, restore_backup  # noqa: E402
from webapp.backups.writing import write_backup  # noqa: E402
from webapp.benchmarks.archive_writing import write_archive  # noqa: E402
from webapp.benchmarks.selectors import benchmarks_for  # noqa: E402
from webapp.common.database import AWAY  # noqa: E402
from webapp.comparisons.pairing import paired_content  # noqa: E402
from webapp.jobs import services  # noqa: E402
from webapp.jobs.models import Job  # noqa: E402
from workers.lease_keeping import kept_meanwhile  # noqa: E402

log = structlog.get_logger(__name__)
HEARTBEAT_SECONDS = 15.0
# A few messages a second are enough, however small the steps.
REPORT_SECONDS = 0.3


class Stopped(BaseException):
    """The process was told to end."""


def main() -> int:
    """Does what waits. Returns 0 when nothing waits any more or the process was told to end, 1 where the database is
    away: the lease of what it was at runs out, and another process begins with it anew.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Stopped

    signal.signal(signal.SIGTERM, stop)
    with suppress(Stopped):
        try:
            run_waiting_jobs()
        except AWAY:
            log.warning("database_away", exc_info=True)
            return 1
    return 0


def run_waiting_jobs() -> int:
    """Does the jobs that wait and returns how many there were."""
    count = 0
    while (job := services.claim_job()) is not None:
        run_job(job)
        count += 1
    return count


def run_job(job: Job) -> None:
    """Does one claimed job and delivers what comes out, or the reason why nothing does. A database that is away is no
    such reason: it is raised.
    """
    last = 0.0

    def report(progress: float) -> None:
        nonlocal last
        if time.monotonic() - last >= REPORT_SECONDS:
            services.report_progress(job, progress)
            last = time.monotonic()

    try:
        with kept_meanwhile(lambda: services.keep_lease(job), HEARTBEAT_SECONDS):
            content, size = _RUNNERS[job.kind](job, report)
    except services.JobLost:
        services.discard_file(job)
    except Stopped:
        services.give_back_job(job)
        raise
    except AWAY:
        raise
    except (BackupProblem, SaliscopeError, OSError) as problem:
        services.fail_job(job, str(problem))
    except Exception as problem:
        log.exception("job_failed", job=job.pk)
        services.fail_job(job, f"{type(problem).__name__}: {problem}")
    else:
        services.finish_job(job, content=content, size=size)


def _compare(job: Job, report: Callable[[float], None]) -> tuple[dict[str, Any], int]:
    return paired_content(job.request, report), 0


def _archive(job: Job, report: Callable[[float], None]) -> tuple[dict[str, Any], int]:
    benchmark = benchmarks_for(job.owner).filter(pk=job.request["benchmark"]).first()
    if benchmark is None:
        raise SaliscopeError("The benchmark was deleted, or is no longer shared with you.")
    job.path.parent.mkdir(parents=True, exist_ok=True)
    write_archive(benchmark, job.path, report)
    return {}, job.path.stat().st_size


def _back_up(job: Job, report: Callable[[float], None]) -> tuple[dict[str, Any], int]:
    content = write_backup(
        job.owner, job.path, with_weights=bool(job.request.get("with_weights")), report=report
    )
    return content, job.path.stat().st_size


def _restore(job: Job, report: Callable[[float], None]) -> tuple[dict[str, Any], int]:
    # The archive stays until the job has ended: who takes over from a process that was stopped begins with it.
    return restore_backup(job.owner, job.path, report).to_dict(), 0


_RUNNERS: dict[str, Callable[[Job, Callable[[float], None]], tuple[dict[str, Any], int]]] = {
    Job.Kind.COMPARISON: _compare,
    Job.Kind.ARCHIVE: _archive,
    Job.Kind.BACKUP: _back_up,
    Job.Kind.RESTORE: _restore,
}


if __name__ == "__main__":
    raise SystemExit(main())
