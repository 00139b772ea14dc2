"""CAMERAS."""

from __future__ import annotations

from typing import Any, ClassVar

from saliency_core.classifiers.classifier import Classifier
from saliency_core.descriptions import Cost, MethodDescription, Parameter
from saliency_core.lazy import torch
from saliency_core.methods._cam import layer_parameter
from saliency_core.methods._multi_scale import (
    INTERPOLATIONS,
    Scale,
    check_sizes,
    class_filter_parameter,
    images_at_once,
    pixel_equivalents,
    resolutions_parameter,
    scales,
)
from saliency_core.methods.base import Method, upsampled
from saliency_core.methods.registry import register
from saliency_core.scoring.masks import FLAT

_VALUES_AT_ONCE = 2**24  # of upsampled maps, 64 MB


@register
class Cameras(Method):
    """ReLU(Σₖ Āᵏ ⊙ Ḡᵏ) with Ā and Ḡ the means over image sizes of the feature maps and of the logit's gradients,
    each upsampled to the image; the product is taken place by place, without pooling.

    Ā = mean_t φ(A_t), Ḡ = mean_t φ(∂S_c/∂A_t), over the accepted sizes t; φ is bilinear with half-pixel centres.
    The image itself is enlarged with bicubic interpolation; at the first size it is taken as it is. Sizes are in
    proportion to the first of ``resolutions``: with the default a picture of 384 pixels is also shown at 555, …

    Class filter. The authors' code leaves a size out when the class predicted there is not the one predicted at
    the first size; told a class to explain, it never leaves any out. ``auto`` does both: it filters for images
    whose class is the predicted one. ``strict`` filters always, so that no size may be left: the map is then
    zero and flagged.

    Extras: ``accepted_scales``, how many sizes entered the map.

    Source: Jalwana et al., CAMERAS, CVPR 2021, algorithm 1; resolutions and filter as in the authors' code.

    >>> method = create_method("cameras", classifier, resolutions="224,324,424,524")  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="cameras",
        title="CAMERAS",
        family="cam",
        needs=("convolutional_layer", "gradients"),
        parameters=(
            layer_parameter(),
            resolutions_parameter(range(224, 1000, 100), "Code of the paper's authors"),
            Parameter(
                name="interpolation",
                kind="choice",
                default="bicubic",
                choices=INTERPOLATIONS,
                title="Enlarging the image",
                help="How the image is enlarged. Feature maps are always enlarged linearly.",
                source="Code of the paper's authors",
            ),
            class_filter_parameter("As the authors' code does with and without a given class"),
        ),
        paper=(
            "Jalwana et al., CAMERAS: Enhanced Resolution and Sanity Preserving Class Activation Mapping for "
            "Image Saliency, CVPR 2021"
        ),
        summary="Feature maps times gradients, both averaged over several sizes of the image.",
        cost=lambda parameters: Cost(
            forwards=pixel_equivalents(parameters["resolutions"]),
            backwards=pixel_equivalents(parameters["resolutions"]),
        ),
        quick={"resolutions": [224, 324]},
        presets={
            "code_default": {"resolutions": [224, 324, 424, 524, 624, 724, 824, 924]},
            "readme_example": {"resolutions": [224, 324, 424, 524]},
        },
    )

    def __init__(self, classifier: Classifier, **parameters: Any) -> None:
        """Raises ParameterError, or LayerError for a classifier that takes one image size only."""
        super().__init__(classifier, **parameters)
        check_sizes(classifier, self.parameters["resolutions"])

    def _maps(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        values = self.parameters
        size, step = (images.shape[2], images.shape[3]), images_at_once(self.classifier)
        maps, accepted = [], []
        for part, classes in zip(images.split(step), targets.split(step), strict=True):
            found = scales(
                self.classifier,
                values["layer"],
                part,
                classes,
                values["resolutions"],
                values["interpolation"],
                values["class_filter"],
            )
            passes = list(found)
            maps.append(_product_of_means(passes, size))
            accepted.append(sum(each.accepted.float() for each in passes))
        return torch.cat(maps), {"accepted_scales": torch.cat(accepted)}


def _product_of_means(passes: list[Scale], size: tuple[int, int]) -> torch.Tensor:
    """ReLU(Σₖ mean_t φ(A_t) ⊙ mean_t φ(G_t)) [B, H, W], some channels at a time."""
    # A size that no image accepts need not be upsampled; one is kept for the shapes.
    passes = [each for each in passes if bool(each.accepted.any())] or passes[:1]
    batch, channels = passes[0].features.shape[:2]
    count = sum(each.accepted.float() for each in passes).clamp_min(1)
    cam = torch.zeros(batch, *size, device=passes[0].features.device)
    magnitude = torch.zeros_like(cam)
    step = max(1, _VALUES_AT_ONCE // (batch * size[0] * size[1]))
    for first in range(0, channels, step):
        taken = slice(first, first + step)
        features = _mean([each.features[:, taken] for each in passes], passes, count, size)
        product = features.mul_(_mean([each.gradients[:, taken] for each in passes], passes, count, size))
        cam += product.sum(1)
        magnitude += product.abs_().sum(1)
    # Where the sum over channels cancels, rounding is all there is to see in a map that should be constant.
    spread = cam.amax((1, 2)) - cam.amin((1, 2))
    constant = spread <= FLAT / 10 * magnitude.amax((1, 2))
    return torch.where(constant[:, None, None], 0.0, cam.relu())


def _mean(
    maps: list[torch.Tensor], passes: list[Scale], count: torch.Tensor, size: tuple[int, int]
) -> torch.Tensor:
    """Mean of the accepted sizes' maps, upsampled, [B, k, H, W]."""
    batch, channels = maps[0].shape[:2]
    total = torch.zeros(batch, channels, *size, device=maps[0].device)
    for values, each in zip(maps, passes, strict=True):
        kept = torch.where(each.accepted[:, None, None, None], values, 0.0) / count[:, None, None, None]
        total += upsampled(kept.flatten(0, 1), size).view_as(total)
    return total
