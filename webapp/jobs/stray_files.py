"""Files that no job names any more: of processes that were killed, of uploads that broke off."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

import structlog
from django.conf import settings

from webapp.jobs.models import Job

AN_HOUR = 3600.0
UPLOADING = "uploading-"
"""How the names of archives begin that are still being kept."""
_OF_A_JOB = re.compile(rf"(?:{'|'.join(Job.Kind.values)})-(\d{{1,18}})\.(zip|part)")

log = structlog.get_logger(__name__)


def remove_stray_job_files() -> int:
    """Removes what belongs to no job that is under way or ready, once it is an hour old. Returns how many."""
    found = {
        path: number
        for path in _old(settings.STATE_DIR / "jobs")
        if (number := _job_number(path)) is not None
    }
    jobs = Job.objects.defer("content").in_bulk({number for number in found.values() if number})
    count = 0
    for path, number in found.items():
        job = jobs.get(number)
        kept = job is not None and (
            job.is_open
            or (job.state == Job.State.READY and job.kind != Job.Kind.RESTORE and path == job.path)
        )
        if not kept:
            count += _remove(path)
    if count:
        log.info("stray_job_files_removed", count=count)
    return count


def _job_number(path: Path) -> int | None:
    """0 for an upload that is not a job's yet; None for what is not ours."""
    if path.name.startswith(UPLOADING):
        return 0
    named = _OF_A_JOB.fullmatch(path.name)
    return int(named[1]) if named else None


def _old(folder: Path) -> list[Path]:
    try:
        return [path for path in sorted(folder.iterdir()) if time.time() - path.stat().st_mtime > AN_HOUR]
    except FileNotFoundError:
        return []


def _remove(path: Path) -> bool:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    return not path.exists()
