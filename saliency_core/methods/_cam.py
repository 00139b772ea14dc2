"""What the methods that weight feature maps share: the layer parameter, gradients at a layer, safe division."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saliency_core.classifiers.recording import forward_recording
from saliency_core.descriptions import Parameter
from saliency_core.errors import LayerError
from saliency_core.lazy import torch

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier

_CANCELLED = 1e-6  # of the absolute values summed: what is left of a float32 sum below it is rounding


def layer_parameter(
    help: str = "Convolutional layer whose feature maps are weighted. Deep layers follow the class.",
) -> Parameter:
    """The parameter "layer" of a CAM-like method; unset, it is the classifier's default layer."""
    return Parameter(
        name="layer",
        kind="layer",
        default=None,
        title="Layer",
        help=help,
        source="Last convolutional block after its activation",
    )


def features_and_gradients(
    classifier: Classifier, layer: str, images: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Feature maps A [B, K, h, w] of ``layer``, the gradients ∂S_c/∂A of the logits of classes ``targets``
    [B], and all logits [B, C], none of them with a graph.

    Raises LayerError where the layer gives no feature maps or the logits do not depend on it.
    """
    features, logits = forward_recording(classifier, layer, images)
    # Samples do not interact in evaluation mode, so one backward pass of the sum gives each its own gradient.
    selected = logits.gather(1, targets[:, None]).sum()
    (gradients,) = torch.autograd.grad(selected, features, allow_unused=True)
    if gradients is None:
        raise LayerError(f"The scores of {classifier.title} do not depend on the layer {layer!r}.")
    return features.detach(), gradients, logits.detach()


def weighted_sum(features: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Σₖ wₖ Aᵏ [B, h, w] for features [B, K, h, w] and weights [B, K]."""
    return (features * weights[:, :, None, None]).sum(1)


def quotient(
    numerator: torch.Tensor, first: torch.Tensor, second: torch.Tensor, least: float = _CANCELLED
) -> torch.Tensor:
    """numerator / (first + second), and 0 where the two cancel to ``least`` of their size or are both zero."""
    denominator = first + second
    usable = denominator.abs() > least * (first.abs() + second.abs())
    return torch.where(usable, numerator / torch.where(usable, denominator, 1.0), 0.0)
