"""Guided Backpropagation."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import Cost, MethodDescription
from saliency_core.lazy import torch
from saliency_core.methods._gradients import reduced, reduction_parameter
from saliency_core.methods.base import Method
from saliency_core.methods.registry import register


@register
class GuidedBackpropagation(Method):
    """maxₖ |gₖ| over the colour channels k, g being ∂S_c/∂x with another rule at each ReLU y = max(x, 0):

    g_x = g_y · [x > 0] · [g_y > 0]. S_c is the logit. The rule holds for every ReLU and ReLU6 (where x is below
    the limit), whether a module, used more than once, a function or in place; other activation functions keep
    their derivative. captum's version, which hooks modules, misses functional ReLUs and ReLU6; where all ReLUs
    are modules it gives the same.

    Source: Springenberg et al., Striving for Simplicity, 2015, section 3.4.

    >>> method = create_method("guided_backpropagation", classifier)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="guided_backpropagation",
        title="Guided Backpropagation",
        family="gradient",
        needs=("gradients", "relu"),
        parameters=(reduction_parameter("max_abs", "As for the gradient: Simonyan et al. 2014"),),
        paper="Springenberg et al., Striving for Simplicity: The All Convolutional Net, ICLR Workshop 2015",
        summary="The gradient of the class score, of which ReLUs pass back only what is positive.",
        cost=lambda parameters: Cost(forwards=1, backwards=1),
    )

    def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        from saliency_core.methods._propagation.relu_gradients import relu_rule_gradients

        gradients = relu_rule_gradients(self.classifier, images, targets, gated=True)
        return reduced(gradients, self.parameters["reduction"])
