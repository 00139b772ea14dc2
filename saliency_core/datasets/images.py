"""Reading one image file that nobody has checked before."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from saliency_core.errors import ImageError

ALLOWED_FORMATS = ("JPEG", "PNG", "WEBP")
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
MAX_PIXELS = 64_000_000
MAX_FILE_BYTES = 256 * 1024 * 1024


def read_image(source: str | Path | BinaryIO) -> Image.Image:
    """Decode a JPEG, PNG or WebP file to RGB, turned upright by its EXIF orientation.

    At most MAX_PIXELS pixels: the size is read from the header, before anything is decoded. Raises
    ImageError with the reason (missing, truncated, not an image, too large).
    """
    name = Path(source).name if isinstance(source, (str, Path)) else "The image"
    try:
        if isinstance(source, (str, Path)) and Path(source).stat().st_size > MAX_FILE_BYTES:
            raise ImageError(f"{name} is larger than {MAX_FILE_BYTES // 2**20} MiB.")
        with Image.open(source, formats=ALLOWED_FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise _too_large(name, f"{width} × {height} pixels")
            image.load()
            return _to_rgb(ImageOps.exif_transpose(image))
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
