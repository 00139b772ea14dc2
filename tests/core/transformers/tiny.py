"""A vision transformer of timm small enough for loops."""

from __future__ import annotations

from typing import Any

import torch

from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.lazy import timm

SIZE = 32
TARGETS = torch.tensor([0, 3, 1, 4])


def tiny_transformer(seed: int = 0, **changes: Any) -> torch.nn.Module:
    """3 blocks, 3 heads, 16 patches of 8 × 8 pixels, 5 classes; every parameter random, so that none is neutral."""
    options: dict[str, Any] = {
        "img_size": SIZE,
        "patch_size": 8,
        "embed_dim": 12,
        "depth": 3,
        "num_heads": 3,
        "mlp_ratio": 2,
        "num_classes": 5,
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = timm.models.vision_transformer.VisionTransformer(**options | changes).eval()
        for name, parameter in model.named_parameters():
            centre = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            parameter.data.normal_(centre, 0.1 if name == "patch_embed.proj.weight" else 0.4)
    return model


def tiny_classifier(seed: int = 0, **changes: Any) -> Classifier:
    model = tiny_transformer(seed, **changes)
    return Classifier(model, name="tiny ViT", preprocessing=Preprocessing(size=changes.get("img_size", SIZE)))


def photographs(count: int = 4, height: int = SIZE, width: int = SIZE) -> torch.Tensor:
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(5))
