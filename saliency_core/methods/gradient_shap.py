"""GradientSHAP."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import Cost, MethodDescription, Parameter
from saliency_core.lazy import torch
from saliency_core.methods._gradients import batches, logit_gradients, reduced, reduction_parameter
from saliency_core.methods._random import image_generator, seed_parameter
from saliency_core.methods._reference import REFERENCES, reference_images
from saliency_core.methods.base import Method
from saliency_core.methods.registry import register


@register
class GradientShap(Method):
    """E[(x̃ − x′) ⊙ ∂S_c/∂x (x′ + α(x̃ − x′))], the mean over ``samples`` draws; S_c is the logit.

    α is uniform in [0, 1), x̃ = x + N(0, σ²) with σ = ``noise`` · (max x − min x), and x′ is drawn from the
    distribution ``baseline``: a picture in one random colour, uniform in RGB, or always the same reference
    image. With one reference and no noise this is Integrated Gradients by random points.

    The expectation shares S_c(x) − E[S_c(x′)] out among pixels and channels; ``reduction`` sum keeps that.
    Numbers are drawn from each image's own generator. Sums are accumulated in float64.

    Source: Erion et al., Expected Gradients (Nature Machine Intelligence 2021), equation 6; Lundberg and Lee,
    NeurIPS 2017; noise as in the shap and captum packages.

    >>> method = create_method("gradient_shap", classifier, samples=100)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="gradient_shap",
        title="GradientSHAP",
        family="gradient",
        needs=("gradients",),
        parameters=(
            Parameter(
                name="samples",
                kind="integer",
                default=50,
                minimum=1,
                maximum=10_000,
                title="Samples",
                help="Draws of reference image, point on the way and noise.",
                source="The tutorial of captum; the shap package takes 200",
            ),
            Parameter(
                name="baseline",
                kind="choice",
                default="colours",
                choices=("colours", *REFERENCES),
                title="Reference images",
                help=(
                    "What the image is compared with: pictures in one random colour each (colours), zero after "
                    "normalisation (zero), black (black), the image's own mean colour (mean), or the blurred image "
                    "(blur)."
                ),
                source="Our choice: a distribution that needs no training data",
            ),
            Parameter(
                name="noise",
                kind="number",
                default=0.0,
                minimum=0.0,
                maximum=2.0,
                title="Noise",
                help="Standard deviation of Gaussian noise on the image, as a part of its range of values.",
                source="The shap package, local_smoothing; captum, stdevs: 0",
            ),
            reduction_parameter("sum", "The sum over channels keeps completeness"),
            seed_parameter(),
        ),
        paper="Lundberg and Lee, A Unified Approach to Interpreting Model Predictions, NeurIPS 2017",
        summary="Gradients at random points between the image and random references, times the difference.",
        cost=lambda parameters: Cost(forwards=parameters["samples"], backwards=parameters["samples"]),
        quick={"samples": 8},
    )

    def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        references = None
        if self.parameters["baseline"] != "colours":
            references = reference_images(self.classifier, images, self.parameters["baseline"])
        attributions = [
            self._attributed(image, target, None if references is None else references[number])
            for number, (image, target) in enumerate(zip(images, targets, strict=True))
        ]
        return reduced(torch.stack(attributions), self.parameters["reduction"])

    def _attributed(
        self, image: torch.Tensor, target: torch.Tensor, reference: torch.Tensor | None
    ) -> torch.Tensor:
        """Attributions float64 [3, H, W] of one image."""
        samples, device = self.parameters["samples"], image.device
        generator = image_generator(self.parameters["seed"], image)
        ways = torch.rand(samples, generator=generator).to(device)[:, None, None, None]
        colours = torch.rand(samples, 3, generator=generator).to(device)[:, :, None, None]
        preprocessing = self.classifier.preprocessing
        mean, std = (image.new_tensor(v)[:, None, None] for v in (preprocessing.mean, preprocessing.std))
        deviation = self.parameters["noise"] * (image.max() - image.min())
        total = torch.zeros(image.shape, dtype=torch.float64, device=device)
        for batch in batches(self.classifier, samples):
            start = (colours[batch] - mean) / std if reference is None else reference[None]
            end = image.expand(len(ways[batch]), *image.shape)
            if self.parameters["noise"] > 0:
                end = end + deviation * torch.randn(end.shape, generator=generator).to(device)
            points = start + ways[batch] * (end - start)
            gradients = logit_gradients(self.classifier, points, target.expand(len(points)))
            total += ((end - start).double() * gradients).sum(0)
        return total / samples
