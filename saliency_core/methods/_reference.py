"""The image that stands for "nothing to see" in Integrated Gradients and DeepLIFT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saliency_core.descriptions import Parameter
from saliency_core.lazy import torch
from saliency_core.scoring.canvas import blurred_canvas, mean_canvas, zero_canvas

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier

REFERENCES: tuple[str, ...] = ("zero", "black", "mean", "blur")


def reference_images(classifier: Classifier, images: torch.Tensor, reference: str) -> torch.Tensor:
    """Reference [B, 3, H, W] of each normalised image, one of REFERENCES."""
    if reference == "blur":
        return blurred_canvas(images)
    if reference == "mean":
        return mean_canvas(images).contiguous()
    zero = zero_canvas(images)
    if reference == "zero":
        return zero
    preprocessing = classifier.preprocessing
    black = [-mean / deviation for mean, deviation in zip(preprocessing.mean, preprocessing.std, strict=True)]
    return zero + torch.tensor(black, device=images.device, dtype=images.dtype)[:, None, None]


def reference_parameter(source: str) -> Parameter:
    return Parameter(
        name="baseline",
        kind="choice",
        default="zero",
        choices=REFERENCES,
        title="Reference image",
        help=(
            "What the image is compared with: zero after normalisation, that is the data set's mean colour "
            "(zero), black (black), the image's own mean colour (mean), or the blurred image (blur)."
        ),
        source=source,
    )
