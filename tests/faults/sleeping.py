"""A method that draws a random map and takes its time over it. Known only to processes with the settings beside it."""

from __future__ import annotations

import time
from typing import ClassVar

from saliency_core.descriptions import MethodDescription, Parameter
from saliency_core.lazy import torch
from saliency_core.methods._baseline import baseline_description
from saliency_core.methods._random import seed_parameter
from saliency_core.methods.random_map import RandomMap
from saliency_core.methods.registry import register


@register
class Sleeping(RandomMap):
    """The same map for the same image and seed, whoever draws it and however often."""

    description: ClassVar[MethodDescription] = baseline_description(
        key="sleeping",
        title="Sleeping",
        parameters=(
            seed_parameter("Another seed gives another map of the same image."),
            Parameter(
                name="milliseconds",
                kind="integer",
                default=500,
                minimum=0,
                maximum=600_000,
                title="Time",
                help="How long a map takes.",
                unit="ms",
            ),
        ),
        paper="None",
        summary="Random maps that take their time.",
    )

    def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        time.sleep(len(images) * self.parameters["milliseconds"] / 1000)
        return super()._maps(images, targets)
