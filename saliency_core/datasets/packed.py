"""Pixels at the classifier's input size, kept on disk so that a data set is decoded once.

One file holds all images of a data set under one pipeline, uint8 [N, size, size, 3], sparse until an image is read for
the first time; a second holds for each image what proves its pixels: the source file's time of change and size, and a
CRC-32 of the pixels. Several processes may write at once: they write the same.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import weakref
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from saliency_core.classifiers.preprocessing import Preprocessing
    from saliency_core.datasets.base import Dataset

Pixels = npt.NDArray[np.uint8]

_PROOF = np.dtype([("changed", "<i8"), ("bytes", "<i8"), ("crc", "<u4"), ("present", "u1")])
MOST_BYTES = 40_000_000_000
LEAST_FREE_SHARE = 0.2  # of the disk: a cache must not fill it


class PackedImages:
    """The kept pixels of one data set under one pipeline."""

    def __init__(self, folder: Path, dataset: Dataset, preprocessing: Preprocessing) -> None:
        """Opens or makes the two files in ``folder``. Raises OSError."""
        key = "\n".join((dataset.fingerprint(), preprocessing.name, preprocessing.interpolation))
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        size = preprocessing.size
        self._dataset, self._preprocessing = dataset, preprocessing
        pixels, proofs = folder / f"{name}.pixels", folder / f"{name}.proofs"
        self._shape = (size, size, 3)
        _sized(pixels, len(dataset) * size * size * 3)
        # Read and written rather than mapped: pages of a mapped file count as this process' memory.
        self._pixels = os.open(pixels, os.O_RDWR)
        weakref.finalize(self, os.close, self._pixels)
        _sized(proofs, len(dataset) * _PROOF.itemsize)
        self._proofs: np.memmap = np.memmap(proofs, dtype=_PROOF, mode="r+", shape=(len(dataset),))
        os.utime(pixels)  # what was used last is removed last

    def pixels(self, index: int, decode: Callable[[], Pixels]) -> Pixels:
        """Pixels uint8 [size, size, 3] of sample ``index``; those of ``decode()`` where they are not kept yet, or
        where the file has changed or the kept ones are damaged. What ``decode`` raises passes through.
        """
        source = self._dataset.sample(index).path
        try:
            facts = source.stat()
        except OSError:
            return decode()  # which says what is wrong with the file
        proof = self._proofs[index]
        if proof["present"] and (proof["changed"], proof["bytes"]) == (facts.st_mtime_ns, facts.st_size):
            kept = self._read(index)
            if zlib.crc32(kept) == proof["crc"]:
                return np.frombuffer(kept, dtype=np.uint8).reshape(self._shape)
        pixels = np.ascontiguousarray(decode())
        os.pwrite(self._pixels, pixels.data, index * pixels.nbytes)
        # Last, so that whoever finds the proof finds the pixels; a CRC of half-written ones would not fit.
        self._proofs[index] = (facts.st_mtime_ns, facts.st_size, zlib.crc32(pixels.data), 1)
        return pixels

    def _read(self, index: int) -> bytearray:
        kept = bytearray(int(np.prod(self._shape)))
        os.preadv(self._pixels, [kept], index * len(kept))
        return kept


def packed_images(
    folder: Path | None, dataset: Dataset, preprocessing: Preprocessing, most_bytes: int = MOST_BYTES
) -> PackedImages | None:
    """The kept pixels in ``folder``; None where nothing is to be kept: no folder, images that are drawn rather than
    read, or no room. What was used longest ago makes room.
    """
    if folder is None or not len(dataset) or not dataset.sample(0).path.is_file():
        return None
    needed = len(dataset) * preprocessing.size**2 * 3
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _make_room(folder, most_bytes - needed)
        disk = shutil.disk_usage(folder)
        if needed > most_bytes or disk.free - needed < LEAST_FREE_SHARE * disk.total:
            return None
        return PackedImages(folder, dataset, preprocessing)
    except OSError:
        return None  # it only makes things faster


def _sized(path: Path, wanted: int) -> None:
    """Makes the file, of zeros, unless there is one of that size."""
    with path.open("a+b") as file:
        if file.seek(0, os.SEEK_END) != wanted:
            file.truncate(0)
            file.truncate(wanted)


def _make_room(folder: Path, most_bytes: int) -> None:
    """Removes what was used longest ago until at most ``most_bytes`` are taken (in length, not in blocks)."""
    kept = sorted(folder.glob("*.pixels"), key=lambda path: path.stat().st_mtime, reverse=True)
    taken = 0
    for path in kept:
        taken += path.stat().st_size
        if taken > most_bytes:
            path.unlink(missing_ok=True)
            path.with_suffix(".proofs").unlink(missing_ok=True)
