"""Gradient (vanilla saliency)."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import Cost, MethodDescription
from saliency_core.lazy import torch
from saliency_core.methods._gradients import logit_gradients, reduced, reduction_parameter
from saliency_core.methods.base import Method
from saliency_core.methods.registry import register


@register
class Gradient(Method):
    """maxₖ |∂S_c/∂xₖ| over the colour channels k of each pixel; S_c is the logit.

    ``reduction`` may be the sum of magnitudes or the sum with signs instead of the maximum.

    Source: Simonyan et al., Deep Inside Convolutional Networks, 2014, section 3.1.

    >>> method = create_method("gradient", classifier, reduction="sum_abs")  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="gradient",
        title="Gradient",
        family="gradient",
        needs=("gradients",),
        parameters=(reduction_parameter("max_abs", "Simonyan et al. 2014, section 3.1"),),
        paper=(
            "Simonyan et al., Deep Inside Convolutional Networks: Visualising Image Classification Models and "
            "Saliency Maps, ICLR Workshop 2014"
        ),
        summary="How strongly the class score reacts to each pixel: the magnitude of its gradient.",
        cost=lambda parameters: Cost(forwards=1, backwards=1),
    )

    def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return reduced(logit_gradients(self.classifier, images, targets), self.parameters["reduction"])
