"""Photographs as cameras, scanners and print shops write them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saliency_core.datasets.base import open_dataset
from saliency_core.datasets.image_folder import ImageFolder
from saliency_core.datasets.images import read_header, read_image
from saliency_core.errors import ImageError


def test_cmyk_as_adobe_writes_it(tmp_path: Path) -> None:
    """No cyan and no black, full magenta and yellow: red. Adobe stores the inverse."""
    path = tmp_path / "print.jpg"
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(path, quality=95)
    assert b"Adobe" in path.read_bytes()
    image = read_image(path)
    assert image.mode == "RGB"
    np.testing.assert_allclose(np.asarray(image).reshape(-1, 3), np.tile([255, 0, 0], (256, 1)), atol=3)


def test_one_channel_becomes_three_equal_ones(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 128, 255]], np.uint8)).save(tmp_path / "grey.png")
    assert np.asarray(read_image(tmp_path / "grey.png")).tolist() == [[[0] * 3, [128] * 3, [255] * 3]]
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "bilevel.png")
    assert np.asarray(read_image(tmp_path / "bilevel.png")).tolist() == [[[255] * 3, [0] * 3]]


def test_sixteen_bit_greyscale(tmp_path: Path) -> None:
    Image.fromarray(np.array([[255, 256, 65535]], np.uint16)).save(tmp_path / "deep.png")
    assert np.asarray(read_image(tmp_path / "deep.png"))[0, :, 0].tolist() == [0, 1, 255]


def test_palette_with_transparency_keeps_its_colours(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "palette.png", transparency=b"\x00\x80")
    assert np.asarray(read_image(tmp_path / "palette.png")).tolist() == [[[10, 20, 30], [200, 100, 50]]]


@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_animations_are_refused(suffix: str, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    path = tmp_path / f"moving.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    for read in (read_image, read_header):
        with pytest.raises(
            ImageError, match=rf"moving\.{suffix} is an animation of 3 pictures; save the one"
        ):
            read(path)


def test_gif_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.gif")
    (tmp_path / "a.gif").rename(tmp_path / "a.png")
    with pytest.raises(ImageError, match=r"a\.png is not a JPEG, PNG or WebP image"):
        read_image(tmp_path / "a.png")


def test_of_a_cameras_several_pictures_the_first_is_read(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (4, 4), "blue")
    first.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[second])
    assert read_image(tmp_path / "a.jpg").size == (8, 8)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_the_header_tells_the_size_that_reading_gives(orientation: int, suffix: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (10, 6)).save(tmp_path / f"a.{suffix}", exif=exif)
    header = read_header(tmp_path / f"a.{suffix}")
    assert header.stored_size == (10, 6)
    assert header.orientation == orientation
    assert header.size == read_image(tmp_path / f"a.{suffix}").size


def test_an_impossible_orientation_is_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 9
    Image.new("RGB", (10, 6)).save(tmp_path / "a.jpg", exif=exif)
    assert read_header(tmp_path / "a.jpg").size == (10, 6) == read_image(tmp_path / "a.jpg").size


def test_names_with_blanks_and_chinese(tmp_path: Path) -> None:
    (tmp_path / "大熊猫 (正面)").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "大熊猫 (正面)" / "照片 1.jpg")
    dataset = open_dataset("image-folder", tmp_path)
    sample = dataset.sample(0)
    assert (sample.identifier, sample.label) == ("大熊猫 (正面)/照片 1.jpg", "大熊猫 (正面)")
    assert dataset.problems() == []
    assert len(dataset.fingerprint()) == 64


def test_what_is_passed_over_is_said(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.jpg")
    Image.new("RGB", (4, 4)).save(tmp_path / "b.gif")
    Image.new("RGB", (4, 4)).save(tmp_path / "c.TIFF")
    name = os.fsencode(tmp_path) + b"/\xb4\xf3.jpg"  # 大 in GBK
    with open(name, "wb") as file:  # noqa: PTH123  # a path of bytes
        file.write((tmp_path / "a.jpg").read_bytes())
    dataset = ImageFolder(tmp_path)
    assert len(dataset) == 1
    assert dataset.problems() == [
        {"file": "\\udcb4\\udcf3.jpg", "problem": "Passed over: its name is not in UTF-8."},
        {"file": "b.gif", "problem": "Passed over: not a JPEG, PNG or WebP image."},
        {"file": "c.TIFF", "problem": "Passed over: not a JPEG, PNG or WebP image."},
    ]
    assert len(dataset.fingerprint()) == 64


def test_fingerprints_of_folders_are_what_they_always_were(tmp_path: Path) -> None:
    """Benchmarks recorded it: sha256 of "a.jpg NUL 3 NUL NEWLINE", computed with sha256sum."""
    (tmp_path / "a.jpg").write_bytes(b"abc")
    expected = "086248842d66c743e65623cb91771ed3af97c26d876e51f8d8ff4c6992c928df"
    assert ImageFolder(tmp_path).fingerprint() == expected
