"""Grad-CAM."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.classifiers.recording import forward_recording
from saliency_core.descriptions import Cost, MethodDescription, Parameter
from saliency_core.lazy import torch
from saliency_core.methods.base import Method, upsampled
from saliency_core.methods.registry import register


@register
class GradCam(Method):
    """ReLU(Σₖ wₖ Aᵏ) with wₖ the spatial mean of ∂S_c/∂Aᵏ, upsampled to the input; S_c is the logit.

    Source: Selvaraju et al., Grad-CAM, ICCV 2017, equations 1 and 2.

    >>> method = create_method("grad_cam", classifier, layer="features.29")  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="grad_cam",
        title="Grad-CAM",
        family="cam",
        needs=("convolutional_layer", "gradients"),
        parameters=(
            Parameter(
                name="layer",
                kind="layer",
                default=None,
                title="Layer",
                help="Convolutional layer whose feature maps are weighted. Deep layers follow the class.",
                source="Last convolutional block after its activation",
            ),
        ),
        paper=(
            "Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based "
            "Localization, ICCV 2017"
        ),
        summary="Feature maps of one layer, weighted by the mean gradient of the class score.",
        cost=lambda parameters: Cost(forwards=1, backwards=1),
    )

    def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        features, logits = forward_recording(self.classifier, self.parameters["layer"], images)
        # Samples do not interact in evaluation mode, so one backward pass of the sum gives each its own
        # gradient.
        selected = logits.gather(1, targets[:, None]).sum()
        (gradients,) = torch.autograd.grad(selected, features)
        weights = gradients.mean(dim=(2, 3), keepdim=True)
        cam = (weights * features.detach()).sum(1).relu()
        return upsampled(cam, (images.shape[2], images.shape[3]))
