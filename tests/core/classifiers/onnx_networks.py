"""Small networks exported to ONNX, by both of torch's exporters."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from pathlib import Path
from typing import Any

import torch

EXPORTERS = ("legacy", "dynamo")
SIZE = 32


class SmallCnn(torch.nn.Module):
    """Two convolutions, the first with BatchNorm; the ReLUs are functions."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(8)
        self.second = torch.nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.head = torch.nn.Linear(16, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = torch.relu(self.norm(self.first(images)))
        features = torch.relu(self.second(features))
        return self.head(features.mean((2, 3)))


def small_cnn() -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return SmallCnn().eval()


def export(
    model: torch.nn.Module, path: Path, exporter: str = "legacy", size: int = SIZE, **options: Any
) -> Path:
    """Writes one file, with a batch of any size unless `options` say otherwise."""
    if exporter == "dynamo" and importlib.util.find_spec("onnxscript") is None:
        raise RuntimeError("needs the package onnxscript, of requirements-dev.txt")
    if exporter == "dynamo":
        usual: dict[str, Any] = {"dynamic_shapes": ({0: torch.export.Dim("batch")},), "verbose": False}
    else:
        usual = {"input_names": ["images"], "dynamic_axes": {"images": {0: "batch"}}}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (torch.randn(2, 3, size, size),),
            str(path),
            **{"dynamo": exporter == "dynamo", "external_data": False, **usual, **options},
        )
    return path
