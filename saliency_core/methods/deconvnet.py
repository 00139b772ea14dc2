"""Deconvnet."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import Cost, MethodDescription
from saliency_core.lazy import torch
from saliency_core.methods._gradients import reduced, reduction_parameter
from saliency_core.methods.base import Method
from saliency_core.methods.registry import register


@register
class Deconvnet(Method):
    """maxₖ |gₖ| over the colour channels k, g being ∂S_c/∂x with another rule at each ReLU y = max(x, 0):

    g_x = g_y · [g_y > 0], whether the unit was active or not. S_c is the logit. Max pools send the signal back
    to the place of the largest value ("switches"), as their gradient does. The rule holds for every ReLU and
    ReLU6, whether a module, used more than once, a function or in place; other activation functions keep their
    derivative.

    Source: Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, 2014, section 2.1; as a
    backward pass: Springenberg et al., Striving for Simplicity, 2015, figure 1.

    >>> method = create_method("deconvnet", classifier)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="deconvnet",
        title="Deconvnet",
        family="gradient",
        needs=("gradients", "relu"),
        parameters=(reduction_parameter("max_abs", "As for the gradient: Simonyan et al. 2014"),),
        paper="Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014",
        summary="The class score sent back through the network, with a ReLU wherever the network has one.",
        cost=lambda parameters: Cost(forwards=1, backwards=1),
    )

    def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        from saliency_core.methods._propagation.relu_gradients import relu_rule_gradients

        gradients = relu_rule_gradients(self.classifier, images, targets, gated=False)
        return reduced(gradients, self.parameters["reduction"])
