"""SmoothGrad."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import Cost, MethodDescription, Parameter
from saliency_core.lazy import torch
from saliency_core.methods._gradients import noise_parameters, noisy_gradients, reduced, reduction_parameter
from saliency_core.methods.base import Method
from saliency_core.methods.registry import register


@register
class SmoothGrad(Method):
    """Σₖ |⟨g²⟩ₖ| (``magnitude``) or Σₖ |⟨g⟩ₖ| over the colour channels k, with g = ∂S_c/∂x at x + N(0, σ²).

    ⟨·⟩ is the mean over ``samples`` noisy copies, σ = ``noise`` · (max x − min x), S_c the logit. The paper's
    equation is ``magnitude`` false; its authors' code averages squared gradients by default, and so does this.
    Sums are accumulated in float64.

    Source: Smilkov et al., SmoothGrad, 2017; PAIR-code/saliency, GetSmoothedMask and
    VisualizeImageGrayscale for defaults.

    >>> method = create_method("smooth_grad", classifier, samples=50)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="smooth_grad",
        title="SmoothGrad",
        family="gradient",
        needs=("gradients",),
        parameters=(
            *noise_parameters(25, "PAIR-code/saliency, nsamples"),
            Parameter(
                name="magnitude",
                kind="boolean",
                default=True,
                title="Squared gradients",
                help="Average the squares of the gradients, so that signs do not cancel.",
                source="PAIR-code/saliency, magnitude; the paper averages the gradients themselves",
            ),
            reduction_parameter("sum_abs", "PAIR-code/saliency, VisualizeImageGrayscale"),
        ),
        paper="Smilkov et al., SmoothGrad: removing noise by adding noise, arXiv 1706.03825, 2017",
        summary="The gradient of the class score, averaged over noisy copies of the image.",
        cost=lambda parameters: Cost(forwards=parameters["samples"], backwards=parameters["samples"]),
        quick={"samples": 3},
    )

    def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        samples, magnitude = self.parameters["samples"], self.parameters["magnitude"]
        total = torch.zeros(images.shape, dtype=torch.float64, device=images.device)
        for batch, gradients in noisy_gradients(
            self.classifier, images, targets, samples, self.parameters["noise"], self.parameters["seed"]
        ):
            total[batch] += gradients.double() ** 2 if magnitude else gradients
        return reduced(total / samples, self.parameters["reduction"])
