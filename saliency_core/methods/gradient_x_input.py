"""Gradient × Input."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import Cost, MethodDescription
from saliency_core.lazy import torch
from saliency_core.methods._gradients import logit_gradients, reduced, reduction_parameter
from saliency_core.methods.base import Method
from saliency_core.methods.registry import register


@register
class GradientXInput(Method):
    """Σₖ xₖ · ∂S_c/∂xₖ over the colour channels k of each pixel; x is the normalised image, S_c the logit.

    For a piecewise linear network without biases the map sums to the logit.

    Source: Shrikumar et al., Not Just a Black Box, 2016.

    >>> method = create_method("gradient_x_input", classifier)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="gradient_x_input",
        title="Gradient × Input",
        family="gradient",
        needs=("gradients",),
        parameters=(reduction_parameter("sum", "The sum over channels keeps the total"),),
        paper=(
            "Shrikumar et al., Not Just a Black Box: Learning Important Features Through Propagating "
            "Activation Differences, arXiv 1605.01713, 2016"
        ),
        summary="Each pixel's value times the gradient of the class score by it.",
        cost=lambda parameters: Cost(forwards=1, backwards=1),
    )

    def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        gradients = logit_gradients(self.classifier, images, targets)
        return reduced(images * gradients, self.parameters["reduction"])
