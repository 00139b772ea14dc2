"""CAM, the first class activation mapping."""

from __future__ import annotations

from typing import Any, ClassVar

from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.recording import forward_recording
from saliency_core.descriptions import Cost, MethodDescription, Parameter
from saliency_core.lazy import torch
from saliency_core.methods._cam import layer_parameter, weighted_sum
from saliency_core.methods._class_weights import class_weights
from saliency_core.methods.base import Method, upsampled
from saliency_core.methods.registry import register


@register
class Cam(Method):
    """Σₖ w_ck Aᵏ with w_ck the weight of channel k for class c in the network's last, linear layer.

    Needs a network that averages feature maps over space and takes the averages into one linear layer (ResNet,
    DenseNet, MobileNetV2, EfficientNet, GoogLeNet), or the other way round, a 1 × 1 convolution to one map for
    each class and then the average (SqueezeNet). Without a ReLU after the head S_c = mean over space of the map
    + bias, and the map is Grad-CAM's times h · w, without a backward pass. The bias is left out, as in the paper.
    Whether the layer is the one that is averaged is looked at when the method is made, with one forward pass; a
    ReLU between the layer and the head (DenseNet) is put in.

    The paper keeps negative values; by default they are cut off here as in all methods of this family, so that
    regions against the class rank alike and a map without any evidence for the class is reported as such.
    ``rectify=False`` gives the paper's map.

    Source: Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016, equation 2.

    >>> method = create_method("cam", classifier, layer="layer4")  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="cam",
        title="CAM",
        family="cam",
        needs=("convolutional_layer", "linear_head"),
        parameters=(
            layer_parameter("The layer whose feature maps are averaged and go into the last, linear layer."),
            Parameter(
                name="rectify",
                kind="boolean",
                default=True,
                title="Cut off negative values",
                help="Off keeps the places that speak against the class apart, as the paper does.",
                source="As in the methods that followed",
            ),
        ),
        paper="Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016",
        summary="Feature maps before the global average, weighted by the class's weights in the last layer.",
        cost=lambda parameters: Cost(forwards=1),
    )

    def __init__(self, classifier: Classifier, **parameters: Any) -> None:
        """Raises LayerError where the layer is not averaged into a linear last layer."""
        super().__init__(classifier, **parameters)
        self._head = class_weights(classifier, self.parameters["layer"])

    def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        features = forward_recording(self.classifier, self.parameters["layer"], images)[0].detach()
        cam = weighted_sum(features.relu() if self._head.rectified else features, self._head.of(targets))
        cam = cam.relu() if self.parameters["rectify"] else cam
        return upsampled(cam, (images.shape[2], images.shape[3]))
