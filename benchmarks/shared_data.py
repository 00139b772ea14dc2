"""Real weights and photographs for benchmarks; they are no part of the repository."""

from __future__ import annotations

import os
from pathlib import Path

WEIGHTS = {
    "squeezenet1_1": "squeezenet1_1.safetensors",
    "timm:deit_tiny_patch16_224": "deit_tiny_patch16_224.safetensors",
}


def shared_folder() -> Path:
    """`SALISCOPE_SHARED_DATA`, or `shared/data` beside the repository, as in the tests. It may not be there."""
    named = os.environ.get("SALISCOPE_SHARED_DATA")
    return Path(named) if named else Path(__file__).parents[2] / "shared" / "data"


def weights_of(model: str, folder: Path) -> Path | None:
    """The file with a network's weights; None where there is none, and random ones have to do."""
    path = folder / "weights" / WEIGHTS[model] if model in WEIGHTS else None
    return path if path is not None and path.is_file() else None


def photographs(folder: Path, count: int) -> list[Path]:
    """``count`` photographs spread over the classes; fewer, or none, where these are not there."""
    every = sorted((folder / "imagenet-samples").glob("*/*.JPEG"))
    return every[:: max(1, len(every) // count)][:count]
