"""Unpacking an archive that somebody sent: nothing leaves the folder, nothing grows without bounds, and only images and
annotation files are kept.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

from saliency_core.datasets.archive_formats import (
    ArchiveError,
    TarMember,
    check_directory,
    entry_name,
    tar_members,
)
from saliency_core.datasets.files import OTHER_IMAGE_SUFFIXES
from saliency_core.datasets.images import IMAGE_SUFFIXES, read_header
from saliency_core.errors import ImageError

ARCHIVE_SUFFIXES = (".zip", ".tar.gz", ".tgz")
ANNOTATION_SUFFIXES = frozenset({".xml", ".json", ".txt", ".csv", ".mat"})
KEPT_SUFFIXES = IMAGE_SUFFIXES | ANNOTATION_SUFFIXES
NESTED_SUFFIXES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"})
_CLUTTER = frozenset({"thumbs.db", "desktop.ini"})
_DRIVE = re.compile(r"[A-Za-z]:")
_PIECE = 2**20
_SMALL = 2**20  # what unpacks to no more than this may be packed as well as it likes
_LONGEST_NAME, _LONGEST_PART, _DEEPEST = 400, 200, 16


@dataclass(frozen=True)
class ArchiveLimits:
    """Bytes unpacked in all and in one file, the number of entries, unpacked over packed bytes, and the pixels of an
    image: fewer than are read from folders of one's own, as others will look at these.
    """

    total_bytes: int = 2**30
    file_bytes: int = 2**26
    entries: int = 20_000
    ratio: int = 200
    pixels: int = 24_000_000


@dataclass
class Unpacked:
    """``files`` and ``bytes`` that were kept, and what was not, with the reason."""

    files: int = 0
    bytes: int = 0
    passed_over: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Entry:
    """``size`` and ``packed`` as the archive announces them; ``packed`` None where it does not say."""

    name: str
    kind: str  # "file", "folder", "link" or "other"
    size: int
    packed: int | None
    source: Any


def unpack(
    archive: str | Path,
    folder: str | Path,
    limits: ArchiveLimits | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Unpacked:
    """Unpack a .zip or .tar.gz into ``folder``, which must not exist yet.

    Raises ArchiveError with the reason where the archive breaks a rule: a path that is absolute, goes up, has a
    backslash or a drive letter; a link or a device; two entries with one name; an entry that is encrypted; more than
    ``limits`` allow, announced or real; damage. Then nothing of it is left. Passed over and named are files of other
    kinds, archives in the archive, and files named like images that are none or have too many pixels; hidden files
    and what systems strew about are passed over in silence.

    ``progress(done, total)`` is called now and then, in bytes; what it raises stops the work and leaves nothing.
    """
    source, target, limits = Path(archive), Path(folder), limits or ArchiveLimits()
    target.mkdir(parents=True)
    try:
        return _Unpacking(source, target, limits, progress or (lambda done, total: None)).run()
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


class _Unpacking:
    def __init__(
        self, source: Path, target: Path, limits: ArchiveLimits, progress: Callable[[int, int], None]
    ) -> None:
        self.source, self.target, self.limits, self.progress = source, target, limits, progress
        self.packed = max(1, source.stat().st_size)
        self.announced = self.written = self.entries = 0
        self.names: dict[str, bool] = {}  # name → whether it is a folder
        self.result = Unpacked()

    def run(self) -> Unpacked:
        with _entries(self.source, self.limits) as (entries, total):
            for entry, opened in entries:
                self._check(entry)
                if entry.kind == "file":
                    self._take(entry, opened, total)
        if not self.result.files:
            raise ArchiveError("nothing")
        return self.result

    def _check(self, entry: _Entry) -> None:
        self.entries += 1
        if self.entries > self.limits.entries:
            raise ArchiveError("entries", most=self.limits.entries)
        _check_path(entry.name)
        if entry.kind in ("link", "other"):
            raise ArchiveError(entry.kind, name=entry.name)
        self._check_duplicate(entry)
        self.announced += entry.size
        self._check_sizes(entry.name, entry.size, self.announced)
        if entry.packed is not None and entry.size > max(_SMALL, self.limits.ratio * max(1, entry.packed)):
            raise ArchiveError("ratio", name=entry.name, most=self.limits.ratio)

    def _check_duplicate(self, entry: _Entry) -> None:
        # Systems differ in how they keep accents: the same name written in two ways is the same file on some.
        name = unicodedata.normalize("NFC", entry.name.rstrip("/"))
        is_folder = entry.kind == "folder"
        if name in self.names and not (is_folder and self.names[name]):
            raise ArchiveError("duplicate", name=entry.name)
        parents = name.split("/")[:-1]
        for number in range(1, len(parents) + 1):
            if not self.names.setdefault("/".join(parents[:number]), True):
                raise ArchiveError("duplicate", name=entry.name)
        self.names[name] = is_folder

    def _check_sizes(self, name: str, size: int, total: int) -> None:
        if size > self.limits.file_bytes:
            raise ArchiveError("file", name=name, most=self.limits.file_bytes // 2**20)
        if total > self.limits.total_bytes:
            raise ArchiveError("total", most=self.limits.total_bytes // 2**20)
        if total > max(_SMALL, self.limits.ratio * self.packed):
            raise ArchiveError("ratio", name=name, most=self.limits.ratio)

    def _take(self, entry: _Entry, opened: Callable[[], IO[bytes]], total: int) -> None:
        reason = _why_passed_over(entry.name)
        if reason is not None:
            if reason:
                self._pass_over(entry.name, reason)
            return
        file = self.target / entry.name
        file.parent.mkdir(parents=True, exist_ok=True)
        before = self.written
        self._write(entry, file, opened, total)
        if file.suffix.lower() in IMAGE_SUFFIXES:
            unusable = _why_no_image(file, self.limits.pixels)
            if unusable:
                file.unlink()
                self._pass_over(entry.name, f"Not kept: {unusable}")
                return
        self.result.files += 1
        self.result.bytes += self.written - before

    def _write(self, entry: _Entry, file: Path, opened: Callable[[], IO[bytes]], total: int) -> None:
        size = 0
        # Neither follows nor replaces anything that is there.
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o640)
        with os.fdopen(handle, "wb") as kept, opened() as content:
            while piece := content.read(_PIECE):
                size += len(piece)
                self.written += len(piece)
                # Announced sizes may lie.
                self._check_sizes(entry.name, size, max(self.written, self.announced))
                kept.write(piece)
                self.progress(min(self.written, total), total)

    def _pass_over(self, name: str, reason: str) -> None:
        self.result.passed_over.append({"file": name, "problem": reason})


def _why_no_image(file: Path, most_pixels: int) -> str:
    """Empty for a file that begins like an image of a bearable size."""
    try:
        width, height = read_header(file).stored_size
    except ImageError as problem:
        return str(problem)
    if width * height > most_pixels:
        return f"{width} × {height} pixels are too many; at most {most_pixels // 10**6} million are taken."
    return ""


def _check_path(name: str) -> None:
    parts = name.rstrip("/").split("/")
    if not name.strip("/"):
        raise ArchiveError("name", name=repr(name))
    if name.startswith("/") or "\\" in name or _DRIVE.match(name) or ".." in parts:
        raise ArchiveError("outside", name=name)
    if (
        any(part in ("", ".") for part in parts)
        or any(unicodedata.category(character) in ("Cc", "Cs") for character in name)
        or len(name.encode("utf-8", "replace")) > _LONGEST_NAME
        or max(len(part.encode("utf-8", "replace")) for part in parts) > _LONGEST_PART
        or len(parts) > _DEEPEST
    ):
        raise ArchiveError("name", name=ascii(name[:80]))


def _why_passed_over(name: str) -> str | None:
    """None for what is kept, "" for what is not worth a word, else the reason."""
    parts, suffix = name.split("/"), Path(name).suffix.lower()
    if any(part.startswith((".", "__MACOSX")) for part in parts) or parts[-1].lower() in _CLUTTER:
        return ""
    if suffix in KEPT_SUFFIXES:
        return None
    if suffix in NESTED_SUFFIXES:
        return "Not kept: an archive within the archive is not opened."
    if suffix in OTHER_IMAGE_SUFFIXES:
        return "Not kept: not a JPEG, PNG or WebP image."
    return "Not kept: neither an image nor an annotation file (.xml, .json, .txt, .csv, .mat)."


_Opened = Iterable[tuple[_Entry, Callable[[], IO[bytes]]]]


@contextmanager
def _entries(source: Path, limits: ArchiveLimits) -> Iterator[tuple[_Opened, int]]:
    """The entries with a function that opens each, and what progress is counted to (bytes)."""
    try:
        if zipfile.is_zipfile(source):
            check_directory(source, limits.entries)
            with zipfile.ZipFile(source) as archive:
                infos = archive.infolist()
                yield (
                    ((_of_zip(info), partial(archive.open, info)) for info in infos),
                    max(1, sum(info.file_size for info in infos)),
                )
        else:
            with tar_members(source) as members:
                yield ((_of_tar(member), member.open) for member in members), limits.total_bytes
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as problem:
        raise ArchiveError("damaged", reason=str(problem).rstrip(".") or type(problem).__name__) from problem
    except OSError as problem:
        if problem.errno is not None:  # of this machine, not of the archive
            raise
        raise ArchiveError("damaged", reason=str(problem).rstrip(".")) from problem
    except Exception as problem:
        if type(problem).__module__ not in ("zlib", "lzma", "tarfile"):
            raise
        raise ArchiveError("damaged", reason=str(problem).rstrip(".") or "unreadable") from problem


def _of_zip(info: zipfile.ZipInfo) -> _Entry:
    name = entry_name(info)
    if info.flag_bits & 0x1:
        raise ArchiveError("encrypted", name=name)
    mode = stat.S_IFMT(info.external_attr >> 16)
    if stat.S_ISLNK(mode):
        kind = "link"
    elif mode not in (0, stat.S_IFREG, stat.S_IFDIR):
        kind = "other"
    else:
        kind = "folder" if name.endswith("/") else "file"
    return _Entry(name, kind, info.file_size, info.compress_size, info)


def _of_tar(member: TarMember) -> _Entry:
    return _Entry(member.name, member.kind, member.size, None, member)
