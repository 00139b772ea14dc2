"""What this machine keeps of fetched weights and data sets: how much it may be, and what goes when room is needed.

The time of change of a small file beside each says when it was last used. What a benchmark in work needs is never
removed; nor is what was used a minute ago, as a worker may be about to open it.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog
from django.conf import settings

from saliency_core.errors import SaliscopeError
from webapp.benchmarks.models import Benchmark

ENTRY_FILE = "entry"
FILES = "files"
RECENT_SECONDS = 60.0
GIBIBYTE = 1024**3

log = structlog.get_logger(__name__)


class CannotFetch(SaliscopeError):
    """The web application can't be reached, does not know this machine, or broke off, or there is no room: no fault of
    what is asked for.
    """


@dataclass(frozen=True)
class Fetched:
    """One fetched thing: `paths` are removed together, `mark` is the file whose time says when it was last used."""

    name: str
    paths: tuple[Path, ...]
    mark: Path
    bytes: int
    last_used: float


def datasets_folder() -> Path:
    return settings.DATASETS_DIR / "fetched"


def place_of(number: int, format: str, fingerprint: str) -> Path:
    """Where a fetched data set lies, named by its row's number too: its fingerprint knows nothing of pixels."""
    return datasets_folder() / _name_of(number, format, fingerprint)


def _name_of(number: int, format: str, fingerprint: str) -> str:
    return f"{format}-{number}-{fingerprint}"


def mark_of(weights: Path) -> Path:
    """Beside weights that were fetched; others are the machine's own and are not removed."""
    return weights.with_name(f".{weights.name}.fetched")


def note_use(mark: Path) -> None:
    with suppress(FileNotFoundError):
        os.utime(mark)


def make_room(size: int, what: str, folder: Path) -> None:
    """Removes what was not used for longest until so many bytes may be fetched to the folder. Raises CannotFetch,
    having removed nothing, if that would not do.
    """
    fetched = list(_fetched())
    removable = _removable(fetched)
    used, to_gain = sum(each.bytes for each in fetched), sum(each.bytes for each in removable)
    if used - to_gain + size > settings.FETCHED_BYTES:
        raise CannotFetch(
            f"There is no room for {what} ({_shown(size)}): this machine keeps at most "
            f"{_shown(settings.FETCHED_BYTES)} of fetched files, and benchmarks in work need "
            f"{_shown(used - to_gain)} of them. Raise SALISCOPE_FETCHED_BYTES, or copy data sets to this machine and "
            "name the folder above them in SALISCOPE_DATASET_ROOTS."
        )
    free = shutil.disk_usage(folder).free
    if size + settings.FETCHED_FREE_BYTES > free + to_gain:
        raise CannotFetch(
            f"There is no room for {what} ({_shown(size)}): the disk of {folder} has {_shown(free)} free, and "
            f"{_shown(settings.FETCHED_FREE_BYTES)} of it are to stay free (SALISCOPE_FETCHED_FREE_BYTES). Make "
            "room there."
        )
    for each in removable:
        short = used + size > settings.FETCHED_BYTES
        if not short and size + settings.FETCHED_FREE_BYTES <= shutil.disk_usage(folder).free:
            break
        _remove(each)
        used -= each.bytes


def remove_drafts() -> None:
    """What a killed worker left of a fetch; only while nobody on this machine fetches."""
    for folder in (settings.WEIGHTS_DIR, datasets_folder()):
        for draft in folder.glob(".*.part"):
            _discard(draft)


def _fetched() -> Iterator[Fetched]:
    for place in datasets_folder().glob("*-*"):
        with suppress(FileNotFoundError):  # another worker removed it
            mark = place / ENTRY_FILE
            size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
            yield Fetched(place.name, (place,), mark, size, mark.stat().st_mtime)
    for mark in settings.WEIGHTS_DIR.glob(".*.fetched"):
        with suppress(FileNotFoundError):
            name = mark.name.removeprefix(".").removesuffix(".fetched")
            sha256 = name.partition(".")[0]
            # The plain form of an ONNX network goes with it.
            paths = tuple(settings.WEIGHTS_DIR.glob(f"{sha256}.*"))
            size = sum(path.stat().st_size for path in paths)
            yield Fetched(sha256, (mark, *paths), mark, size, mark.stat().st_mtime)


def _removable(fetched: list[Fetched]) -> list[Fetched]:
    """What was not used for longest first."""
    needed = _needed_by_benchmarks()
    long_ago = time.time() - RECENT_SECONDS
    idle = (each for each in fetched if each.name not in needed and each.last_used < long_ago)
    return sorted(idle, key=lambda each: each.last_used)


def _needed_by_benchmarks() -> set[str]:
    """Names of the data sets and weights of all benchmarks in work: queued or running."""
    part = "specification__"
    rows = Benchmark.objects.filter(state__in=Benchmark.IN_QUEUE).values_list(
        f"{part}dataset__id",
        f"{part}dataset__format",
        f"{part}dataset__fingerprint",
        f"{part}classifier__weights_sha256",
    )
    needed: set[str] = set()
    for number, format, fingerprint, sha256 in rows:
        needed |= {_name_of(number, format, fingerprint), sha256}
    return needed


def _remove(fetched: Fetched) -> None:
    with suppress(FileNotFoundError):
        if time.time() - fetched.mark.stat().st_mtime < RECENT_SECONDS:
            return  # somebody has opened it meanwhile
    for path in fetched.paths:
        # Renamed first: nobody finds half a data set.
        draft = path.with_name(f".{path.name}.part")
        with suppress(FileNotFoundError):
            path.rename(draft)
            _discard(draft)
    log.info("fetched_files_removed", name=fetched.name[:40], bytes=fetched.bytes)


def _discard(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _shown(size: int) -> str:
    return f"{size / GIBIBYTE:.2f} GiB" if size >= GIBIBYTE else f"{size / 1024**2:.1f} MiB"
