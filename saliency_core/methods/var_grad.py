"""VarGrad."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import Cost, MethodDescription
from saliency_core.lazy import torch
from saliency_core.methods._gradients import noise_parameters, noisy_gradients, reduced, reduction_parameter
from saliency_core.methods.base import Method
from saliency_core.methods.registry import register


@register
class VarGrad(Method):
    """Σₖ (⟨g²⟩ − ⟨g⟩²)ₖ over the colour channels k, with g = ∂S_c/∂x at x + N(0, σ²).

    ⟨·⟩ is the mean over ``samples`` noisy copies, σ = ``noise`` · (max x − min x), S_c the logit: the variance
    (divided by n) of what SmoothGrad averages. Sums are accumulated in float64, in which the difference of
    the two means keeps its digits. Noise, seed and defaults are SmoothGrad's.

    Source: Adebayo et al., Local Explanation Methods for Deep Neural Networks Lack Sensitivity to Parameter
    Values, 2018.

    >>> method = create_method("var_grad", classifier)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="var_grad",
        title="VarGrad",
        family="gradient",
        needs=("gradients",),
        parameters=(
            *noise_parameters(25, "As SmoothGrad"),
            reduction_parameter("sum_abs", "As SmoothGrad; variances are not negative"),
        ),
        paper=(
            "Adebayo et al., Local Explanation Methods for Deep Neural Networks Lack Sensitivity to Parameter "
            "Values, ICLR Workshop 2018"
        ),
        summary="The variance of the class score's gradient over noisy copies of the image.",
        cost=lambda parameters: Cost(forwards=parameters["samples"], backwards=parameters["samples"]),
        quick={"samples": 3},
    )

    def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        samples = self.parameters["samples"]
        total = torch.zeros(images.shape, dtype=torch.float64, device=images.device)
        squares = torch.zeros_like(total)
        for batch, gradients in noisy_gradients(
            self.classifier, images, targets, samples, self.parameters["noise"], self.parameters["seed"]
        ):
            total[batch] += gradients
            squares[batch] += gradients.double() ** 2
        variance = (squares / samples - (total / samples) ** 2).clamp(min=0)
        return reduced(variance, self.parameters["reduction"])
