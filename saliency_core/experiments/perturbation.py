"""Positive and negative perturbation: accuracy as the most, or the least, relevant pixels are blackened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from saliency_core.experiments.base import (
    Experiment,
    ExperimentDescription,
    Explained,
    Measurement,
    Protocol,
)
from saliency_core.experiments.figures import CurveDescription, Figure, mean_figure
from saliency_core.lazy import torch
from saliency_core.scoring.canvas import black_canvas
from saliency_core.scoring.ranking import pixel_ranks, share_of_pixels
from saliency_core.statistics.area import trapezoid_area

if TYPE_CHECKING:
    from saliency_core.experiments.columns import Columns


@dataclass(frozen=True, kw_only=True)
class PerturbationProtocol(Protocol):
    """⌊pixels · share⌋ pixels are set to the canvas: the highest of the map (positive), or of its negative
    (negative).

    Canvas "black": 0 in [0, 1] space, before normalisation. A copy is correct iff the arg-max of its scores is
    the image's own label, whichever class the map explains. ``shares`` are equidistant and begin one step above 0,
    where the untouched image stands.
    """

    experiment: str = "perturbation"
    ground_truth: tuple[str, ...] = ("label",)
    shares: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    canvas: str = "black"
    tie_rule: str = "stable, ascending raster index, for the map and for its negative"
    area_rule: str = "trapezoid over the shares from 0 to the last, not divided by their range"

    @property
    def positions(self) -> tuple[float, ...]:
        """The shares at the points of a curve, the untouched image first."""
        return (0.0, *self.shares)


class Perturbation(Experiment):
    """Columns: correct (the untouched image, 0 or 1), negative_auc, positive_auc, overall; two curves of 0 and 1.

    Figures are fractions of 1: an area lies in [0, 0.9], since the curves end at 0.9. overall = negative_auc −
    positive_auc. An image whose label is missing or unknown to the classifier costs no forward pass; its columns
    and curves are NaN, and no figure counts it.
    """

    description: ClassVar[ExperimentDescription] = ExperimentDescription(
        key="perturbation",
        title="Positive / negative perturbation",
        summary=(
            "Blackens the most relevant pixels first (positive) or the least relevant first (negative) and "
            "follows the accuracy. Good maps make it fall early in the first case and late in the second."
        ),
        protocols=(
            PerturbationProtocol(
                name="chefer@1",
                summary="Nine steps of 10 %, black, squashed to 224 × 224; the map explains the predicted class.",
                source=(
                    "Chefer, Gur and Wolf, Transformer Interpretability Beyond Attention Visualization, CVPR 2021; "
                    "github.com/hila-chefer/Transformer-Explainability, issue 31 for the area"
                ),
            ),
            PerturbationProtocol(
                name="chefer-label@1",
                summary="As chefer@1; the map explains the image's own label (the paper's “Target”).",
                source=(
                    "Chefer, Gur and Wolf, Transformer Interpretability Beyond Attention Visualization, CVPR 2021; "
                    "github.com/hila-chefer/Transformer-Explainability, issue 31 for the area"
                ),
                target_rule="label",
            ),
        ),
    )
    protocol: PerturbationProtocol

    @classmethod
    def forwards_per_image(cls, protocol: Protocol) -> int:
        assert isinstance(protocol, PerturbationProtocol)
        return 1 + 2 * len(protocol.shares)

    def measure(self, explained: Explained) -> Measurement:
        points = len(self.protocol.positions)
        # positive and negative; NaN where there is no label to compare with
        curves = np.full((2, len(explained), points), np.nan, dtype=np.float32)
        known = (explained.labels >= 0).nonzero()[:, 0]
        if len(known):
            curves[:, known.cpu().numpy()] = self._curves(explained, known)
        positive, negative = curves
        positive_auc, negative_auc = (trapezoid_area(curve) * self.protocol.shares[-1] for curve in curves)
        return Measurement(
            scalars={
                "correct": positive[:, 0].astype(np.float64),
                "negative_auc": negative_auc,
                "positive_auc": positive_auc,
                "overall": negative_auc - positive_auc,
            },
            curves={"positive": positive, "negative": negative},
        )

    def _curves(self, explained: Explained, chosen: torch.Tensor) -> npt.NDArray[np.float32]:
        """Positive and negative curve [2, chosen, points] of the units number ``chosen``."""
        images, labels, maps = explained.images[chosen], explained.labels[chosen], explained.maps[chosen]
        height, width = maps.shape[-2:]
        ranks = torch.stack([pixel_ranks(maps), pixel_ranks(-maps)], dim=1).view(-1, 2, height, width)
        black = black_canvas(images[:1], explained.classifier.preprocessing)
        counts = [share_of_pixels(height * width, share) for share in self.protocol.shares]
        # One row per copy of an image: whose ranks decide, number of blackened pixels.
        plan = [(0, 0), *((order, count) for order in (0, 1) for count in counts)]
        order, removed = torch.tensor(plan, device=images.device).T

        def compose(jobs: torch.Tensor) -> torch.Tensor:
            image, copy = jobs // len(plan), jobs % len(plan)
            blackened = ranks[image, order[copy]] < removed[copy].view(-1, 1, 1)
            return torch.where(blackened[:, None], black, images[image])

        def correct(logits: torch.Tensor, jobs: torch.Tensor) -> torch.Tensor:
            return logits.argmax(1) == labels[jobs // len(plan)]

        hits = explained.scorer.score_composed(
            len(images) * len(plan), compose, output="logit", reduce=correct
        )
        hits = hits.view(len(images), len(plan))
        steps = hits[:, 1:].view(len(images), 2, len(counts))
        clean = hits[:, :1, None].expand(-1, 2, 1)
        curves: npt.NDArray[np.float32] = torch.cat([clean, steps], dim=2).transpose(0, 1).numpy()
        return curves

    def figures(self) -> tuple[Figure, ...]:
        return (
            mean_figure(
                "negative_auc",
                "Negative AUC",
                "Area under the accuracy as the least relevant pixels are blackened, from 0 to 90 %; at most 90 %.",
                better="higher",
            ),
            mean_figure(
                "positive_auc",
                "Positive AUC",
                "Area under the accuracy as the most relevant pixels are blackened, from 0 to 90 %; at most 90 %.",
                better="lower",
            ),
            mean_figure("overall", "Over-all", "Negative AUC minus positive AUC.", better="higher"),
            mean_figure(
                "correct", "Clean accuracy", "Share of the untouched images classified as their label."
            ),
        )

    def curves(self) -> tuple[CurveDescription, ...]:
        def positions(columns: Columns) -> list[float]:
            return list(self.protocol.positions)

        return tuple(
            CurveDescription(key, title, "Share of pixels removed", "Accuracy", positions)
            for key, title in (
                ("negative", "Least relevant first"),
                ("positive", "Most relevant first"),
            )
        )
