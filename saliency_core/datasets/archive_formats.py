"""What is particular to .zip and to .tar.gz, read without trusting what they announce of themselves."""

from __future__ import annotations

import gzip
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from saliency_core.errors import DatasetError

REFUSALS = {
    "kind": "This is neither a .zip nor a .tar.gz archive.",
    "damaged": "The archive is damaged or of a kind that can't be read (%(reason)s). Make it anew.",
    "outside": "“%(name)s” would be unpacked outside the data set's folder. Make the archive with relative paths and "
    "forward slashes.",
    "name": "The name %(name)s in the archive can't be kept: it is empty, too long, too deep in folders, or has "
    "characters that can't be shown. Rename it.",
    "link": "“%(name)s” is a link. Put the file itself into the archive.",
    "other": "“%(name)s” is not a plain file. Leave it out of the archive.",
    "duplicate": "The archive holds “%(name)s” more than once. Give every file a name of its own.",
    "encrypted": "“%(name)s” is encrypted. Make the archive without a password.",
    "entries": "The archive has too many entries: at most %(most)d are taken.",
    "file": "“%(name)s” is too big: a file has at most %(most)d MiB when it is unpacked.",
    "total": "The archive is too big: it may have at most %(most)d MiB when it is unpacked.",
    "ratio": "“%(name)s” grows to more than %(most)d times its packed size, which images and annotations don't.",
    "nothing": "The archive holds no image and no annotation file that can be used.",
}
"""What each refusal says; the placeholders are filled from an ArchiveError's values."""

_LONGEST_HEADER = 2**22
_END, _LOCATOR = b"PK\x05\x06", b"PK\x06\x07"
_BYTES_PER_ENTRY = 2**10  # of the directory at a .zip's end: names, comments, extra fields
_UTF8_FLAG = 0x800


class ArchiveError(DatasetError):
    """An archive is refused; ``code`` is one of REFUSALS, ``values`` fill its sentence."""

    def __init__(self, code: str, **values: Any) -> None:
        self.code, self.values = code, values
        super().__init__(self.template % values if values else self.template)

    @property
    def template(self) -> str:
        return REFUSALS[self.code]


def check_directory(source: Path, most: int) -> None:
    """Refuse a .zip whose directory announces more entries, or more bytes for them, before it is read into memory."""
    with source.open("rb") as file:
        length = file.seek(0, os.SEEK_END)
        begin = max(0, length - 2**16 - 22 - 76)
        file.seek(begin)
        tail = file.read()
    # Where the library looks too: at the very end, else before a comment.
    plain = len(tail) - 22
    end = plain if plain >= 0 and tail[plain : plain + 4] == _END else tail.rfind(_END)
    if end < 0 or end + 22 > len(tail):
        raise ArchiveError("damaged", reason="its directory is missing")
    entries, size = struct.unpack_from("<HI", tail, end + 10)
    if end >= 76 and tail[end - 20 : end - 16] == _LOCATOR:
        entries, size = struct.unpack_from("<QQ", tail, end - 76 + 32)
    if entries > most or size > most * _BYTES_PER_ENTRY:
        raise ArchiveError("entries", most=most)


def entry_name(info: zipfile.ZipInfo) -> str:
    """The name in a .zip. Without the mark of UTF-8 it may still be UTF-8, or GB 18030 from a Chinese Windows."""
    name = info.orig_filename
    if info.flag_bits & _UTF8_FLAG:
        return name
    try:
        raw = name.encode("cp437")
    except UnicodeEncodeError:
        return name
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return name


@dataclass(frozen=True)
class TarMember:
    """``kind``: "file", "folder", "link" or "other"."""

    name: str
    kind: str
    size: int
    open: Callable[[], IO[bytes]]


@contextmanager
def tar_members(source: Path) -> Iterator[Iterator[TarMember]]:
    """The members of a .tar.gz as they come. Raises ArchiveError where it is none."""
    with gzip.open(source, "rb") as stream:
        try:
            archive = tarfile.TarFile(fileobj=cast(IO[bytes], _ShortReads(stream)), mode="r")
        except (tarfile.ReadError, gzip.BadGzipFile, EOFError):
            raise ArchiveError("kind") from None
        with archive:
            yield (_member(archive, info) for info in archive if not (info.isdir() and info.name == "."))


def _member(archive: tarfile.TarFile, info: tarfile.TarInfo) -> TarMember:
    if info.issym() or info.islnk():
        kind = "link"
    elif info.isdir():
        kind = "folder"
    else:
        kind = "file" if info.isreg() and not info.issparse() else "other"

    def opened() -> IO[bytes]:
        content = archive.extractfile(info)
        assert content is not None
        return content

    # Many are made with paths that begin with "./".
    name = info.name.removeprefix("./")
    return TarMember(name + "/" if kind == "folder" else name, kind, info.size, opened)


class _ShortReads:
    """A stream from which nothing is read whole: headers that announce megabytes are refused, not kept in memory."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LONGEST_HEADER:
            raise ArchiveError("damaged", reason="a header is too long")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def close(self) -> None:
        """The stream is closed by whoever opened it."""
