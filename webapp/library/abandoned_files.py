"""Files that no row names any more: of uploads that broke off, of restorations that failed, of models, maps and members
that are gone.

An upload, a map or a member's pictures are removed once they are a day old. A stored model file is first set aside,
for a week, and put back when a row names it: whoever starts the application with the wrong database for an hour must
not lose every model by it.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import structlog
from django.conf import settings

from webapp.accounts.models import User
from webapp.library.dataset_services import members_folder
from webapp.library.models import Classifier, Dataset
from webapp.studio.models import Explanation

A_DAY = 24 * 3600.0
SET_ASIDE = "unnamed"
SET_ASIDE_SECONDS = 7 * A_DAY
_UPLOAD = re.compile(r"[0-9a-f]{32}")
_UNPACKED = re.compile(r"([0-9a-f]{32})-\d+")
_IN_PROGRESS = re.compile(r"tmp\w+\.upload.*")
_STORED = re.compile(r"([0-9a-f]{64})\.(?:safetensors|onnx|network-\d+\.safetensors)")
_MAP = re.compile(r"[0-9a-f]{64}")
_DRAFT = re.compile(r"tmp\w+\.part")

log = structlog.get_logger(__name__)


def remove_abandoned_files() -> int:
    """One round over all folders. Returns how many uploads and files were removed or set aside."""
    if not User.objects.exists():
        return 0  # A database that nobody has an account in cannot say what is abandoned.
    count = _remove_uploads() + _remove_unpacked() + _put_back_and_set_aside()
    count += _remove_maps() + _remove_pictures()
    if count:
        log.info("abandoned_files_removed", count=count)
    return count


def _remove_uploads() -> int:
    named = {
        Path(upload).parts[0]
        for model in (Classifier, Dataset)
        for upload in model.objects.exclude(upload="").values_list("upload", flat=True)
    }
    count = 0
    for path in _entries(settings.UPLOADS_DIR):
        known = (_UPLOAD.fullmatch(path.name) and path.name not in named) or _IN_PROGRESS.fullmatch(path.name)
        if known and _age(path) > A_DAY:
            count += _remove(path)
    return count


def _remove_unpacked() -> int:
    """What was unpacked of archives whose data set is gone, by workers that were killed over it."""
    folder = members_folder()
    rows = Dataset.objects.exclude(path="", upload="").values_list("path", "upload")
    named = set()
    for path, upload in rows:
        named |= {Path(upload).parts[0]} if upload else set()
        if path and Path(path).is_relative_to(folder):
            named.add(Path(path).relative_to(folder).parts[0])
    count = 0
    for place in _entries(folder):
        known = _UNPACKED.fullmatch(place.name)
        if known and place.name not in named and known[1] not in named and _age(place) > A_DAY:
            count += _remove(place)
    return count


def _remove_maps() -> int:
    """Maps that went with their data set, model or owner, or that were drawn for a row that was gone by then."""
    named = set(Explanation.objects.values_list("digest", flat=True))
    count = 0
    for group in _entries(settings.EXPLANATIONS_DIR):
        for place in _entries(group) if group.is_dir() else ():
            if _MAP.fullmatch(place.name) and place.name not in named and _age(place) > A_DAY:
                count += _remove(place)
    return count


def _remove_pictures() -> int:
    """Pictures of accounts that are gone."""
    accounts = {str(number) for number in User.objects.values_list("pk", flat=True)}
    count = 0
    for place in _entries(settings.UPLOADS_DIR / "pictures"):
        if place.name.isdecimal() and place.name not in accounts and _age(place) > A_DAY:
            count += _remove(place)
    return count


def _put_back_and_set_aside() -> int:
    aside = settings.WEIGHTS_DIR / SET_ASIDE
    named = _named_weights()
    count = 0
    for path in _entries(aside):
        if _sha256(path) in named:
            path.replace(settings.WEIGHTS_DIR / path.name)
        elif _age(path) > SET_ASIDE_SECONDS:
            count += _remove(path)
    for path in _entries(settings.WEIGHTS_DIR):
        if _age(path) <= A_DAY:
            continue
        if _DRAFT.fullmatch(path.name):
            count += _remove(path)
        elif (sha256 := _sha256(path)) and sha256 not in named:
            aside.mkdir(exist_ok=True)
            os.utime(path)
            path.replace(aside / path.name)
            log.warning("model_file_set_aside", file=path.name, folder=str(aside))
            count += 1
    return count


def _named_weights() -> set[str]:
    """Of models as they are, and of what benchmarks were begun with."""
    of_benchmarks = Classifier.objects.filter(benchmarks__isnull=False).values_list(
        "benchmarks__specification__classifier__weights_sha256", flat=True
    )
    return {*Classifier.objects.values_list("weights_sha256", flat=True), *of_benchmarks.distinct()}


def _sha256(path: Path) -> str:
    named = _STORED.fullmatch(path.name)
    return named[1] if named else ""


def _entries(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(folder.iterdir())
    except FileNotFoundError:
        return


def _age(path: Path) -> float:
    """Seconds since it, or the newest thing directly in it, was written; 0 for what has gone away."""
    try:
        newest = max(each.stat().st_mtime for each in (path, *(path.iterdir() if path.is_dir() else ())))
    except FileNotFoundError:
        return 0.0
    return time.time() - newest


def _remove(path: Path) -> bool:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    return not path.exists()
