"""The files that a registered data set is read from, as one tar that is made while it is sent."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from saliency_core.datasets.base import Dataset as OpenDataset
from saliency_core.datasets.base import open_dataset
from saliency_core.errors import DatasetError
from webapp.common.streaming import CHUNK_BYTES
from webapp.library.models import Dataset

ENTRY_HEADER = "Saliscope-Entry"
_BLOCK = 512


@dataclass(frozen=True)
class DatasetArchive:
    """`root`: the folder below which the files lie. `entry`: what the reader opens, as a path below it; "" for the
    folder itself. `files`: their names below `root`, with sizes in bytes, and nothing that is no part of the data set.
    """

    root: Path
    entry: str
    files: tuple[tuple[str, int], ...]

    @property
    def size(self) -> int:
        """Bytes of the whole tar."""
        return sum(len(_header(name, size)) + size + -size % _BLOCK for name, size in self.files) + 2 * _BLOCK

    def pieces(self) -> Iterator[bytes]:
        """The tar, in pieces of some hundred kilobytes, none of them empty. Raises OSError where a file goes away or
        has changed its size.
        """
        held = bytearray()
        for piece in self._blocks():
            held += piece
            if len(held) >= CHUNK_BYTES:
                yield bytes(held)
                held.clear()
        if held:
            yield bytes(held)

    def _blocks(self) -> Iterator[bytes]:
        for name, size in self.files:
            with (self.root / name).open("rb") as file:
                if os.fstat(file.fileno()).st_size != size:
                    raise OSError(f"{name} changed while the data set was sent")
                yield _header(name, size)
                left = size
                while left:
                    piece = file.read(min(CHUNK_BYTES, left))
                    if not piece:
                        raise OSError(f"{name} became shorter while it was sent")
                    left -= len(piece)
                    yield piece
                yield bytes(-size % _BLOCK)
        yield bytes(2 * _BLOCK)


def archive_of(row: Dataset) -> DatasetArchive:
    """What is to be sent of a data set. Raises DatasetError if it is gone or has changed."""
    path = Path(row.path)
    found = open_dataset(row.format, path)
    if found.fingerprint() != row.fingerprint:
        raise DatasetError(
            "The files of the data set on the web application's machine are not those that were registered."
        )
    if path.is_dir():
        return DatasetArchive(path, "", _listed(found, path))
    # The file names a data set whose files may lie beside it or above it.
    entry = path.resolve()
    folder = getattr(found, "folder", None)
    root = entry.parent if folder is None else Path(os.path.commonpath([entry, Path(folder).resolve()]))
    if root == entry:
        root = entry.parent
    return DatasetArchive(root, entry.relative_to(root).as_posix(), _listed(found, root))


def _listed(found: OpenDataset, root: Path) -> tuple[tuple[str, int], ...]:
    """The data set's files that are there, each once, in the order of their names."""
    listed = {}
    for file in found.files():
        if file.is_file():
            listed[_below(root, file)] = file.stat().st_size
    return tuple(sorted(listed.items()))


def _below(root: Path, file: Path) -> str:
    """The file's name as it was found, not as links lead: it is to be found so again."""
    if not file.is_relative_to(root):
        file = file.parent.resolve() / file.name
    if not file.is_relative_to(root) or ".." in file.parts:
        raise DatasetError(f"{file.name} of the data set does not lie in its folder: it cannot be sent.")
    return file.relative_to(root).as_posix()


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.PAX_FORMAT)
