"""Occlusion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from saliency_core.descriptions import Cost, MethodDescription, Parameter
from saliency_core.errors import ParameterError
from saliency_core.lazy import torch
from saliency_core.methods.base import Method
from saliency_core.methods.registry import register
from saliency_core.scoring.canvas import blurred_canvas, mean_canvas, zero_canvas
from saliency_core.scoring.scorer import Scorer

_USUAL_SIZE = 224  # of the image, for the estimate of the cost
_EQUAL = 1e-6  # relative difference of scores that are equal but for rounding


@register
class Occlusion(Method):
    """L(λ) = mean over the patches q that cover pixel λ of P_c(x) − P_c(x with q covered).

    A square patch moves over the image in steps of ``stride``; a last position is added at the right and lower
    border where the steps do not end there, so that every pixel is covered by whole patches. P_c is the
    probability of the class. Values are signed: negative where covering helps the class.

    Source: Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014, section 4.2
    (they show the probability itself, and use one grey patch size).

    >>> method = create_method("occlusion", classifier, patch=32, stride=16)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="occlusion",
        title="Occlusion",
        family="perturbation",
        needs=(),
        parameters=(
            Parameter(
                name="patch",
                kind="integer",
                default=16,
                minimum=1,
                maximum=1024,
                title="Patch",
                help="Side of the square that covers part of the image. Larger patches hide whole parts.",
                unit="px",
                source="Our choice: one patch of a vision transformer",
            ),
            Parameter(
                name="stride",
                kind="integer",
                default=8,
                minimum=1,
                maximum=1024,
                title="Stride",
                help="Step from one position to the next; at most the patch. Half of it needs four times the work.",
                unit="px",
                source="Our choice: half a patch",
            ),
            Parameter(
                name="baseline",
                kind="choice",
                default="zero",
                choices=("zero", "blur", "mean"),
                title="Cover",
                help=(
                    "What the patch shows. zero: the mean colour of the training data. blur: the image, blurred "
                    "(kernel 51, sigma 50). mean: the image's own mean colour."
                ),
                source="The paper's grey square",
            ),
        ),
        paper="Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014",
        summary="How far the class probability falls when a patch of the image is covered.",
        cost=lambda parameters: _cost(parameters),
        quick={"stride": 16},
    )

    def __init__(self, classifier: Any, **parameters: Any) -> None:
        """As Method; raises ParameterError also where patches would leave gaps between them."""
        super().__init__(classifier, **parameters)
        if self.parameters["stride"] > self.parameters["patch"]:
            raise ParameterError(
                f"stride must not exceed patch ({self.parameters['patch']}), or pixels between patches would "
                f"never be covered; got {self.parameters['stride']}."
            )

    def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        canvas = self._canvas(images)
        rows, columns = (self._coverage(length, images.device) for length in images.shape[2:])
        patches = len(rows) * len(columns)
        jobs_each = patches + 1  # the last one is the image itself

        def compose(jobs: torch.Tensor) -> torch.Tensor:
            image, place = jobs // jobs_each, jobs % jobs_each
            row, column = (place // len(columns)).clamp(max=len(rows) - 1), place % len(columns)
            covered = rows[row][:, :, None] & columns[column][:, None, :]
            covered = covered & (place < patches)[:, None, None]
            return torch.where(covered[:, None], canvas[image], images[image])

        scorer = Scorer(self.classifier)
        scores = scorer.score_composed(
            len(images) * jobs_each, compose, targets.repeat_interleave(jobs_each)
        ).to(images.device)
        scores = scores.view(len(images), jobs_each)
        drops = scores[:, patches:] - scores[:, :patches]
        equal = scores.amax(1) - scores.amin(1) <= _EQUAL * scores.amax(1)
        drops = drops.masked_fill(equal[:, None], 0).view(-1, len(rows), len(columns))
        down, across = rows.float(), columns.float()
        covering = down.sum(0)[:, None] * across.sum(0)
        return down.T @ drops @ across / covering

    def _canvas(self, images: torch.Tensor) -> torch.Tensor:
        if self.parameters["baseline"] == "blur":
            return blurred_canvas(images)
        return mean_canvas(images) if self.parameters["baseline"] == "mean" else zero_canvas(images)

    def _coverage(self, length: int, device: torch.device) -> torch.Tensor:
        """Which pixels of an axis each position covers, bool [positions, length]. Raises ParameterError."""
        patch = self.parameters["patch"]
        if patch > length:
            raise ParameterError(f"The patch ({patch} pixels) must not be larger than the image ({length}).")
        starts = torch.tensor(_positions(length, patch, self.parameters["stride"]), device=device)[:, None]
        pixels = torch.arange(length, device=device)
        return (pixels >= starts) & (pixels < starts + patch)


def _positions(length: int, patch: int, stride: int) -> list[int]:
    """Where patches start along an axis of ``length`` pixels; the last one ends at the border."""
    last = length - patch
    return [*range(0, last, stride), last]


def _cost(parameters: Mapping[str, Any]) -> Cost:
    patch = min(parameters["patch"], _USUAL_SIZE)
    return Cost(forwards=1 + len(_positions(_USUAL_SIZE, patch, parameters["stride"])) ** 2)
