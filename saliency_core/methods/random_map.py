"""Random map (baseline)."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import MethodDescription
from saliency_core.lazy import torch
from saliency_core.methods._baseline import baseline_description, where_defined
from saliency_core.methods._random import image_generator, seed_parameter
from saliency_core.methods.base import Method
from saliency_core.methods.registry import register


@register
class RandomMap(Method):
    """Every pixel independently and uniformly in [0, 1): what a method is worth that knows nothing.

    The numbers belong to the image's content and the seed; class and classifier play no part.

    >>> method = create_method("random_map", classifier, seed=1)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = baseline_description(
        key="random_map",
        title="Random map",
        parameters=(seed_parameter("Another seed gives another map of the same image."),),
        paper="Baseline of comparisons, for instance in Petsiuk et al., RISE, BMVC 2018",
        summary="Independent uniform noise: the floor of every comparison.",
    )

    def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        size = images.shape[2:]
        maps = [
            torch.rand(size, generator=image_generator(self.parameters["seed"], image)) for image in images
        ]
        return where_defined(torch.stack(maps).to(images.device), images)
