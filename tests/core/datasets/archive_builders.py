"""Archives written by hand, honest and hostile."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path

from PIL import Image


def picture(size: tuple[int, int] = (8, 6), format: str = "PNG", colour: str = "teal") -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, colour).save(content, format)
    return content.getvalue()


def zipped(path: Path, files: dict[str, bytes] | list[tuple[str, bytes]], compress: bool = True) -> Path:
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items() if isinstance(files, dict) else files:
            # Not by name: that would be tidied up.
            info = zipfile.ZipInfo("x")
            info.filename, info.compress_type = name, method
            archive.writestr(info, content)
    return path


def zipped_as(path: Path, name: str, mode: int, content: bytes = b"elsewhere") -> Path:
    """An archive whose only entry has these Unix mode bits."""
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, mode << 16
        archive.writestr(info, content)
    return path


SYMLINK = stat.S_IFLNK | 0o777
FIFO = stat.S_IFIFO | 0o666


def tarred(path: Path, files: dict[str, bytes], *more: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in more:
            archive.addfile(info)
    return path


def tar_member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info
