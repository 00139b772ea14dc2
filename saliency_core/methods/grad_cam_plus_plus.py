"""Grad-CAM++."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import Cost, MethodDescription, Parameter
from saliency_core.lazy import torch
from saliency_core.methods._cam import features_and_gradients, layer_parameter, quotient, weighted_sum
from saliency_core.methods.base import Method, upsampled
from saliency_core.methods.registry import register

_LEAST = 0.02  # features carry errors of some 1e-7, which a smaller denominator would raise above 1e-5


@register
class GradCamPlusPlus(Method):
    """ReLU(Σₖ wₖ Aᵏ) with wₖ = Σᵢⱼ αᵢⱼ ReLU(gᵢⱼ), g = ∂S_c/∂Aᵏ; S_c is the logit.

    The paper takes Y = exp(S_c), whose second and third derivatives behind a piecewise linear network are
    exp(S_c) g² and exp(S_c) g³. The exponential cancels inside α, and outside it scales the map as a whole;
    it is left out.

    - ``paper``: αᵢⱼ = gᵢⱼ² / (2 gᵢⱼ² + (Σ_ab A_ab) gᵢⱼ³), 0 where g = 0. Only g > 0 counts, so this is computed
      as wₖ = Σ_{g>0} g / (2 + (ΣA) g): without squares that underflow, and with a denominator of at least 2
      behind a ReLU.
    - ``joint``: αᵢⱼ = gᵢⱼ² / (2 gᵢⱼ² + Σ_ab A_ab g_ab³), the form of 1Konny/gradcam_plus_plus-pytorch and of
      what descends from it (Group-CAM's comparison, xdeep, Relevance-CAM), where the gradient of one place is
      mixed with the sum over all.

    With negative features (a layer that is not behind a ReLU) the terms of the denominator may cancel. Where less
    than 0.02 of them is left ("paper"; 1e-6 for "joint", where it may happen anywhere), the place counts nothing:
    its coefficient would be all but rounding, and larger than all others.

    Source: Chattopadhyay et al., Grad-CAM++, WACV 2018, equations 10 and 19.

    >>> method = create_method("grad_cam_plus_plus", classifier, variant="paper")  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="grad_cam_plus_plus",
        title="Grad-CAM++",
        family="cam",
        needs=("convolutional_layer", "gradients"),
        parameters=(
            layer_parameter(),
            Parameter(
                name="variant",
                kind="choice",
                default="paper",
                choices=("paper", "joint"),
                title="Variant",
                help=(
                    "paper: the equation as published. joint: as in much-used code, which mixes the gradients of "
                    "all places in the denominator."
                ),
                source="Equation 19 of the paper",
            ),
        ),
        paper=(
            "Chattopadhyay et al., Grad-CAM++: Generalized Gradient-Based Visual Explanations for Deep "
            "Convolutional Networks, WACV 2018"
        ),
        summary="Feature maps of one layer, weighted by their positive gradients, each by its own coefficient.",
        cost=lambda parameters: Cost(forwards=1, backwards=1),
    )

    def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        layer = self.parameters["layer"]
        features, gradients, _ = features_and_gradients(self.classifier, layer, images, targets)
        weigh = paper_weights if self.parameters["variant"] == "paper" else joint_weights
        cam = weighted_sum(features, weigh(features, gradients)).relu()
        return upsampled(cam, (images.shape[2], images.shape[3]))


def paper_weights(features: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """wₖ = Σ_{g>0} g / (2 + (ΣA) g), float32 [B, K]."""
    total = features.sum((2, 3), keepdim=True)
    positive = gradients.relu()
    return quotient(positive, torch.full_like(positive, 2.0), total * positive, _LEAST).sum((2, 3))


def joint_weights(features: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """wₖ = Σ_{g>0} g³ / (2 g² + Σ_ab A_ab g_ab³), float32 [B, K]."""
    # In units of each channel's largest gradient: the cubes of real gradients underflow in float32.
    largest = gradients.abs().amax((2, 3), keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)
    scaled = gradients / largest
    mixed = largest * (features * scaled**3).sum((2, 3), keepdim=True)
    return (largest * quotient(scaled.relu() ** 3, 2 * scaled**2, mixed)).sum((2, 3))
