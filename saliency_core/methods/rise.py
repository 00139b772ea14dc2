"""RISE."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import Cost, MethodDescription, Parameter
from saliency_core.lazy import torch
from saliency_core.methods._random import seed_parameter
from saliency_core.methods.base import Method
from saliency_core.methods.registry import register
from saliency_core.scoring.canvas import zero_canvas
from saliency_core.scoring.random_masks import RandomMasks
from saliency_core.scoring.scorer import Scorer

_EQUAL = 1e-6  # relative range of scores that are equal but for rounding


@register
class Rise(Method):
    """L(λ) = 1/(N·p) Σᵢ P_c(x ⊙ Mᵢ) Mᵢ(λ) with N random smooth masks Mᵢ; P_c is the probability of the class.

    The masks (see scoring.random_masks) follow from image size, N, cells, p and seed alone: one set serves all
    images and all classes, so an image that appears in a batch with several classes is scored once. Pixels that
    a mask hides are 0 in normalised space, the data set's mean colour. Where all masks give the same score the
    map would show only how often each pixel happened to be kept; it is zero instead.

    Source: Petsiuk et al., RISE, BMVC 2018, equation 6; code eclique/RISE.

    >>> method = create_method("rise", classifier, masks=8000)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="rise",
        title="RISE",
        family="perturbation",
        needs=(),
        parameters=(
            Parameter(
                name="masks",
                kind="integer",
                default=4000,
                minimum=1,
                maximum=100_000,
                title="Masks",
                help="Random masks, each one forward pass. More give a smoother map; 8000 for benchmarks.",
                source="The paper, VGG16 (8000 for ResNet-50)",
            ),
            Parameter(
                name="cells",
                kind="integer",
                default=7,
                minimum=2,
                maximum=64,
                title="Cells",
                help="Cells along each side of the random grid. More cells show smaller parts.",
                source="The paper",
            ),
            Parameter(
                name="probability",
                kind="number",
                default=0.5,
                minimum=0.01,
                maximum=0.99,
                title="Kept share",
                help="Probability that a cell of the grid is kept.",
                source="The paper",
            ),
            seed_parameter("The same seed gives the same masks, for all images and classes."),
        ),
        paper="Petsiuk et al., RISE: Randomized Input Sampling for Explanation of Black-box Models, BMVC 2018",
        summary="Mean of random masks, each weighted by the class probability of the image it leaves.",
        cost=lambda parameters: Cost(forwards=parameters["masks"]),
        quick={"masks": 200},
        presets={"benchmark": {"masks": 8000}},
    )

    def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        count, probability = self.parameters["masks"], self.parameters["probability"]
        size, device = (images.shape[2], images.shape[3]), images.device
        masks = RandomMasks(size, count, self.parameters["cells"], probability, self.parameters["seed"])
        scorer = Scorer(self.classifier)
        distinct, position = _distinct(images)
        canvas = zero_canvas(distinct)
        total = torch.zeros(len(images), size[0] * size[1], device=device)
        low = torch.full((len(images),), torch.inf, device=device)
        high = -low
        for chunk in masks.chunks(scorer.batch_size, device):
            every = scorer.score_masks(distinct, chunk, canvas).to(device)
            scores = every[position, :, targets]
            total = total + scores @ chunk.flatten(1)
            low, high = torch.minimum(low, scores.amin(1)), torch.maximum(high, scores.amax(1))
        equal = high - low <= _EQUAL * high
        maps = (total / (count * probability)).view(-1, *size)
        return maps.masked_fill(equal[:, None, None], 0)


def _distinct(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The different ones among the images [B, …], in order, and for each image its position among them [B]."""
    chosen: list[int] = []
    position: list[int] = []
    for number, image in enumerate(images):
        same = (place for place, other in enumerate(chosen) if torch.equal(images[other], image))
        place = next(same, len(chosen))
        if place == len(chosen):
            chosen.append(number)
        position.append(place)
    return images[chosen], torch.tensor(position, device=images.device)
