"""Files that this machine lacks, fetched from the web application, checked, and kept under what they contain.

One worker of a machine fetches at a time, after it has made sure of the room (fetched_files); its shard's lease is kept
meanwhile.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from typing import IO, Protocol
from urllib.parse import unquote

import structlog
from django.conf import settings

from saliency_core.datasets.base import Dataset, open_dataset
from saliency_core.errors import DatasetError, Interrupted, SaliscopeError, WeightsError
from webapp.worker_files.dataset_archives import ENTRY_HEADER
from workers import signs_of_life, stopping
from workers.fetched_files import (
    ENTRY_FILE,
    FILES,
    CannotFetch,
    datasets_folder,
    make_room,
    mark_of,
    place_of,
    remove_drafts,
)

SILENCE_SECONDS = 60.0
# So long may an image collection of some hundred gigabytes take; other workers of the machine wait for it.
MOST_SECONDS = 6 * 3600.0
WAITING_SECONDS = 0.2
NOT_THERE = 404
CHUNK_BYTES = 1 << 20

log = structlog.get_logger(__name__)


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


def can_fetch() -> bool:
    return bool(settings.WEB_URL)


def fetch_weights(path: Path) -> None:
    """Brings the file that is named by its SHA-256 to `path`. Raises WeightsError or CannotFetch; nothing is left
    behind then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time():
        if path.is_file():
            return  # Another worker of this machine was first.
        draft = path.with_name(f".{path.name}.part")
        what = f"the weights {path.name[:12]}…"
        try:
            with _answer(f"weights/{path.name}", WeightsError) as answer:
                make_room(_announced_bytes(answer), what, path.parent)
                with draft.open("wb") as file:
                    digest = _copy(_Watched(answer, what), file)
            if digest != path.name.partition(".")[0]:
                raise WeightsError(
                    f"What {settings.WEB_URL} sent for {what} has another SHA-256 "
                    f"({digest[:12]}…): the file there is damaged, or was changed on the way."
                )
            mark_of(path).touch()
            draft.replace(path)
        except (OSError, HTTPException) as problem:
            raise _broken_off(what, problem) from problem
        finally:
            draft.unlink(missing_ok=True)
    log.info("weights_fetched", sha256=path.name[:12])


def fetched_dataset(number: int, format: str, fingerprint: str) -> Path | None:
    """Where a fetched data set is opened; None if it is not here."""
    folder = place_of(number, format, fingerprint)
    try:
        return folder / FILES / (folder / ENTRY_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def fetch_dataset(number: int, format: str, fingerprint: str) -> Path:
    """Brings the data set of that number here and says where it is opened. Raises DatasetError or CannotFetch; nothing
    is left behind then.
    """
    place = place_of(number, format, fingerprint)
    with _one_at_a_time():
        found = fetched_dataset(number, format, fingerprint)
        if found is not None:
            return found
        draft = place.with_name(f".{place.name}.part")
        try:
            with _answer(f"datasets/{number}/{format}/{fingerprint}.tar", DatasetError) as answer:
                entry = _safe(unquote(answer.headers.get(ENTRY_HEADER, "")))
                make_room(_announced_bytes(answer), "the data set", place.parent)
                unpack(_Watched(answer, "the data set"), draft / FILES)
            if _opened(format, draft / FILES / entry).fingerprint() != fingerprint:
                raise DatasetError(
                    f"What {settings.WEB_URL} sent of the data set has another fingerprint than was registered: "
                    "copy its folder to this machine and name the folder above it in SALISCOPE_DATASET_ROOTS."
                )
            (draft / ENTRY_FILE).write_text(str(entry), encoding="utf-8")
            draft.replace(place)
        except (OSError, HTTPException, tarfile.TarError) as problem:
            raise _broken_off("the data set", problem) from problem
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    log.info("data_set_fetched", fingerprint=fingerprint[:12])
    return place / FILES / entry


def unpack(stream: Readable, folder: Path) -> None:
    """Writes the files of a tar below the folder, and nothing else. Raises DatasetError for what is no plain file or
    leads out of it, TarError and OSError where the stream ends early.
    """
    folder.mkdir(parents=True)
    with tarfile.open(fileobj=stream, mode="r|") as tar:  # type: ignore[call-overload]
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            if content is None:
                raise DatasetError(f"The data set was sent with {member.name!r}, which is no plain file.")
            target = folder / _safe(member.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                _copy(content, file)


def _opened(format: str, path: Path) -> Dataset:
    try:
        return open_dataset(format, path)
    except DatasetError as problem:
        raise DatasetError(
            f"What {settings.WEB_URL} sent of the data set can't be opened: {problem}"
        ) from problem


def _safe(name: str) -> PurePosixPath:
    """The name as a path that leads nowhere but down. Raises DatasetError."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise DatasetError(f"The data set was sent with the name {name!r}, which leads out of its folder.")
    return path


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The token is for the address that was set, not for wherever it leads."""

    def redirect_request(self, *_arguments: object, **_options: object) -> None:
        return None


def _answer(address: str, error: type[SaliscopeError]) -> HTTPResponse:
    # No proxy: the web application is the lab's own.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
    opener.addheaders = [("Authorization", f"Bearer {settings.WORKER_TOKEN}")]
    try:
        answer: HTTPResponse = opener.open(
            f"{settings.WEB_URL}/worker-files/{address}", timeout=SILENCE_SECONDS
        )
        return answer
    except urllib.error.HTTPError as refusal:
        with refusal:
            plain = refusal.headers.get_content_type() == "text/plain"
            said = refusal.read(500).decode("utf-8", "replace") if plain else ""
        kind = error if refusal.code == NOT_THERE else CannotFetch
        raise kind(
            f"This machine lacks a file that it asked {settings.WEB_URL} for, which answered {refusal.code}: "
            f"{said or refusal.reason}"
        ) from None
    except (urllib.error.URLError, OSError, ValueError) as problem:
        reason = getattr(problem, "reason", problem)
        raise CannotFetch(
            f"This machine lacks a file and can't ask {settings.WEB_URL} for it ({reason}): correct SALISCOPE_WEB_URL."
        ) from problem


class _Watched:
    """An answer whose reading stops when the worker is to stop, or when it takes too long for a shard."""

    def __init__(self, answer: HTTPResponse, what: str) -> None:
        self._answer, self._what = answer, what
        self._end = time.monotonic() + MOST_SECONDS

    def read(self, size: int = -1) -> bytes:
        if stopping.requested():
            raise Interrupted
        if time.monotonic() > self._end:
            raise CannotFetch(
                f"Fetching {self._what} from {settings.WEB_URL} took more than {MOST_SECONDS / 3600:.0f} hours: copy "
                "the file or folder to this machine (SALISCOPE_WEIGHTS_DIR, SALISCOPE_DATASET_ROOTS)."
            )
        signs_of_life.note()
        return self._answer.read(size)


def _announced_bytes(answer: HTTPResponse) -> int:
    """What is to come. Raises CannotFetch where that is not said: then nobody knows whether there is room."""
    try:
        return int(answer.headers["Content-Length"])
    except (TypeError, ValueError):
        raise CannotFetch(
            f"{settings.WEB_URL} does not say how much it is going to send: bring it to this machine's release."
        ) from None


def _copy(source: Readable, target: IO[bytes]) -> str:
    """Copies to the end and gives the SHA-256."""
    digest = hashlib.sha256()
    while piece := source.read(CHUNK_BYTES):
        digest.update(piece)
        target.write(piece)
    return digest.hexdigest()


def _broken_off(what: str, problem: Exception) -> CannotFetch:
    return CannotFetch(f"Fetching {what} from {settings.WEB_URL} was broken off: {problem}")


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Workers of one machine wait for each other: none fetches what another one does, or counts on the same room.
    Raises Interrupted if this worker is to stop before its turn.
    """
    folder = datasets_folder()
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / ".fetching.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        while not _locked(handle):
            if stopping.requested():
                raise Interrupted
            time.sleep(WAITING_SECONDS)
        remove_drafts()
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
