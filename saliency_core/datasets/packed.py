"""Pixels at the classifier's input size, kept on disk so that a data set is decoded once.

One file holds all images of a data set under one pipeline, uint8 [N, size, size, 3], sparse until an image is read for
the first time; a second holds for each image what proves its pixels: the source file's time of change and size, and a
CRC-32 of the pixels. Several processes may write at once: they write the same.

Both are read and written, never mapped: pages of a mapped file count as this process' memory, and where such a file was
shortened or the disk is full, touching them ends the process.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import struct
import weakref
import zlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from saliency_core.classifiers.preprocessing import Preprocessing
    from saliency_core.datasets.base import Dataset

log = logging.getLogger(__name__)

Pixels = npt.NDArray[np.uint8]

_PROOF = struct.Struct("<qqIB")  # time of change (ns), bytes, CRC-32 of the pixels, 1 where there are any
MOST_BYTES = 40_000_000_000
LEAST_FREE_SHARE = 0.2  # of the disk: a cache must not fill it


class PackedImages:
    """The kept pixels of one data set under one pipeline."""

    def __init__(self, folder: Path, dataset: Dataset, preprocessing: Preprocessing) -> None:
        """Opens or makes the two files in ``folder``. Raises OSError."""
        pixels = folder / _file_name(dataset, preprocessing)
        self._folder, self._dataset = folder, dataset
        self._shape = (preprocessing.size, preprocessing.size, 3)
        self._bytes = preprocessing.size**2 * 3
        self._pixels = self._opened(pixels, len(dataset) * self._bytes)
        self._proofs = self._opened(pixels.with_suffix(".proofs"), len(dataset) * _PROOF.size)
        self._writing = True
        os.utime(pixels)  # what was used last is removed last

    def pixels(self, index: int, decode: Callable[[], Pixels]) -> Pixels:
        """Pixels uint8 [size, size, 3] of sample ``index``; those of ``decode()`` where they are not kept yet, or
        where the file has changed or the kept ones are damaged. What ``decode`` raises passes through; where the disk
        fails or is full, images are decoded and no more are kept.
        """
        try:
            facts = self._dataset.sample(index).path.stat()
        except OSError:
            return decode()  # which says what is wrong with the file
        kept = self._kept(index, facts)
        if kept is not None:
            return np.frombuffer(kept, dtype=np.uint8).reshape(self._shape)
        pixels = np.ascontiguousarray(decode())
        if self._writing:
            try:
                self._keep(index, facts, pixels)
            except OSError as problem:
                self._writing = False
                _say_once(self._folder, problem.strerror or str(problem))
        return pixels

    def _kept(self, index: int, facts: os.stat_result) -> bytearray | None:
        """The pixels of that file as they are kept, if they are."""
        try:
            proof = os.pread(self._proofs, _PROOF.size, index * _PROOF.size)
            if len(proof) < _PROOF.size:
                return None  # somebody has shortened the file
            changed, size, checksum, present = _PROOF.unpack(proof)
            if not present or (changed, size) != (facts.st_mtime_ns, facts.st_size):
                return None
            kept = bytearray(self._bytes)
            if os.preadv(self._pixels, [kept], index * self._bytes) < self._bytes:
                return None
        except OSError as problem:
            _say_once(self._folder, problem.strerror or str(problem))
            return None
        return kept if zlib.crc32(kept) == checksum else None

    def _keep(self, index: int, facts: os.stat_result, pixels: Pixels) -> None:
        _write(self._pixels, pixels.reshape(-1).data, index * self._bytes)
        # Last, so that whoever finds the proof finds the pixels; a CRC of half-written ones would not fit.
        proof = _PROOF.pack(facts.st_mtime_ns, facts.st_size, zlib.crc32(pixels.data), 1)
        _write(self._proofs, proof, index * _PROOF.size)

    def _opened(self, path: Path, wanted: int) -> int:
        """The file, made of zeros unless there is one of that size. Raises OSError."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        weakref.finalize(self, os.close, descriptor)
        if os.fstat(descriptor).st_size != wanted:
            os.truncate(descriptor, 0)
            os.truncate(descriptor, wanted)
        return descriptor


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
        own = folder / _file_name(dataset, preprocessing)
        _make_room(folder, most_bytes - needed, own)
        disk = shutil.disk_usage(folder)
        still_needed = needed - (own.stat().st_blocks * 512 if own.exists() else 0)
        if needed > most_bytes or disk.free - still_needed < LEAST_FREE_SHARE * disk.total:
            return None
        return PackedImages(folder, dataset, preprocessing)
    except OSError as problem:
        _say_once(folder, problem.strerror or str(problem))
        return None  # it only makes things faster


def _file_name(dataset: Dataset, preprocessing: Preprocessing) -> str:
    key = "\n".join((dataset.opened_fingerprint, preprocessing.name, preprocessing.interpolation))
    return f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.pixels"


def _write(descriptor: int, content: bytes | memoryview, offset: int) -> None:
    """All of it: a disk that fills up takes a part first and refuses the rest. Raises OSError."""
    written = 0
    while written < len(content):
        written += os.pwrite(descriptor, content[written:], offset + written)


@lru_cache(maxsize=64)
def _say_once(folder: Path, problem: str) -> None:
    log.warning("Decoded pixels are not kept in %s: %s. Images are decoded again each time.", folder, problem)


def _make_room(folder: Path, most_bytes: int, own: Path) -> None:
    """Removes what was used longest ago until at most ``most_bytes`` are taken (in length, not in blocks) beside
    ``own``.
    """
    others = (path for path in folder.glob("*.pixels") if path != own)
    taken = 0
    for path in sorted(others, key=lambda path: path.stat().st_mtime, reverse=True):
        taken += path.stat().st_size
        if taken > most_bytes:
            path.unlink(missing_ok=True)
            path.with_suffix(".proofs").unlink(missing_ok=True)
