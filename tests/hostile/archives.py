"""Hostile archives of data sets: name of the case → (its file, its content, what the refusal must say)."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

from tests.core.datasets.archive_builders import FIFO, SYMLINK, picture, tar_member, tarred, zipped, zipped_as
from tests.hostile.images import png
from tests.hostile.model_files import Case

OUTSIDE, LINK, NO_FILE = "would be unpacked outside", "is a link", "is not a plain file"
BAD_NAME, TWICE, DAMAGED = "can't be kept", "more than once", "damaged or of a kind"
TOO_MANY, GROWS, TOO_BIG = "too many entries", "times its packed size", "is too big"
NO_ARCHIVE, NOTHING = "neither a .zip nor a .tar.gz", "holds no image"
ENTRIES = 100_000


def archive_cases() -> list[Case]:
    fine = picture()
    cases = []

    def zip_case(
        name: str, says: str, files: dict[str, bytes] | list[tuple[str, bytes]], **how: bool
    ) -> None:
        cases.append(Case(f"{name} (.zip)", "set.zip", made(lambda path: zipped(path, files, **how)), says))

    def tar_case(name: str, says: str, files: dict[str, bytes], *more: tarfile.TarInfo) -> None:
        content = made(lambda path: tarred(path, files, *more))
        cases.append(Case(f"{name} (.tar.gz)", "set.tar.gz", content, says))

    def bytes_case(name: str, says: str, content: bytes, file: str = "set.zip") -> None:
        cases.append(Case(name, file, content, says))

    for name in (
        "../evil.png",
        "a/../../evil.png",
        "/etc/evil.png",
        "..\\evil.png",
        "C:evil.png",
        "c:/evil.png",
    ):
        zip_case(f"path {name}", OUTSIDE, {"fine.png": fine, name: fine})
    for name in ("../evil.png", "/etc/evil.png", "a/../../evil.png"):
        tar_case(f"path {name}", OUTSIDE, {"fine.png": fine, name: fine})
    for title, name in {
        "empty part in a name": "a//b.png",
        "a dot as a folder": "./a.png",
        "a line break in a name": "a\nb.png",
        "a bell in a name": "\u0007.png",
        "a name of 300 characters": "x" * 300 + ".png",
        "folders 20 deep": "d/" * 20 + "a.png",
    }.items():
        zip_case(title, BAD_NAME, {name: fine})
    bytes_case("symbolic link (.zip)", LINK, made(lambda p: zipped_as(p, "a.png", SYMLINK, b"/etc/passwd")))
    bytes_case("pipe (.zip)", NO_FILE, made(lambda p: zipped_as(p, "a.png", FIFO)))
    for title, kind, says in (
        ("symbolic link", tarfile.SYMTYPE, LINK),
        ("hard link", tarfile.LNKTYPE, LINK),
        ("character device", tarfile.CHRTYPE, NO_FILE),
        ("block device", tarfile.BLKTYPE, NO_FILE),
        ("pipe", tarfile.FIFOTYPE, NO_FILE),
    ):
        tar_case(title, says, {"1.png": fine}, tar_member("x.png", kind, "1.png"))
    zip_case("one name twice", TWICE, [("a.png", fine), ("a.png", fine)])
    zip_case("one name twice, accents apart", TWICE, [("caf\u00e9.png", fine), ("cafe\u0301.png", fine)])
    zip_case("a file that is a folder as well", TWICE, [("a", fine), ("a/b.png", fine)])
    zip_case("zeros that grow 1000 times", GROWS, {"zeros.txt": bytes(4 * 2**20)})
    tar_case("zeros that grow 1000 times", GROWS, {"zeros.txt": bytes(4 * 2**20)})
    zip_case("a file of 65 MiB", TOO_BIG, {"big.txt": bytes(65 * 2**20)})
    many = {f"{number}.txt": b"" for number in range(ENTRIES)}
    zip_case("100 000 entries", TOO_MANY, many)
    tar_case("100 000 entries", TOO_MANY, many)
    bytes_case("a directory that announces 65 000 entries", TOO_MANY, announcing(65_000))
    bytes_case("a size that lies", DAMAGED, lying_size())
    bytes_case("an encrypted file", "is encrypted", encrypted())
    bytes_case("a header of 1 GiB", DAMAGED, long_header(), "set.tar.gz")
    bytes_case("words", NO_ARCHIVE, b"words, just words" * 9)
    bytes_case("nothing", NO_ARCHIVE, b"")
    bytes_case("compressed words", NO_ARCHIVE, gzip.compress(b"words, just words" * 100), "set.tar.gz")
    whole = made(lambda path: tarred(path, {"1.txt": bytes(range(256)) * 4000}))
    bytes_case("cut off in the middle", DAMAGED, whole[: len(whole) // 2], "set.tar.gz")
    whole = made(lambda path: zipped(path, {"1.txt": bytes(range(256)) * 4000}))
    bytes_case("cut off before its directory", NO_ARCHIVE, whole[:-60])
    zip_case("programs only", NOTHING, {"setup.exe": b"MZ", "run.sh": b"#!/bin/sh\n"})
    zip_case("an archive in an archive", NOTHING, {"inner.zip": b"PK"})
    zip_case("no entries", NOTHING, {})
    zip_case("a picture of 60 000 × 60 000", NOTHING, {"bomb.png": png(60_000, 60_000)})
    zip_case("SVG named .png", NOTHING, {"a.png": b"<svg onload='alert(1)'/>"})
    return cases


def made(build: Callable[[Path], Path]) -> bytes:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # zipfile finds a name that is there already remarkable
        return build(Path(folder) / "set").read_bytes()


def announcing(count: int) -> bytes:
    content = bytearray(made(lambda path: zipped(path, {"a.png": picture()})))
    struct.pack_into("<HH", content, content.rfind(b"PK\x05\x06") + 8, count, count)
    return bytes(content)


def lying_size() -> bytes:
    content = bytearray(made(lambda path: zipped(path, {"a.txt": bytes(range(256)) * 160}, compress=False)))
    for signature, place in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        struct.pack_into("<I", content, content.find(signature) + place, 100)
    return bytes(content)


def encrypted() -> bytes:
    content = bytearray(made(lambda path: zipped(path, {"a.png": picture()})))
    for signature, place in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        content[content.find(signature) + place] |= 1
    return bytes(content)


def long_header() -> bytes:
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 2**30
    buffer = io.BytesIO()
    with gzip.open(buffer, "wb") as file:
        file.write(header.tobuf(tarfile.PAX_FORMAT) + bytes(2**20))
    return buffer.getvalue()
