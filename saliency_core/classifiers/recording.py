"""A forward pass that keeps one layer's output for differentiation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from saliency_core.errors import LayerError
from saliency_core.lazy import torch

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier


def forward_recording(
    classifier: Classifier, layer: str, images: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Feature maps [B, K, h, w] of ``layer`` and logits [B, C], such that the logits can be differentiated
    by the maps.

    The layer's output is cut out of the graph and becomes its leaf: nothing below the layer is
    differentiated, and what follows works on a copy, so that an in-place ReLU cannot overwrite the recorded
    values. Raises LayerError if the layer does not give feature maps.
    """
    recorded: list[torch.Tensor] = []

    def record(module: torch.nn.Module, inputs: Any, output: Any) -> torch.Tensor:
        if not isinstance(output, torch.Tensor) or output.ndim != 4:
            raise LayerError(
                f"The layer {layer!r} of {classifier.title} gives no feature maps; this method needs a "
                "convolutional layer."
            )
        leaf = output.detach().requires_grad_(True)
        recorded.append(leaf)
        return leaf.clone()

    handle = classifier.module(layer).register_forward_hook(record)
    try:
        with torch.enable_grad():
            logits = classifier.logits(images)
    finally:
        handle.remove()
    if not recorded:
        raise LayerError(f"The layer {layer!r} of {classifier.title} takes no part in the forward pass.")
    return recorded[-1], logits
