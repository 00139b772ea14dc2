"""Small data sets written by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Saver = Callable[..., Path]


@pytest.fixture
def save_image() -> Saver:
    """A function that writes an image of (width, height) whose EXIF says how it is turned."""

    def save(path: Path, size: tuple[int, int] = (10, 8), orientation: int = 1) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        exif = Image.Exif()
        if orientation != 1:
            exif[0x0112] = orientation
        Image.fromarray(pixels).save(path, exif=exif)
        return path

    return save
