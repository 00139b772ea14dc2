"""XGrad-CAM."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import Cost, MethodDescription, Parameter
from saliency_core.lazy import torch
from saliency_core.methods._cam import features_and_gradients, layer_parameter, weighted_sum
from saliency_core.methods.base import Method, upsampled
from saliency_core.methods.registry import register


@register
class XGradCam(Method):
    """ReLU(Σₖ wₖ Aᵏ) with wₖ = Σᵢⱼ gᵢⱼ Aᵢⱼ / (Σᵢⱼ Aᵢⱼ + ε), g = ∂S_c/∂Aᵏ; S_c is the logit.

    Made from two axioms, sensitivity and conservation: in a network of piecewise linear layers without biases
    above the layer S_c = Σₖᵢⱼ g A, which is what the weights share out among the channels.

    Made for layers after a ReLU. There Σ A ≥ 0, and a dead channel weighs 0. Where features may be negative
    (SiLU, GELU, hard-swish, the output of a convolution) the sum of a channel may nearly cancel and its weight
    explode: ε then takes the sign of the sum, so that it never moves the denominator through zero, and the
    share of negative features is reported with each map.

    Extras: ``negative_features``, the share of the layer's values below zero; 0 after a ReLU.

    Source: Fu et al., Axiom-based Grad-CAM, BMVC 2020, equation 7; ε as in its code.

    >>> method = create_method("xgrad_cam", classifier, epsilon=1e-6)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="xgrad_cam",
        title="XGrad-CAM",
        family="cam",
        needs=("convolutional_layer", "gradients"),
        parameters=(
            layer_parameter(
                "Layer whose feature maps are weighted. Choose one after a ReLU: where features may be negative, "
                "the sums that weights are divided by can cancel."
            ),
            Parameter(
                name="epsilon",
                kind="number",
                default=1e-6,
                minimum=1e-12,
                maximum=1.0,
                title="Epsilon",
                help="Added to the sum of a feature map before dividing by it, with the sign of the sum.",
                source="Code of the paper's authors",
            ),
        ),
        paper=(
            "Fu et al., Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs, BMVC 2020"
        ),
        summary="Feature maps of one layer, weighted by their gradients averaged with the features themselves.",
        cost=lambda parameters: Cost(forwards=1, backwards=1),
    )

    def _maps(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        layer, epsilon = self.parameters["layer"], self.parameters["epsilon"]
        features, gradients, _ = features_and_gradients(self.classifier, layer, images, targets)
        total = features.sum((2, 3))
        signed = torch.where(total < 0, -epsilon, epsilon)
        weights = (gradients * features).sum((2, 3)) / (total + signed)
        maps = upsampled(weighted_sum(features, weights).relu(), (images.shape[2], images.shape[3]))
        return maps, {"negative_features": (features < 0).float().mean((1, 2, 3))}
