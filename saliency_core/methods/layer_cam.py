"""LayerCAM."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import Cost, MethodDescription
from saliency_core.lazy import torch
from saliency_core.methods._cam import features_and_gradients, layer_parameter
from saliency_core.methods.base import Method, upsampled
from saliency_core.methods.registry import register


@register
class LayerCam(Method):
    """ReLU(Σₖ ReLU(gᵏ) ⊙ Aᵏ): every place of a feature map has its own weight; g = ∂S_c/∂Aᵏ of the logit.

    Because the weights are local, layers far from the output give detailed maps too. The paper scales maps of
    shallow layers with tanh(2 M / max M) before it adds them up; that keeps the order of the pixels, and no maps
    are added up here.

    Source: Jiang et al., LayerCAM, IEEE Transactions on Image Processing 2021, equations 5 to 7.

    >>> method = create_method("layer_cam", classifier, layer="layer2")  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="layer_cam",
        title="LayerCAM",
        family="cam",
        needs=("convolutional_layer", "gradients"),
        parameters=(
            layer_parameter(
                "Convolutional layer whose feature maps are weighted place by place. Shallow layers give finer maps."
            ),
        ),
        paper=(
            "Jiang et al., LayerCAM: Exploring Hierarchical Class Activation Maps for Localization, "
            "IEEE Transactions on Image Processing 30, 2021"
        ),
        summary="Feature maps of one layer, each place weighted by its own positive gradient.",
        cost=lambda parameters: Cost(forwards=1, backwards=1),
    )

    def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        layer = self.parameters["layer"]
        features, gradients, _ = features_and_gradients(self.classifier, layer, images, targets)
        return upsampled((gradients.relu() * features).sum(1).relu(), (images.shape[2], images.shape[3]))
