"""The files of a registered data set as one tar that is made while it is sent."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from saliency_core.datasets.base import open_dataset
from saliency_core.errors import DatasetError
from webapp.common.streaming import CHUNK_BYTES
from webapp.library.models import Dataset

ENTRY_HEADER = "Saliscope-Entry"
_BLOCK = 512


@dataclass(frozen=True)
class DatasetArchive:
    """`root`: the folder that is sent. `entry`: what the reader opens, as a path below it; "" for the folder itself.
    `alone`: whether the entry is all there is to send.
    """

    root: Path
    entry: str
    alone: bool = False

    def pieces(self) -> Iterator[bytes]:
        """The tar, in pieces of some hundred kilobytes, none of them empty. Raises OSError where a file goes away."""
        held = bytearray()
        for piece in self._blocks():
            held += piece
            if len(held) >= CHUNK_BYTES:
                yield bytes(held)
                held.clear()
        yield bytes(held)

    def _blocks(self) -> Iterator[bytes]:
        for name in self._names():
            with (self.root / name).open("rb") as file:
                info = tarfile.TarInfo(name)
                left = info.size = os.fstat(file.fileno()).st_size
                yield info.tobuf(tarfile.PAX_FORMAT)
                while left:
                    piece = file.read(min(CHUNK_BYTES, left))
                    if not piece:
                        raise OSError(f"{name} became shorter while it was sent")
                    left -= len(piece)
                    yield piece
                yield bytes(-info.size % _BLOCK)
        yield bytes(2 * _BLOCK)

    def _names(self) -> Iterator[str]:
        if self.alone:
            yield self.entry
            return
        for folder, folders, files in os.walk(self.root, followlinks=False):
            folders.sort()
            for file in sorted(files):
                path = Path(folder, file)
                if path.is_file():
                    yield path.relative_to(self.root).as_posix()


def archive_of(row: Dataset) -> DatasetArchive:
    """What is to be sent of a data set. Raises DatasetError if it is gone or has changed."""
    path = Path(row.path)
    found = open_dataset(row.format, path)
    if found.fingerprint() != row.fingerprint:
        raise DatasetError(
            "The files of the data set on the web application's machine are not those that were registered."
        )
    if path.is_dir():
        return DatasetArchive(path, "")
    # A file that names a data set lies in its folder, one that is a data set does not need its folder.
    folder = getattr(found, "folder", None)
    if folder is None:
        return DatasetArchive(path.parent, path.name, alone=True)
    root = Path(os.path.commonpath([path.resolve(), Path(folder).resolve()]))
    return DatasetArchive(root, path.resolve().relative_to(root).as_posix())
