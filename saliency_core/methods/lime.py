"""LIME."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from saliency_core.descriptions import Cost, MethodDescription, Parameter
from saliency_core.lazy import torch
from saliency_core.methods._linear_models import determination, lasso, ridge
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
class Lime(Method):
    """The coefficients β of argmin Σₙ π(zₙ) (f_c(xₙ) − b − zₙβ)² + Ω(β), each painted over its superpixel.

    zₙ ∈ {0, 1}ᴹ says which of the M superpixels the perturbed image xₙ shows; each is drawn with
    probability ½, and z₁ shows all. f_c is the class probability, π(z) = √exp(−d² / width²) with d the
    cosine distance between z and all ones, that is 1 − √(‖z‖₁ / M). Ω is α ‖β‖² (ridge) or, with errors as
    a weighted mean over two, α ‖β‖₁ (lasso). Negative values mark superpixels that speak against the class.

    Extras: ``r_squared``, the share of the (weighted) variance of the scores that the linear model
    explains, and ``segments``, how many superpixels the image has.

    Source: Ribeiro et al., KDD 2016, equation 2 and algorithm 1; distance, kernel, ridge and defaults as in
    the authors' code for images, with SLIC in place of quickshift.

    >>> method = create_method("lime", classifier, samples=500, segments=80)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="lime",
        title="LIME",
        family="perturbation",
        needs=(),
        parameters=(
            SEGMENTS,
            COMPACTNESS,
            samples_parameter(
                "Perturbed images per image.",
                "The authors' code",
            ),
            CANVAS,
            Parameter(
                name="kernel_width",
                kind="number",
                default=0.25,
                minimum=0.01,
                maximum=100,
                title="Kernel width",
                help="How fast samples lose weight with the share of hidden superpixels.",
                source="The authors' code",
            ),
            Parameter(
                name="regression",
                kind="choice",
                default="ridge",
                choices=("ridge", "lasso"),
                title="Regression",
                help="ridge shrinks all coefficients; lasso sets the small ones to zero.",
                source="The authors' code: ridge (captum: lasso)",
            ),
            Parameter(
                name="alpha",
                kind="number",
                default=1.0,
                minimum=0,
                maximum=1e6,
                title="Penalty",
                help="Weight of the penalty; 0 is plain least squares. For lasso, values near 0.001 are usual.",
                source="The authors' code: ridge with 1 (captum: lasso with 0.01)",
            ),
            SEED,
        ),
        paper=(
            "Ribeiro, Singh and Guestrin, “Why Should I Trust You?”: Explaining the Predictions of Any Classifier, "
            "KDD 2016"
        ),
        summary="A linear model of the class probability in which superpixels are shown, fitted near the image.",
        cost=lambda parameters: Cost(forwards=parameters["samples"]),
        quick={"samples": 100, "segments": 12},
    )

    def _maps(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        superpixels = divided(self.classifier, images, self.parameters)
        coalitions = [
            self._drawn(image, count) for image, count in zip(images, superpixels.counts, strict=True)
        ]
        scores = coalition_scores(self.classifier, superpixels, coalitions, targets, "probability")
        fits = [self._fit(rows, values) for rows, values in zip(coalitions, scores, strict=True)]
        maps = superpixels.painted([coefficients for coefficients, _ in fits])
        return maps, {
            "r_squared": torch.tensor([fit for _, fit in fits], dtype=torch.float64),
            "segments": torch.tensor(superpixels.counts, dtype=torch.float32),
        }

    def _drawn(self, image: torch.Tensor, count: int) -> npt.NDArray[np.bool_]:
        """Which superpixels each sample shows, bool [samples, count]; the first shows all."""
        generator = image_generator(self.parameters["seed"], image)
        rows = torch.rand(self.parameters["samples"], count, generator=generator) < 0.5
        rows[0] = True
        return rows.numpy()

    def _fit(
        self, coalitions: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], float]:
        """Coefficients and R² of the linear model."""
        if not np.isfinite(scores).all():
            return np.full(coalitions.shape[1], np.nan), 0.0
        if without_effect(scores):
            return np.zeros(coalitions.shape[1]), 1.0
        shown = coalitions.astype(np.float64)
        distances = 1 - np.sqrt(shown.mean(1))
        weights = np.sqrt(np.exp(-(distances**2) / self.parameters["kernel_width"] ** 2))
        solve = ridge if self.parameters["regression"] == "ridge" else lasso
        coefficients, intercept = solve(shown, scores, weights, self.parameters["alpha"])
        return coefficients, determination(scores, intercept + shown @ coefficients, weights)
