"""Edge detector (baseline)."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import MethodDescription
from saliency_core.lazy import functional, torch
from saliency_core.methods._baseline import baseline_description, where_defined
from saliency_core.methods.base import Method
from saliency_core.methods.registry import register

_GREY = (0.299, 0.587, 0.114)  # luma of ITU-R BT.601


@register
class EdgeDetector(Method):
    """√(Gᵧ² + Gₓ²) of the grey image, with G the Sobel derivatives along both axes, borders repeated.

    The grey image is the picture before normalisation, 0.299 R + 0.587 G + 0.114 B in [0, 1]. Many
    gradient methods give maps that look like this one although it knows neither class nor classifier; that
    is why it belongs into every comparison.

    Source: Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018, section 5.

    >>> method = create_method("edge_detector", classifier)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = baseline_description(
        key="edge_detector",
        title="Edge detector",
        parameters=(),
        paper="Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018",
        summary="Sobel edges of the grey image: a map that looks like a gradient but knows no classifier.",
    )

    def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        preprocessing = self.classifier.preprocessing
        mean, std, grey = (
            images.new_tensor(values)[:, None, None]
            for values in (preprocessing.mean, preprocessing.std, _GREY)
        )
        brightness = ((images * std + mean) * grey).sum(1, keepdim=True)
        smooth, difference = images.new_tensor([1.0, 2.0, 1.0]), images.new_tensor([-1.0, 0.0, 1.0])
        kernels = torch.stack([torch.outer(difference, smooth), torch.outer(smooth, difference)])[:, None]
        padded = functional.pad(brightness, (1, 1, 1, 1), mode="replicate")
        # A flat image differs from itself only by rounding, which is no edge.
        edges = functional.conv2d(padded, kernels)
        edges = torch.where(edges.abs() > 1e-6, edges, torch.zeros_like(edges))
        return where_defined(edges.square().sum(1).sqrt(), images)
