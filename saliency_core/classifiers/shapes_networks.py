"""Two small networks of our own for the Shapes data set: a convolutional one like VGG, and a vision transformer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from saliency_core.lazy import timm, torch

SIZE = 224  # pixels: both take images of that size, the usual one of the experiments' protocols

# Name, channels, stride; a maximum over 2 × 2 follows conv1, conv2 and conv3_2.
CONVOLUTIONS: tuple[tuple[str, int, int], ...] = (
    ("1", 16, 2),
    ("2", 32, 1),
    ("3_1", 48, 1),
    ("3_2", 64, 1),
    ("4_1", 64, 1),
    ("4_2", 96, 1),
)
POOLED_AFTER: tuple[str, ...] = ("1", "2", "3_2")


def shapes_cnn(num_classes: int = 10, batch_norm: bool = False) -> torch.nn.Module:
    """Six 3 × 3 convolutions with ReLUs, feature maps of 14 × 14, their average and a linear layer; 140,000 weights.

    ``batch_norm`` puts a batch normalisation behind each convolution, for training only: folded into the
    convolutions it leaves the plain network.
    """
    steps: OrderedDict[str, torch.nn.Module] = OrderedDict()
    channels = 3
    for name, width, stride in CONVOLUTIONS:
        steps[f"conv{name}"] = torch.nn.Conv2d(
            channels, width, 3, stride=stride, padding=1, bias=not batch_norm
        )
        if batch_norm:
            steps[f"norm{name}"] = torch.nn.BatchNorm2d(width)
        steps[f"relu{name}"] = torch.nn.ReLU()
        if name in POOLED_AFTER:
            steps[f"pool{name.partition('_')[0]}"] = torch.nn.MaxPool2d(2)
        channels = width
    steps["average"] = torch.nn.AdaptiveAvgPool2d(1)
    steps["flatten"] = torch.nn.Flatten()
    steps["head"] = torch.nn.Linear(channels, num_classes)
    network: Any = torch.nn.Sequential(steps)
    network.num_classes = num_classes
    return network


def shapes_vit(num_classes: int = 10) -> torch.nn.Module:
    """timm's VisionTransformer with a class token over the first four convolutions of shapes_cnn: 14 × 14 tokens, 3
    blocks of 64 channels and 4 heads; 160,000 weights.

    A convolutional stem lets a transformer learn from few images (Xiao et al., Early Convolutions Help
    Transformers See Better, NeurIPS 2021).
    """
    return timm.models.vision_transformer.VisionTransformer(
        img_size=SIZE,
        patch_size=STRIDE,
        embed_dim=64,
        depth=3,
        num_heads=4,
        mlp_ratio=2.0,
        num_classes=num_classes,
        embed_layer=_convolutional_stem,
    )


STRIDE = 16  # pixels between neighbouring tokens
STEM = (
    "conv1",
    "relu1",
    "pool1",
    "conv2",
    "relu2",
    "pool2",
    "conv3_1",
    "relu3_1",
    "conv3_2",
    "relu3_2",
    "pool3",
)
"""The layers of shapes_cnn that shapes_vit begins with."""


def _convolutional_stem(embed_dim: int = 64, **_: Any) -> torch.nn.Module:
    """Images [B, 3, 224, 224] to tokens [B, 196, embed_dim], as timm's PatchEmbed."""
    layers = dict(shapes_cnn().named_children())
    steps = OrderedDict((name, layers[name]) for name in STEM)
    steps["proj"] = torch.nn.Conv2d(64, embed_dim, 1)

    class Stem(torch.nn.Sequential):  # here, as torch is imported only where networks are made
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return super().forward(images).flatten(2).transpose(1, 2)

    stem: Any = Stem(steps)
    stem.patch_size, stem.grid_size = (STRIDE, STRIDE), (SIZE // STRIDE, SIZE // STRIDE)
    stem.num_patches = stem.grid_size[0] * stem.grid_size[1]
    return stem


NETWORKS: dict[str, Callable[..., torch.nn.Module]] = {"shapes_cnn": shapes_cnn, "shapes_vit": shapes_vit}
