"""Making a data set ready: unpack a member's archive, look at the folder, say what is in it and what is wrong."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from saliency_core.datasets.archive_formats import ArchiveError
from saliency_core.datasets.archives import ArchiveLimits, Unpacked, unpack
from saliency_core.errors import Interrupted, SaliscopeError
from webapp.library import dataset_services as services
from webapp.library.dataset_events import announce_dataset, announce_unpacking
from webapp.library.dataset_forms import UPLOAD_FORMATS
from webapp.library.dataset_looks import open_folder, row_fields
from webapp.library.models import Dataset
from webapp.library.open_datasets import without_path
from workers import stopping

log = structlog.get_logger(__name__)
PROGRESS_EVERY_SECONDS = 0.5


def prepare_dataset(row: Dataset) -> None:
    """Prepares a claimed data set; whatever goes wrong is told by its row, in its owner's language."""
    announce_dataset(row)
    with translation.override(
        row.owner.language if row.owner and row.owner.language else settings.LANGUAGE_CODE
    ):
        folder = services.folder_for_upload(row) if row.upload else None
        try:
            done = _unpacked_and_looked_at(row, folder) if folder else _looked_at(row, Path(row.path), [])
        except Interrupted:
            done = False
            services.give_back_dataset(row)
        except SaliscopeError as problem:
            done = False
            services.fail_dataset(row, _reason(problem, row, folder))
        except Exception as problem:
            done = False
            log.exception("data_set_not_prepared", dataset=row.pk)
            services.fail_dataset(
                row, without_path(f"{type(problem).__name__}: {problem}", folder or row.path)
            )
    if folder is not None and not done:
        shutil.rmtree(folder, ignore_errors=True)
    announce_dataset(row)


def _unpacked_and_looked_at(row: Dataset, folder: Path) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    free = settings.DATASET_QUOTA_BYTES - services.bytes_used(row.owner)
    limits = ArchiveLimits(
        total_bytes=max(1, min(settings.DATASET_UNPACKED_BYTES, free)),
        file_bytes=settings.DATASET_FILE_BYTES,
        entries=settings.DATASET_ENTRIES,
    )
    unpacked = unpack(settings.UPLOADS_DIR / row.upload, folder / "files", limits, _reporter(row))
    services.note_bytes(folder, unpacked.bytes)
    return _looked_at(row, folder / "files", unpacked.passed_over, unpacked)


def _looked_at(
    row: Dataset, path: Path, passed_over: list[dict[str, str]], unpacked: Unpacked | None = None
) -> bool:
    found = open_folder(row.format, path)
    if unpacked is not None and found.format not in UPLOAD_FORMATS:
        raise ArchiveError("nothing")
    fields = row_fields(found.dataset, path)
    fields["problems"] = [*passed_over, *fields["problems"]]
    if stopping.requested():
        raise Interrupted
    return services.finish_dataset(row, format=found.format, path=found.path, fields=fields)


def _reason(problem: SaliscopeError, row: Dataset, folder: Path | None) -> str:
    if isinstance(problem, ArchiveError):
        return _(problem.template) % problem.values if problem.values else _(problem.template)
    return without_path(str(problem), folder / "files" if folder else row.path)


def _reporter(row: Dataset) -> Callable[[int, int], None]:
    last = 0.0

    def report(done: int, total: int) -> None:
        nonlocal last
        if stopping.requested():
            raise Interrupted
        if time.monotonic() - last >= PROGRESS_EVERY_SECONDS:
            last = time.monotonic()
            announce_unpacking(row, done, total)

    return report
