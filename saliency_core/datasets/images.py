"""Reading one image file that nobody has checked before."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from saliency_core.errors import ImageError

ALLOWED_FORMATS = ("JPEG", "PNG", "WEBP")
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
MAX_PIXELS = 64_000_000
MAX_FILE_BYTES = 256 * 1024 * 1024
_ORIENTATION = 0x0112  # the EXIF tag
_SWAPPING_ORIENTATIONS = frozenset({5, 6, 7, 8})


@dataclass(frozen=True)
class ImageHeader:
    """Size in pixels as stored, and the EXIF orientation (1 … 8; 1 is upright)."""

    stored_width: int
    stored_height: int
    orientation: int = 1

    @property
    def stored_size(self) -> tuple[int, int]:
        return self.stored_width, self.stored_height

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the upright image, which is what read_image returns."""
        if self.orientation in _SWAPPING_ORIENTATIONS:
            return self.stored_height, self.stored_width
        return self.stored_size


def read_image(source: str | Path | BinaryIO) -> Image.Image:
    """Decode a JPEG, PNG or WebP file to RGB, turned upright by its EXIF orientation.

    Greyscale, palettes, CMYK (inverted, as Adobe writes it) and 16 bits a channel become 8-bit RGB; colour
    profiles are not applied and an alpha channel is dropped. An animation is refused, because nobody said which of
    its pictures is meant; of a JPEG that carries further pictures (MPO, from cameras) the first is read. At
    most MAX_PIXELS pixels: the size is read from the header, before anything is decoded. Raises ImageError
    with the reason (missing, truncated, not an image, too large, animated).
    """
    with _opened(source) as image:
        image.load()
        return _to_rgb(ImageOps.exif_transpose(image))


def read_header(source: str | Path | BinaryIO) -> ImageHeader:
    """Size and orientation of an image file that read_image would begin to decode. Raises ImageError."""
    with _opened(source) as image:
        orientation = image.getexif().get(_ORIENTATION, 1)
        return ImageHeader(*image.size, orientation if orientation in range(1, 9) else 1)


@contextmanager
def _opened(source: str | Path | BinaryIO) -> Iterator[Image.Image]:
    """The image of a file, not decoded yet; whatever goes wrong until the end of the block is an ImageError."""
    name = Path(source).name if isinstance(source, (str, Path)) else "The image"
    try:
        if isinstance(source, (str, Path)) and Path(source).stat().st_size > MAX_FILE_BYTES:
            raise ImageError(f"{name} is larger than {MAX_FILE_BYTES // 2**20} MiB.")
        with Image.open(source, formats=ALLOWED_FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise _too_large(name, f"{width} × {height} pixels")
            if image.format in ("PNG", "WEBP") and getattr(image, "is_animated", False):
                raise ImageError(
                    f"{name} is an animation of {getattr(image, 'n_frames', 'several')} pictures; "
                    "save the one that is meant as an image of its own."
                )
            yield image
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError(f"{name} does not exist.") from None
    except UnidentifiedImageError:
        raise ImageError(f"{name} is not a JPEG, PNG or WebP image.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(name, "its size in the header") from None
    except Exception as error:  # decoders answer hostile bytes with nearly any exception type
        reason = str(error).strip() or type(error).__name__
        raise ImageError(f"{name} cannot be decoded: {reason}.") from error


def _too_large(name: str, what: str) -> ImageError:
    return ImageError(f"{name} has too many pixels ({what}); at most {MAX_PIXELS // 10**6} million are read.")


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit greyscale: Pillow's own conversion would clip instead of scaling
        image = Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # palette transparency is dropped like any alpha channel
        return image.convert("RGB")
