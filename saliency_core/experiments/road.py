"""ROAD (remove and debias): pixels are removed by filling them in from their neighbours."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from saliency_core.experiments.base import (
    Experiment,
    ExperimentDescription,
    Explained,
    Measurement,
    Protocol,
)
from saliency_core.experiments.figures import CurveDescription, Figure, mean_figure
from saliency_core.lazy import torch
from saliency_core.scoring.imputation import imputed
from saliency_core.scoring.ranking import pixel_ranks, share_of_pixels

if TYPE_CHECKING:
    from saliency_core.experiments.columns import Columns


@dataclass(frozen=True, kw_only=True)
class RoadProtocol(Protocol):
    """⌊pixels · share⌋ pixels are removed: the highest of the map (most relevant first, MoRF) or of its negative
    (least relevant first, LeRF).

    A removed pixel becomes the weighted mean of its eight neighbours, removed or not (see scoring.imputation), plus
    normal noise of standard deviation ``noise`` in [0, 1] space. The noise follows from the image's identifier alone:
    one field, the same at all shares, in both orders and for all methods, so that these are compared on equal terms.
    """

    experiment: str = "road"
    shares: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)
    noise: float = 0.01
    tie_rule: str = "stable, ascending raster index, for the map and for its negative"
    area_rule: str = "mean over the shares"

    @property
    def positions(self) -> tuple[float, ...]:
        """The shares at the points of a curve, the untouched image first."""
        return (0.0, *self.shares)


class Road(Experiment):
    """Columns: probability (of the class explained, untouched image), morf and lerf (its means over the shares),
    overall = lerf − morf; correct, morf_accuracy, lerf_accuracy: the same of correctness, 0 or 1; four curves.

    The paper gives accuracies. These need the image's label and are NaN for an image whose label is missing or
    unknown to the classifier; the probabilities are there for every image. The two are never mixed.
    """

    description: ClassVar[ExperimentDescription] = ExperimentDescription(
        key="road",
        title="ROAD",
        summary=(
            "Removes the most (MoRF) or the least relevant pixels (LeRF) by filling them in from their neighbours, so "
            "that the shape of the hole tells the classifier little, and follows probability and accuracy."
        ),
        protocols=(
            RoadProtocol(
                name="road@1",
                summary="Removes 10, 20, 30, 40, 50, 70 and 90 %; noisy linear imputation, squashed to 224 × 224.",
                source=(
                    "Rong et al., A Consistent and Efficient Evaluation Strategy for Attribution Methods, ICML 2022; "
                    "github.com/tleemann/road_evaluation"
                ),
            ),
        ),
    )
    protocol: RoadProtocol

    @classmethod
    def forwards_per_image(cls, protocol: Protocol) -> int:
        assert isinstance(protocol, RoadProtocol)
        return 1 + 2 * len(protocol.shares)

    def measure(self, explained: Explained) -> Measurement:
        count, steps = len(explained), len(self.protocol.shares)
        targets, labels, classifier = explained.targets, explained.labels, explained.classifier
        copies = torch.stack([self._copies(explained, unit) for unit in range(count)]).flatten(0, 1)
        copied = 1 + 2 * steps

        def judge(logits: torch.Tensor, jobs: torch.Tensor) -> torch.Tensor:
            """Probability of the class explained and correctness (NaN without a label), [N, 2]."""
            unit = jobs // copied
            probability = classifier.probabilities(logits).gather(1, targets[unit][:, None])[:, 0]
            correct = (logits.argmax(1) == labels[unit]).float()
            return torch.stack([probability, torch.where(labels[unit] < 0, torch.nan, correct)], dim=1)

        scores = explained.scorer.score_composed(
            len(copies), lambda jobs: copies[jobs], output="logit", reduce=judge
        )
        scores = scores.view(count, copied, 2)
        clean = scores[:, :1]
        curves, scalars = {}, {}
        for key, part in (("morf", scores[:, 1 : 1 + steps]), ("lerf", scores[:, 1 + steps :])):
            points = torch.cat([clean, part], dim=1).numpy()
            means = part.double().mean(1).numpy()
            curves[key], curves[f"{key}_accuracy"] = points[..., 0].copy(), points[..., 1].copy()
            scalars[key], scalars[f"{key}_accuracy"] = means.T
        return Measurement(
            scalars={
                "probability": clean[:, 0, 0].double().numpy(),
                "correct": clean[:, 0, 1].double().numpy(),
                **scalars,
                "overall": scalars["lerf"] - scalars["morf"],
            },
            curves=curves,
        )

    def _copies(self, explained: Explained, unit: int) -> torch.Tensor:
        """The image, then its imputed copies most and least relevant first: [1 + 2 · shares, 3, H, W].

        One unit at a time: the solver then always sees the same shapes, and its rounding does not depend on what else
        is in the batch.
        """
        image, saliency = explained.images[unit], explained.maps[unit]
        orders = torch.cat([pixel_ranks(saliency[None]), pixel_ranks(-saliency[None])])
        counts = torch.tensor(
            [share_of_pixels(saliency.numel(), share) for share in self.protocol.shares], device=image.device
        )
        removed = (orders[:, None] < counts[:, None]).view(-1, *saliency.shape)
        noise = self._noise(explained.identifiers[unit], image, explained.classifier.preprocessing.std)
        copies = imputed(image, removed) + noise * removed[:, None]
        return torch.cat([image[None], copies])

    def _noise(self, identifier: str, image: torch.Tensor, std: tuple[float, ...]) -> torch.Tensor:
        """Noise [3, H, W] of an image, in normalised space."""
        seed = int.from_bytes(hashlib.sha256(identifier.encode()).digest()[:7], "big")
        # Drawn on the CPU: every device gives the same numbers.
        noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed)) * self.protocol.noise
        return (noise / torch.tensor(std)[:, None, None]).to(image)

    def figures(self) -> tuple[Figure, ...]:
        return (
            mean_figure("overall", "LeRF − MoRF", "Mean probability LeRF minus that MoRF.", better="higher"),
            mean_figure(
                "lerf",
                "Probability, LeRF",
                "Mean probability of the class over the shares as the least relevant pixels are removed.",
                better="higher",
            ),
            mean_figure(
                "morf",
                "Probability, MoRF",
                "Mean probability of the class over the shares as the most relevant pixels are removed.",
                better="lower",
            ),
            mean_figure(
                "lerf_accuracy",
                "Accuracy, LeRF",
                "Mean accuracy over the shares as the least relevant pixels are removed; of images with a known label.",
                better="higher",
            ),
            mean_figure(
                "morf_accuracy",
                "Accuracy, MoRF",
                "Mean accuracy over the shares as the most relevant pixels are removed; of images with a known label.",
                better="lower",
            ),
        )

    def curves(self) -> tuple[CurveDescription, ...]:
        def positions(columns: Columns) -> list[float]:
            return list(self.protocol.positions)

        return tuple(
            CurveDescription(key, title, "Share of pixels removed", y_title, positions)
            for key, title, y_title in (
                ("lerf", "Least relevant first", "Probability"),
                ("morf", "Most relevant first", "Probability"),
                ("lerf_accuracy", "Least relevant first, accuracy", "Accuracy"),
                ("morf_accuracy", "Most relevant first, accuracy", "Accuracy"),
            )
        )
