"""A few real photographs to try things on: those inside the scikit-image package."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from saliency_core.errors import DatasetError

PHOTOGRAPHS = (
    "astronaut.png",
    "camera.png",
    "chelsea.png",
    "clock_motion.png",
    "coffee.png",
    "coins.png",
    "motorcycle_left.png",
    "rocket.jpg",
)


def sample_photographs() -> list[Path]:
    """Where the photographs lie in the scikit-image package. Raises DatasetError."""
    package = importlib.util.find_spec("skimage")  # found, not imported: only its files are wanted
    if package is None or package.origin is None:
        raise DatasetError(
            "The sample photographs come from the scikit-image package: pip install scikit-image."
        )
    found = [Path(package.origin).parent / "data" / name for name in PHOTOGRAPHS]
    for path in found:
        if not path.exists():
            raise DatasetError(
                f"The scikit-image package has no {path.name}; reinstall it: pip install scikit-image."
            )
    return found


def write_sample_photographs(folder: str | Path) -> list[Path]:
    """Copy the photographs into ``folder`` (made if needed) and return their paths. Raises DatasetError."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return [Path(shutil.copyfile(source, folder / source.name)) for source in sample_photographs()]
