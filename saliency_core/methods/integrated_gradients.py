"""Integrated Gradients."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import Cost, MethodDescription, Parameter
from saliency_core.lazy import captum, torch
from saliency_core.methods._gradients import gradient_batch_size, reduced, reduction_parameter
from saliency_core.methods._reference import reference_images, reference_parameter
from saliency_core.methods.base import Method
from saliency_core.methods.registry import register


@register
class IntegratedGradients(Method):
    """Σₖ (x − x′)ₖ · ∫₀¹ ∂S_c/∂xₖ (x′ + α(x − x′)) dα over the colour channels k; S_c is the logit.

    x′ is the reference image ``baseline``. The integral is computed with captum by the Gauss-Legendre rule or
    the trapezoidal rule at ``steps`` points, one image after the other, ``steps`` in gradient batches.
    captum's trapezoidal weights sum to 1 − 1/n (each inner point has 1/n, where h = 1/(n − 1) is meant); the
    factor n/(n − 1) makes them right.

    Reports with every map ``completeness_gap``: Σ attributions − (S_c(x) − S_c(x′)), in logits, before the
    channels are reduced; 0 for the exact integral.

    Source: Sundararajan et al., Axiomatic Attribution for Deep Networks, 2017, equation 1.

    >>> method = create_method("integrated_gradients", classifier, steps=100)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="integrated_gradients",
        title="Integrated Gradients",
        family="gradient",
        needs=("gradients",),
        parameters=(
            Parameter(
                name="steps",
                kind="integer",
                default=50,
                minimum=2,
                maximum=1000,
                title="Steps",
                help="Points on the way from the reference image to the image.",
                source="captum; Sundararajan et al. recommend 20 to 300",
            ),
            Parameter(
                name="rule",
                kind="choice",
                default="gauss_legendre",
                choices=("gauss_legendre", "trapezoid"),
                title="Integration rule",
                help="Where the points lie and how they are weighted.",
                source="captum",
            ),
            reference_parameter("Sundararajan et al. 2017; PAIR-code/saliency: zeros in the input space"),
            reduction_parameter("sum", "The sum over channels keeps completeness"),
        ),
        paper="Sundararajan et al., Axiomatic Attribution for Deep Networks, ICML 2017",
        summary="Gradients averaged on the straight way from a reference image, times the difference to it.",
        cost=lambda parameters: Cost(forwards=parameters["steps"] + 2, backwards=parameters["steps"]),
        quick={"steps": 8},
    )

    def _maps(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        classifier, steps = self.classifier, self.parameters["steps"]
        trapezoid = self.parameters["rule"] == "trapezoid"
        references = reference_images(classifier, images, self.parameters["baseline"])
        integrator = captum.attr.IntegratedGradients(classifier.logits)
        attributions = torch.empty_like(images)
        gaps = torch.empty(len(images), dtype=torch.float64, device=images.device)
        for number, (image, reference, target) in enumerate(zip(images, references, targets, strict=True)):
            with torch.enable_grad():
                found = integrator.attribute(
                    image[None],
                    baselines=reference[None],
                    target=target[None],
                    n_steps=steps,
                    method="riemann_trapezoid" if trapezoid else "gausslegendre",
                    internal_batch_size=gradient_batch_size(classifier),
                )[0].detach()
            attributions[number] = found * steps / (steps - 1) if trapezoid else found
            with torch.no_grad():
                scores = classifier.logits(torch.stack([image, reference]))[:, target].double()
            gaps[number] = attributions[number].double().sum() - (scores[0] - scores[1])
        return reduced(attributions, self.parameters["reduction"]), {"completeness_gap": gaps}
