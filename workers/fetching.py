"""Files that this machine lacks, fetched from the web application, checked, and kept under what they contain."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import unquote

import structlog
from django.conf import settings

from saliency_core.datasets.base import Dataset, open_dataset
from saliency_core.errors import DatasetError, Interrupted, SaliscopeError, WeightsError
from webapp.worker_files.dataset_archives import ENTRY_HEADER
from workers import stopping

SILENCE_SECONDS = 60.0
CHUNK_BYTES = 1 << 20
ENTRY_FILE = "entry"
FILES = "files"

log = structlog.get_logger(__name__)


def can_fetch() -> bool:
    return bool(settings.WEB_URL)


def fetch_weights(path: Path) -> None:
    """Brings the file that is named by its SHA-256 to `path`. Raises WeightsError; nothing is left behind then."""
    with _one_at_a_time(path.parent, path.name):
        if path.is_file():
            return  # Another worker of this machine was first.
        draft = path.with_name(f".{path.name}.part")
        try:
            with _answer(f"weights/{path.name}", WeightsError) as answer, draft.open("wb") as file:
                digest = _copy(answer, file)
            if digest != path.name.partition(".")[0]:
                raise WeightsError(
                    f"What {settings.WEB_URL} sent for the weights {path.name[:12]}… has another SHA-256 "
                    f"({digest[:12]}…): the file there is damaged, or was changed on the way."
                )
            draft.replace(path)
        except (OSError, HTTPException) as problem:
            raise _broken_off(WeightsError, f"the weights {path.name[:12]}…", problem) from problem
        finally:
            draft.unlink(missing_ok=True)
    log.info("weights_fetched", sha256=path.name[:12])


def fetched_dataset(format: str, fingerprint: str) -> Path | None:
    """Where a fetched data set is opened; None if it is not here."""
    folder = _place(format, fingerprint)
    try:
        return folder / FILES / (folder / ENTRY_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def fetch_dataset(format: str, fingerprint: str) -> Path:
    """Brings a data set here and says where it is opened. Raises DatasetError; nothing is left behind then."""
    place = _place(format, fingerprint)
    place.parent.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(place.parent, place.name):
        found = fetched_dataset(format, fingerprint)
        if found is not None:
            return found
        draft = place.with_name(f".{place.name}.part")
        shutil.rmtree(draft, ignore_errors=True)
        try:
            with _answer(f"datasets/{format}/{fingerprint}.tar", DatasetError) as answer:
                entry = _safe(unquote(answer.headers.get(ENTRY_HEADER, "")))
                unpack(answer, draft / FILES)
            if _opened(format, draft / FILES / entry).fingerprint() != fingerprint:
                raise DatasetError(
                    f"What {settings.WEB_URL} sent of the data set has another fingerprint than was registered: "
                    "copy its folder to this machine and name the folder above it in SALISCOPE_DATASET_ROOTS."
                )
            (draft / ENTRY_FILE).write_text(str(entry), encoding="utf-8")
            draft.replace(place)
        except (OSError, HTTPException, tarfile.TarError) as problem:
            raise _broken_off(DatasetError, "the data set", problem) from problem
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    log.info("data_set_fetched", fingerprint=fingerprint[:12])
    return place / FILES / entry


def unpack(stream: IO[bytes] | HTTPResponse, folder: Path) -> None:
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


def _place(format: str, fingerprint: str) -> Path:
    return settings.DATASETS_DIR / "fetched" / f"{format}-{fingerprint}"


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
        raise error(
            f"This machine lacks a file that it asked {settings.WEB_URL} for, which answered {refusal.code}: "
            f"{said or refusal.reason}"
        ) from None
    except (urllib.error.URLError, OSError, ValueError) as problem:
        reason = getattr(problem, "reason", problem)
        raise error(
            f"This machine lacks a file and can't ask {settings.WEB_URL} for it ({reason}): correct SALISCOPE_WEB_URL."
        ) from problem


def _copy(source: IO[bytes] | HTTPResponse, target: IO[bytes]) -> str:
    """Copies to the end and gives the SHA-256. Raises Interrupted when the worker is to stop."""
    digest = hashlib.sha256()
    while piece := source.read(CHUNK_BYTES):
        if stopping.requested():
            raise Interrupted
        digest.update(piece)
        target.write(piece)
    return digest.hexdigest()


def _broken_off(error: type[SaliscopeError], what: str, problem: Exception) -> SaliscopeError:
    return error(f"Fetching {what} from {settings.WEB_URL} was broken off: {problem}")


@contextmanager
def _one_at_a_time(folder: Path, name: str) -> Iterator[None]:
    """Workers of one machine wait for each other and do not fetch the same twice."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / f".{name}.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
