"""Fixtures for the library: a tiny network, a tiny protocol, and the shared data where it is there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.experiments.insertion_deletion import InsertionDeletionProtocol

TINY_SIZE = 32
TINY_PROTOCOL = InsertionDeletionProtocol(
    name="tiny@1",
    summary="for tests",
    source="none",
    size=TINY_SIZE,
    step_pixels=100,
    blur_kernel=7,
    blur_sigma=3.0,
)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real photographs and weights that are not part of the repository."""
    named = os.environ.get("SALISCOPE_SHARED_DATA")
    folder = Path(named) if named else Path(__file__).parents[2].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the shared data is not at {folder} (SALISCOPE_SHARED_DATA names another place)")
    return folder


class TinyNetwork(torch.nn.Module):
    """Two convolutions with in-place activations, average pooling, a linear layer: 5 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.features = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, stride=2, padding=1),
            torch.nn.ReLU(inplace=True),
            torch.nn.Conv2d(8, 6, 3, stride=2, padding=1),
            torch.nn.ReLU(inplace=True),
        )
        self.head = torch.nn.Linear(6, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(images).mean((2, 3)))


@pytest.fixture
def tiny_classifier() -> Classifier:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = TinyNetwork()
        for parameter in model.parameters():
            parameter.data.mul_(3)  # far enough from uniform scores for curves that move
    return Classifier(
        model, name="tiny", preprocessing=Preprocessing(size=TINY_SIZE), class_names=list("abcde")
    )


@pytest.fixture
def tiny_images() -> torch.Tensor:
    return torch.randn(6, 3, TINY_SIZE, TINY_SIZE, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def write_image() -> Callable[..., Path]:
    """A function that writes a small random photograph and returns its path."""

    def write(path: Path, seed: int = 0, size: tuple[int, int] = (40, 30)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        return path

    return write
