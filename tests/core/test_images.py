from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saliency_core.datasets.images import read_image
from saliency_core.errors import ImageError


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nothing."""

    def block(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + block(b"IHDR", header)
        + block(b"IDAT", zlib.compress(b""))
        + block(b"IEND", b"")
    )


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_formats_become_rgb(suffix: str, tmp_path: Path, write_image: Callable[..., Path]) -> None:
    image = read_image(write_image(tmp_path / f"a.{suffix}"))
    assert (image.mode, image.size) == ("RGB", (40, 30))
    assert read_image(io.BytesIO((tmp_path / f"a.{suffix}").read_bytes())).size == (40, 30)


def test_a_truncated_jpeg_is_an_error(tmp_path: Path, write_image: Callable[..., Path]) -> None:
    path = write_image(tmp_path / "a.jpg", size=(200, 200))
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ImageError, match=r"a\.jpg cannot be decoded: .*truncated"):
        read_image(path)


def test_a_really_truncated_photograph_is_an_error(shared_data: Path) -> None:
    with pytest.raises(ImageError, match=r"truncated"):
        read_image(shared_data / "kangaroo-voc" / "VOC2007" / "JPEGImages" / "00090.jpg")


def test_text_named_jpg_and_other_formats_are_errors(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("not a photograph")
    Image.new("RGB", (4, 4)).save(tmp_path / "b.bmp")
    (tmp_path / "b.bmp").rename(tmp_path / "b.png")
    for name in ("a.jpg", "b.png"):
        with pytest.raises(ImageError, match=rf"{name} is not a JPEG, PNG or WebP image"):
            read_image(tmp_path / name)
    with pytest.raises(ImageError, match=r"c\.jpg does not exist"):
        read_image(tmp_path / "c.jpg")


@pytest.mark.parametrize(("width", "height"), [(8001, 8000), (10_000, 10_000), (60_000, 60_000)])
def test_pixel_bombs_are_refused_by_their_header(width: int, height: int, tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png_header(width, height))
    with pytest.raises(ImageError, match=r"bomb\.png has too many pixels .* at most 64 million"):
        read_image(tmp_path / "bomb.png")


def test_photographs_are_turned_upright(tmp_path: Path) -> None:
    image = Image.new("RGB", (20, 10))
    image.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90° clockwise
    image.save(tmp_path / "a.png", exif=exif)
    upright = read_image(tmp_path / "a.png")
    assert upright.size == (10, 20)
    assert upright.getpixel((9, 0)) == (255, 255, 255)


def test_sixteen_bit_grey_is_scaled_and_transparency_dropped(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 32768, 65535]], dtype=np.uint16)).save(tmp_path / "deep.png")
    assert [read_image(tmp_path / "deep.png").getpixel((x, 0)) for x in range(3)] == [
        (0, 0, 0),
        (128, 128, 128),
        (255, 255, 255),
    ]
    Image.new("RGBA", (2, 2), (10, 20, 30, 0)).save(tmp_path / "clear.png")
    assert read_image(tmp_path / "clear.png").getpixel((0, 0)) == (10, 20, 30)
