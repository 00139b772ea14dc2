"""Hostile image files: name of the case → (name of the file, its content, what the refusal must say)."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tests.hostile.pickles import zip_of


@dataclass(frozen=True)
class ImageCase:
    """``says``: part of the refusal; None for a file of which the pixels, and nothing else, are taken."""

    name: str
    file: str
    content: bytes
    says: str | None


NO_IMAGE = "is not a JPEG, PNG or WebP image"
TOO_MANY = "too many pixels"
ANIMATED = "is an animation of"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script><image href="file:///etc/passwd"/></svg>'


def encoded(format: str, size: tuple[int, int] = (12, 10), **options: object) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes = b"", depth: int = 8, colour: int = 2) -> bytes:
    """A PNG with a header that says so and whatever data."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def jpeg_of_size(width: int, height: int) -> bytes:
    """A small JPEG whose frame header says something else."""
    content = bytearray(encoded("JPEG"))
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def animation(format: str) -> bytes:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, format, save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def image_cases() -> list[ImageCase]:
    jpeg, portable, webp = encoded("JPEG"), encoded("PNG"), encoded("WEBP")
    bomb_text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(80_000_000)))
    return [
        ImageCase("nothing", "a.jpg", b"", NO_IMAGE),
        ImageCase("text", "a.jpg", b"Dear reader, this is not a picture.", NO_IMAGE),
        ImageCase("HTML", "a.png", b"<!doctype html><script>alert(1)</script>", NO_IMAGE),
        ImageCase("SVG", "a.svg", SVG, NO_IMAGE),
        ImageCase("SVG named .png", "a.png", SVG, NO_IMAGE),
        ImageCase("SVG compressed", "a.svgz", zlib.compress(SVG), NO_IMAGE),
        ImageCase(
            "PostScript", "a.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(id) run", NO_IMAGE
        ),
        ImageCase("PDF", "a.jpg", b"%PDF-1.7\n1 0 obj\n<<>>\nendobj", NO_IMAGE),
        ImageCase("GIF", "a.gif", encoded("GIF"), NO_IMAGE),
        ImageCase("GIF named .png", "a.png", encoded("GIF"), NO_IMAGE),
        ImageCase("BMP named .jpg", "a.jpg", encoded("BMP"), NO_IMAGE),
        ImageCase("TIFF named .jpg", "a.jpg", encoded("TIFF"), NO_IMAGE),
        ImageCase("icon named .png", "a.png", encoded("ICO"), NO_IMAGE),
        ImageCase("portable pixmap", "a.png", b"P6 4 4 255\n" + bytes(48), NO_IMAGE),
        ImageCase(
            "script for ImageMagick", "a.jpg", b"push graphic-context\nimage over 0,0 0,0 'msl:a'", NO_IMAGE
        ),
        ImageCase("ELF program", "a.jpg", b"\x7fELF" + bytes(200), NO_IMAGE),
        ImageCase("PNG of 100 000 × 100 000", "a.png", png(100_000, 100_000), TOO_MANY),
        ImageCase("PNG of 65 megapixels", "a.png", png(10_000, 6_500), TOO_MANY),
        ImageCase("PNG of 2³¹ columns", "a.png", png(2**31 - 1, 1), TOO_MANY),
        ImageCase("PNG without rows", "a.png", png(10, 0), ""),
        ImageCase("PNG without columns", "a.png", png(0, 10), ""),
        ImageCase("PNG of an impossible depth", "a.png", png(4, 4, depth=7), ""),
        ImageCase("PNG of an impossible colour type", "a.png", png(4, 4, colour=5), ""),
        ImageCase("PNG with too little data", "a.png", png(100, 100, bytes(50)), ""),
        ImageCase("PNG cut off in the header", "a.png", portable[:20], ""),
        ImageCase("PNG cut off in the pixels", "a.png", portable[: len(portable) // 2], ""),
        ImageCase("PNG with a wrong checksum", "a.png", portable[:40] + b"\0\0\0\0" + portable[44:], ""),
        ImageCase(
            "PNG with 80 MB of compressed text",
            "a.png",
            portable[:33] + bomb_text + portable[33:],
            "",
        ),
        ImageCase("JPEG of 65 000 × 65 000", "a.jpg", jpeg_of_size(65_000, 65_000), TOO_MANY),
        ImageCase("JPEG of 8000 × 8001", "a.jpg", jpeg_of_size(8_000, 8_001), TOO_MANY),
        ImageCase("JPEG without rows", "a.jpg", jpeg_of_size(10, 0), ""),
        ImageCase("JPEG cut off", "a.jpg", encoded("JPEG", (200, 200))[:4000], ""),
        ImageCase("JPEG that begins and ends", "a.jpg", b"\xff\xd8\xff\xd9", ""),
        ImageCase("JPEG of markers", "a.jpg", b"\xff\xd8" + b"\xff\xe1\x00\x02" * 5000, ""),
        ImageCase("WebP cut off", "a.webp", webp[: len(webp) // 2], ""),
        ImageCase("WebP of a header", "a.webp", b"RIFF\x24\0\0\0WEBPVP8 " + bytes(24), ""),
        ImageCase("animated PNG", "a.png", animation("PNG"), ANIMATED),
        ImageCase("animated WebP", "a.webp", animation("WEBP"), ANIMATED),
        ImageCase("animated GIF", "a.gif", animation("GIF"), NO_IMAGE),
        ImageCase("JPEG with an archive behind it", "a.jpg", jpeg + zip_of({"a.py": b"import os"}), None),
        ImageCase("PNG with HTML behind it", "a.png", portable + b"<script>alert(1)</script>", None),
        ImageCase("PNG with a script in its text", "a.png", with_text(), None),
        ImageCase("JPEG with a script in its EXIF", "a.jpg", with_exif(), None),
        ImageCase("JPEG named .png", "a.png", jpeg, None),
        ImageCase("PNG named .jpg", "a.jpg", portable, None),
    ]


def with_text() -> bytes:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Comment", "<script>alert(1)</script>")
    return encoded("PNG", pnginfo=info)


def with_exif() -> bytes:
    exif = Image.Exif()
    exif[0x010E] = "<script>alert(1)</script>"
    return encoded("JPEG", exif=exif)
