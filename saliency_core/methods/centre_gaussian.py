"""Gaussian at the centre of the image (baseline)."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import MethodDescription, Parameter
from saliency_core.lazy import torch
from saliency_core.methods._baseline import baseline_description, where_defined
from saliency_core.methods.base import Method
from saliency_core.methods.registry import register


@register
class CentreGaussian(Method):
    """exp(−(u² + v²) / 2σ²), with (u, v) the distance from the image's centre in heights and widths.

    Photographers put their subject in the middle, so a map that only says "centre" already does well; the
    pointing game's centre baseline is the arg-max of this map. Image, class and classifier play no part.

    >>> method = create_method("centre_gaussian", classifier, sigma=0.25)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = baseline_description(
        key="centre_gaussian",
        title="Centre Gaussian",
        parameters=(
            Parameter(
                name="sigma",
                kind="number",
                default=0.25,
                minimum=0.01,
                maximum=10,
                title="Sigma",
                unit="of the image's side",
                help="Standard deviation as a share of the image's height and width.",
                source="Our choice: the border lies two standard deviations from the centre",
            ),
        ),
        paper=(
            "Centre baseline, for instance in Zhang et al., Top-down Neural Attention by Excitation Backprop, "
            "ECCV 2016"
        ),
        summary="A Gaussian at the image's centre: what the habit of photographers alone is worth.",
    )

    def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        def profile(length: int) -> torch.Tensor:
            distance = (torch.arange(length, dtype=torch.float64) + 0.5) / length - 0.5
            return torch.exp(-(distance**2) / (2 * self.parameters["sigma"] ** 2))

        height, width = images.shape[2:]
        gaussian = (profile(height)[:, None] * profile(width)).to(images.device, torch.float32)
        return where_defined(gaussian.expand(len(images), height, width), images)
