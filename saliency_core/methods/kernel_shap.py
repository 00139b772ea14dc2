"""KernelSHAP."""

from __future__ import annotations

from itertools import product
from math import comb
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from saliency_core.descriptions import Cost, MethodDescription, Parameter
from saliency_core.lazy import torch
from saliency_core.methods._linear_models import shapley_values
from saliency_core.methods._random import image_generator
from saliency_core.methods._superpixels import (
    CANVAS,
    COMPACTNESS,
    SEED,
    SEGMENTS,
    coalition_scores,
    divided,
    samples_parameter,
    without_effect,
)
from saliency_core.methods.base import Method
from saliency_core.methods.registry import register


@register
class KernelShap(Method):
    """Shapley values φ of superpixels: argmin Σ_z π(z) (f_c(x_z) − f_c(x_∅) − zφ)² under Σφ = f_c(x) − f_c(x_∅).

    z ∈ {0, 1}ᴹ says which of the M superpixels x_z shows, x_∅ shows none, and π(z) = (M − 1) / (C(M, ‖z‖₁)
    ‖z‖₁ (M − ‖z‖₁)) is the Shapley kernel. Where there are no more coalitions than samples, all are taken
    and the values are exact. Otherwise coalitions are drawn in proportion to the kernel, each together with
    its complement, which takes much of the noise away. The sum is exact in either case (efficiency).

    Extras: ``score_gain``, f_c(x) − f_c(x_∅), which the superpixels share out among themselves, and
    ``segments``, how many there are.

    Source: Lundberg and Lee, NeurIPS 2017, theorem 2; paired draws: Covert and Lee, AISTATS 2021.

    >>> method = create_method("kernel_shap", classifier, samples=2000, output="logit")  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="kernel_shap",
        title="KernelSHAP",
        family="perturbation",
        needs=(),
        parameters=(
            SEGMENTS,
            COMPACTNESS,
            samples_parameter(
                "Coalitions of superpixels per image, besides the empty and the full one.",
                "As for LIME; the shap package takes 2 · superpixels + 2048",
            ),
            CANVAS,
            Parameter(
                name="output",
                kind="choice",
                default="probability",
                choices=("probability", "logit"),
                title="Score",
                help="The score of the class that is shared out among the superpixels.",
                source="Our choice: as for all methods that score perturbed images",
            ),
            SEED,
        ),
        paper="Lundberg and Lee, A Unified Approach to Interpreting Model Predictions, NeurIPS 2017",
        summary="Shares the class score out among superpixels by their Shapley values, estimated from coalitions.",
        cost=lambda parameters: Cost(forwards=parameters["samples"] + 2),
        quick={"samples": 100, "segments": 12},
    )

    def _maps(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        superpixels = divided(self.classifier, images, self.parameters)
        drawn = [
            coalitions_of(count, self.parameters["samples"], image_generator(self.parameters["seed"], image))
            for image, count in zip(images, superpixels.counts, strict=True)
        ]
        # The last two rows of each image show nothing and everything.
        rows = [
            np.vstack([coalitions, np.zeros((1, count), bool), np.ones((1, count), bool)])
            for (coalitions, _), count in zip(drawn, superpixels.counts, strict=True)
        ]
        output = self.parameters["output"]
        scores = coalition_scores(self.classifier, superpixels, rows, targets, output)
        values = [
            _shared_out(coalitions, weights, score)
            for (coalitions, weights), score in zip(drawn, scores, strict=True)
        ]
        return superpixels.painted(values), {
            "score_gain": torch.tensor([score[-1] - score[-2] for score in scores], dtype=torch.float64),
            "segments": torch.tensor(superpixels.counts, dtype=torch.float32),
        }


def _shared_out(
    coalitions: npt.NDArray[np.bool_], weights: npt.NDArray[np.float64], scores: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The Shapley values, from the scores of the coalitions, the empty and the full one."""
    if not np.isfinite(scores).all():
        return np.full(coalitions.shape[1], np.nan)
    if without_effect(scores):
        return np.zeros(coalitions.shape[1])
    return shapley_values(coalitions.astype(np.float64), scores[:-2], weights, scores[-2], scores[-1])


def shapley_kernel(players: int, members: int) -> float:
    """The weight π of a coalition of ``members`` of ``players``, both extremes excluded."""
    return (players - 1) / (comb(players, members) * members * (players - members))


def coalitions_of(
    players: int, samples: int, generator: torch.Generator
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    """Coalitions bool [N, players], neither empty nor full, and their weights [N] in the regression.

    All 2^players − 2 with the Shapley kernel if these are at most ``samples``; otherwise about ``samples``
    drawn in proportion to the kernel (an even number: each with its complement), of equal weight.
    """
    if players < 2:
        return np.zeros((0, players), dtype=bool), np.zeros(0)
    if players <= 16 and 2**players - 2 <= samples:
        every = np.array(list(product((False, True), repeat=players))[1:-1])
        return every, np.array([shapley_kernel(players, int(row.sum())) for row in every])
    sizes = torch.arange(1, players)
    # The kernel of one coalition times the number of coalitions of that size.
    chances = (players - 1) / (sizes * (players - sizes)).double()
    drawn = 1 + torch.multinomial(chances, samples // 2, replacement=True, generator=generator)
    places = torch.rand(len(drawn), players, generator=generator).argsort(1).argsort(1)
    half = (places < drawn[:, None]).numpy()
    return np.concatenate([half, ~half]), np.ones(2 * len(half))
