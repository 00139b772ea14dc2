"""Smooth Grad-CAM++."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.classifiers.recording import forward_recording
from saliency_core.descriptions import Cost, MethodDescription, Parameter
from saliency_core.lazy import torch
from saliency_core.methods._cam import features_and_gradients, layer_parameter, quotient, weighted_sum
from saliency_core.methods._random import image_generator, seed_parameter
from saliency_core.methods.base import Method, upsampled
from saliency_core.methods.registry import register


@register
class SmoothGradCamPlusPlus(Method):
    """Grad-CAM++ with gradients averaged over noisy copies of the image.

    With ⟨·⟩ the mean over ``samples`` copies x + N(0, σ²) and A the features of the image without noise:
    α = ⟨g²⟩ / (2⟨g²⟩ + (ΣA)⟨g³⟩), wₖ = Σᵢⱼ α ReLU(⟨g⟩), map = ReLU(Σₖ wₖ Aᵏ); g is the logit's gradient.
    α is 0 where its denominator vanishes. One sample without noise is Grad-CAM++ (``paper``).

    The paper averages ∂S/∂A, ∂²S/∂A² and ∂³S/∂A³; as in Grad-CAM++ the derivatives of exp(S) behind a piecewise
    linear network are the powers of g. Code in circulation takes ReLU(g) and A from the last noisy copy only;
    here each average is over all copies, and the map is that of the image itself.

    Source: Omeiza et al., Smooth Grad-CAM++, 2019, equations 8 to 11; n and σ as in torch-cam.

    >>> method = create_method("smooth_grad_cam_plus_plus", classifier, samples=8)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="smooth_grad_cam_plus_plus",
        title="Smooth Grad-CAM++",
        family="cam",
        needs=("convolutional_layer", "gradients"),
        parameters=(
            layer_parameter(),
            Parameter(
                name="samples",
                kind="integer",
                default=4,
                minimum=1,
                maximum=1000,
                title="Noisy copies",
                help="Copies of the image with noise, over which gradients are averaged.",
                source="torch-cam",
            ),
            Parameter(
                name="sigma",
                kind="number",
                default=0.3,
                minimum=0.0,
                maximum=10.0,
                title="Noise",
                help="Standard deviation of the Gaussian noise, in units of the normalised image.",
                source="torch-cam",
            ),
            seed_parameter(),
        ),
        paper=(
            "Omeiza et al., Smooth Grad-CAM++: An Enhanced Inference Level Visualization Technique for Deep "
            "Convolutional Neural Network Models, arXiv 1908.01224, 2019"
        ),
        summary="Grad-CAM++ whose gradients are averaged over noisy copies of the image.",
        cost=lambda parameters: Cost(forwards=parameters["samples"] + 1, backwards=parameters["samples"]),
        quick={"samples": 2},
    )

    def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        layer, samples = self.parameters["layer"], self.parameters["samples"]
        features = forward_recording(self.classifier, layer, images)[0].detach()
        powers = [torch.zeros_like(features) for _ in range(3)]
        generators = [image_generator(self.parameters["seed"], image) for image in images]
        for _ in range(samples):  # one copy of every image at a time bounds the memory
            noise = torch.stack(
                [torch.randn(images.shape[1:], generator=generator) for generator in generators]
            )
            noisy = images + self.parameters["sigma"] * noise.to(images.device)
            _, gradients, _ = features_and_gradients(self.classifier, layer, noisy, targets)
            for exponent, power in enumerate(powers, start=1):
                power += gradients**exponent / samples
        first, second, third = powers
        total = features.sum((2, 3), keepdim=True)
        weights = (quotient(second, 2 * second, total * third) * first.relu()).sum((2, 3))
        cam = weighted_sum(features, weights).relu()
        return upsampled(cam, (images.shape[2], images.shape[3]))
