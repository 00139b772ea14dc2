"""Unpacking what strangers send: what is taken, what is refused, and that nothing is left of what is refused."""

from __future__ import annotations

import gzip
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from saliency_core.datasets.archive_formats import REFUSALS, ArchiveError
from saliency_core.datasets.archives import ArchiveLimits, unpack
from saliency_core.errors import Interrupted
from tests.core.datasets.archive_builders import (
    FIFO,
    SYMLINK,
    picture,
    tar_member,
    tarred,
    zipped,
    zipped_as,
)


def refusal(archive: Path, **limits: int) -> ArchiveError:
    """The refusal of an archive, of which nothing may be left."""
    around = archive.parent / "around"
    with pytest.raises(ArchiveError) as refused:
        unpack(archive, around / "files", ArchiveLimits(**limits))
    assert list(around.rglob("*")) == []
    assert [path.name for path in archive.parent.iterdir() if path != around] == [archive.name]
    return refused.value


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("pack", [zipped, tarred], ids=["zip", "tar.gz"])
def test_images_and_annotations_are_kept_and_the_rest_is_named(tmp_path: Path, pack) -> None:
    content = {
        "set/cat/1.png": picture(),
        "set/cat/2.JPG": picture(format="JPEG"),
        "set/labels.csv": b"image,label\n",
        "set/notes.docx": b"words",
        "set/more.zip": b"PK",
        "set/scan.tiff": b"II*",
        "set/fake.png": b"no picture",
        "set/.DS_Store": b"x",
        "__MACOSX/set/._1.png": b"x",
        "set/Thumbs.db": b"x",
    }
    result = unpack(pack(tmp_path / "a", content), tmp_path / "out")
    assert files_in(tmp_path / "out") == ["set/cat/1.png", "set/cat/2.JPG", "set/labels.csv"]
    assert (tmp_path / "out/set/cat/1.png").read_bytes() == picture()
    assert result.files == 3
    assert result.bytes == len(picture()) + len(picture(format="JPEG")) + len(b"image,label\n")
    assert {each["file"]: each["problem"] for each in result.passed_over} == {
        "set/notes.docx": "Not kept: neither an image nor an annotation file (.xml, .json, .txt, .csv, .mat).",
        "set/more.zip": "Not kept: an archive within the archive is not opened.",
        "set/scan.tiff": "Not kept: not a JPEG, PNG or WebP image.",
        "set/fake.png": "Not kept: fake.png is not a JPEG, PNG or WebP image.",
    }


@pytest.mark.parametrize(
    "name",
    [
        "../evil.png",
        "a/../../evil.png",
        "/etc/evil.png",
        "a\\b.png",
        "..\\evil.png",
        "C:evil.png",
        "c:/evil.png",
    ],
)
def test_no_path_leaves_the_folder(tmp_path: Path, name: str) -> None:
    problem = refusal(zipped(tmp_path / "a.zip", {"fine.png": picture(), name: picture()}))
    assert problem.code == "outside"
    assert name in str(problem)


@pytest.mark.parametrize("name", ["../evil.png", "/etc/evil.png", "a/../../evil.png"])
def test_no_path_of_a_tar_leaves_the_folder(tmp_path: Path, name: str) -> None:
    assert refusal(tarred(tmp_path / "a.tar.gz", {"fine.png": picture(), name: picture()})).code == "outside"


@pytest.mark.parametrize(
    "name", ["a//b.png", "./a.png", "a\nb.png", "\u0007.png", "x" * 300 + ".png", "d/" * 20 + "a.png"]
)
def test_names_that_cannot_be_kept(tmp_path: Path, name: str) -> None:
    assert refusal(zipped(tmp_path / "a.zip", {name: picture()})).code == "name"


def test_links_in_a_zip(tmp_path: Path) -> None:
    assert refusal(zipped_as(tmp_path / "a.zip", "link.png", SYMLINK, b"/etc/passwd")).code == "link"
    (tmp_path / "a.zip").unlink()
    assert refusal(zipped_as(tmp_path / "a.zip", "pipe.png", FIFO)).code == "other"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (tarfile.SYMTYPE, "link"),
        (tarfile.LNKTYPE, "link"),
        (tarfile.CHRTYPE, "other"),
        (tarfile.BLKTYPE, "other"),
        (tarfile.FIFOTYPE, "other"),
    ],
)
def test_links_and_devices_in_a_tar(tmp_path: Path, kind: bytes, code: str) -> None:
    archive = tarred(tmp_path / "a.tar.gz", {"1.png": picture()}, tar_member("x.png", kind, "1.png"))
    assert refusal(archive).code == code


@pytest.mark.parametrize(
    "names",
    [
        ["a.png", "a.png"],
        ["caf\u00e9.png", "cafe\u0301.png"],
        ["a", "a/b.png"],
        ["a/b.png", "a"],
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_no_two_entries_of_one_name(tmp_path: Path, names: list[str]) -> None:
    files = [(name, picture()) for name in names]
    assert refusal(zipped(tmp_path / "a.zip", files)).code == "duplicate"


def test_a_folder_may_be_listed_twice(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", [("d/a.png", picture()), ("d/", b""), ("d/b.png", picture())])
    assert unpack(archive, tmp_path / "out").files == 2


def test_sizes_are_capped(tmp_path: Path) -> None:
    content = {f"{number}.txt": bytes(range(256)) * 40 for number in range(5)}
    archive = zipped(tmp_path / "a.zip", content, compress=False)
    assert unpack(archive, tmp_path / "fits" / "out", ArchiveLimits(total_bytes=51_200)).bytes == 51_200
    for path in sorted((tmp_path / "fits").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (tmp_path / "fits").rmdir()
    assert refusal(archive, total_bytes=51_199).code == "total"
    assert refusal(archive, file_bytes=10_239).code == "file"
    assert refusal(archive, entries=4).code == "entries"


def test_bombs_are_told_by_their_ratio(tmp_path: Path) -> None:
    zeros = bytes(4 * 2**20)
    assert refusal(zipped(tmp_path / "a.zip", {"zeros.txt": zeros})).code == "ratio"
    (tmp_path / "a.zip").unlink()
    assert refusal(tarred(tmp_path / "a.tar.gz", {"zeros.txt": zeros})).code == "ratio"


def test_a_zip_that_lies_about_a_size(tmp_path: Path) -> None:
    """It announces 100 bytes of 40,000: no more than these are written, and the rest is noticed."""
    archive = zipped(tmp_path / "a.zip", {"a.txt": bytes(range(256)) * 160}, compress=False)
    content = bytearray(archive.read_bytes())
    for signature, place in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        struct.pack_into("<I", content, content.find(signature) + place, 100)
    archive.write_bytes(content)
    assert refusal(archive, total_bytes=1000).code == "damaged"


def test_a_zip_that_announces_millions_of_entries(tmp_path: Path) -> None:
    """Refused before its directory is read."""
    archive = zipped(tmp_path / "a.zip", {"a.png": picture()})
    content = bytearray(archive.read_bytes())
    struct.pack_into("<HH", content, content.rfind(b"PK\x05\x06") + 8, 65000, 65000)
    archive.write_bytes(content)
    assert refusal(archive).code == "entries"


def test_a_tar_with_a_header_of_megabytes(tmp_path: Path) -> None:
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 2**30
    with gzip.open(tmp_path / "a.tar.gz", "wb") as file:
        file.write(header.tobuf(tarfile.PAX_FORMAT) + bytes(2**20))
    assert refusal(tmp_path / "a.tar.gz").code == "damaged"


def test_encrypted_damaged_and_other_files(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"a.png": picture()})
    content = bytearray(archive.read_bytes())
    for signature, place in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        content[content.find(signature) + place] |= 1
    archive.write_bytes(content)
    assert refusal(archive).code == "encrypted"
    archive.write_bytes(b"words, just words")
    assert refusal(archive).code in ("damaged", "kind")
    archive.write_bytes(gzip.compress(b"words, just words" * 100))
    assert refusal(archive).code == "kind"
    whole = tarred(tmp_path / "a.zip", {"1.txt": bytes(range(256)) * 4000}).read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    assert refusal(archive).code == "damaged"
    archive.write_bytes(b"")
    assert refusal(archive).code in ("damaged", "kind")


def test_an_archive_of_nothing_useful(tmp_path: Path) -> None:
    assert refusal(zipped(tmp_path / "a.zip", {"setup.exe": b"MZ"})).code == "nothing"
    (tmp_path / "a.zip").unlink()
    assert refusal(zipped(tmp_path / "a.zip", {})).code == "nothing"


def test_pictures_with_too_many_pixels_are_not_kept(tmp_path: Path) -> None:
    """A header of a few bytes announces more than is ever decoded."""
    header = bytearray(picture())
    struct.pack_into(">II", header, 16, 60_000, 60_000)
    import zlib

    struct.pack_into(">I", header, 29, zlib.crc32(header[12:29]))
    archive = zipped(tmp_path / "a.zip", {"bomb.png": bytes(header), "fine.png": picture()})
    result = unpack(archive, tmp_path / "out")
    assert files_in(tmp_path / "out") == ["fine.png"]
    assert "too many pixels" in result.passed_over[0]["problem"]


def test_pictures_may_have_fewer_pixels_than_in_folders_of_ones_own(tmp_path: Path) -> None:
    archive = zipped(
        tmp_path / "a.zip", {"big.png": picture((2000, 1001)), "fine.png": picture((2000, 1000))}
    )
    result = unpack(archive, tmp_path / "out", ArchiveLimits(pixels=2_000_000))
    assert files_in(tmp_path / "out") == ["fine.png"]
    assert result.passed_over[0]["problem"] == (
        "Not kept: 2000 × 1001 pixels are too many; at most 2 million are taken."
    )


def test_names_from_a_chinese_windows(tmp_path: Path) -> None:
    """Written in GBK without the mark of UTF-8, as its Explorer does."""
    placeholder = "abcdef.png"
    archive = zipped(tmp_path / "a.zip", {placeholder: picture()})
    archive.write_bytes(archive.read_bytes().replace(b"abcdef", "袋鼠".encode("gbk") + b"__"))
    unpack(archive, tmp_path / "out")
    assert files_in(tmp_path / "out") == ["袋鼠__.png"]


def test_progress_ends_at_the_total_and_may_stop_the_work(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"a.txt": bytes(3000), "b.txt": bytes(1000)})
    seen: list[tuple[int, int]] = []
    unpack(archive, tmp_path / "out", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(3000, 4000), (4000, 4000)]

    def stop(done: int, total: int) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        unpack(archive, tmp_path / "stopped", progress=stop)
    assert not (tmp_path / "stopped").exists()


def test_a_folder_that_exists_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError):
        unpack(zipped(tmp_path / "a.zip", {"a.png": picture()}), tmp_path / "out")
    assert files_in(tmp_path / "out") == ["mine.txt"]


def test_every_refusal_has_a_sentence_that_can_be_filled() -> None:
    values = {"name": "a.png", "most": 5, "reason": "bad"}
    for code in REFUSALS:
        assert "%" not in str(ArchiveError(code, **values)) or code == "ratio"


def test_a_directory_that_hides_behind_a_comment(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"a.png": picture()})
    with zipfile.ZipFile(archive, "a") as opened:
        opened.comment = b"made by hand"
    assert unpack(archive, tmp_path / "out").files == 1
