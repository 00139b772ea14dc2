"""Making a data set ready: unpack a member's archive, look at the folder, say what is in it and what is wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog
from django.conf import settings
from django.utils.translation import gettext as _

from saliency_core.datasets.archive_formats import ArchiveError
from saliency_core.datasets.archives import ArchiveLimits, Unpacked, unpack
from saliency_core.errors import Interrupted, SaliscopeError
from webapp.accounts.languages import in_language_of
from webapp.common.database import AWAY
from webapp.library import dataset_services as services
from webapp.library.dataset_events import announce_dataset
from webapp.library.dataset_forms import UPLOAD_FORMATS
from webapp.library.dataset_looks import open_folder, row_fields
from webapp.library.models import Dataset
from webapp.library.open_datasets import without_path
from workers.preparation_watching import PreparationWatch

log = structlog.get_logger(__name__)


def prepare_dataset(row: Dataset, watch: PreparationWatch | None = None) -> None:
    """Prepares a claimed data set; whatever goes wrong with it is told by its row, in its owner's language. A database
    that is away is raised: the lease runs out, and it is tried again.
    """
    watch = watch or PreparationWatch(lambda: services.keep_dataset_lease(row))
    announce_dataset(row)
    with in_language_of(row.owner):
        folder = services.folder_for_upload(row) if row.upload else None
        try:
            done = (
                _unpacked_and_looked_at(row, folder, watch)
                if folder
                else _looked_at(row, Path(row.path), [], watch)
            )
        except Interrupted:
            done = False
            services.give_back_dataset(row)
        except SaliscopeError as problem:
            done = False
            services.fail_dataset(row, _reason(problem, row, folder))
        except AWAY:
            raise
        except Exception as problem:
            done = False
            log.exception("data_set_not_prepared", dataset=row.pk)
            services.fail_dataset(
                row, without_path(f"{type(problem).__name__}: {problem}", folder or row.path)
            )
    # What went wrong may have come after it was ready, as news of it that could not be sent.
    if folder is not None and not done and not services.is_kept_in(row, folder):
        shutil.rmtree(folder, ignore_errors=True)
    announce_dataset(row)


def _unpacked_and_looked_at(row: Dataset, folder: Path, watch: PreparationWatch) -> bool:
    begin, report = _reporters(row, watch)
    begin(Dataset.Step.UNPACKING)
    services.discard_attempts(row.upload, before=row.fence)
    free = settings.DATASET_QUOTA_BYTES - services.bytes_used(row.owner)
    limits = ArchiveLimits(
        total_bytes=max(1, min(settings.DATASET_UNPACKED_BYTES, free)),
        file_bytes=settings.DATASET_FILE_BYTES,
        entries=settings.DATASET_ENTRIES,
    )
    unpacked = unpack(
        settings.UPLOADS_DIR / row.upload, folder / "files", limits, partial(report, Dataset.Step.UNPACKING)
    )
    services.note_bytes(folder, unpacked.bytes)
    return _looked_at(row, folder / "files", unpacked.passed_over, watch, unpacked)


def _looked_at(
    row: Dataset,
    path: Path,
    passed_over: list[dict[str, str]],
    watch: PreparationWatch,
    unpacked: Unpacked | None = None,
) -> bool:
    begin, report = _reporters(row, watch)
    begin(Dataset.Step.LAYOUT)
    found = open_folder(row.format, path)
    if unpacked is not None and found.format not in UPLOAD_FORMATS:
        raise ArchiveError("nothing")
    begin(Dataset.Step.ANNOTATIONS)
    fields = row_fields(
        found.dataset,
        path,
        on_annotations=partial(report, Dataset.Step.ANNOTATIONS),
        on_images=partial(report, Dataset.Step.IMAGES),
    )
    fields["problems"] = [*passed_over, *fields["problems"]]
    watch.check()
    return services.finish_dataset(row, format=found.format, path=found.path, fields=fields)


def _reason(problem: SaliscopeError, row: Dataset, folder: Path | None) -> str:
    if isinstance(problem, ArchiveError):
        return _(problem.template) % problem.values if problem.values else _(problem.template)
    return without_path(str(problem), folder / "files" if folder else row.path)


def _reporters(
    row: Dataset, watch: PreparationWatch
) -> tuple[Callable[[str], None], Callable[[str, int, int], None]]:
    """One to call where a step begins, one now and then within it: `(step, done, total)`. Both raise Interrupted."""

    def tell(step: str, done: int = 0, total: int = 0) -> None:
        watch.check(services.report_dataset_progress(row, step, done, total))
        announce_dataset(row)

    def report(step: str, done: int, total: int) -> None:
        if watch.is_time_to_tell():
            tell(step, done, total)

    return tell, report
