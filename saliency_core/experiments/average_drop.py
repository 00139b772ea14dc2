"""Average drop and increase: what is left of the class's probability when only the map's part is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from saliency_core.experiments.base import (
    Experiment,
    ExperimentDescription,
    Explained,
    Measurement,
    Protocol,
)
from saliency_core.experiments.figures import Figure, mean_figure
from saliency_core.lazy import torch
from saliency_core.scoring.canvas import black_canvas
from saliency_core.scoring.masks import unit_range
from saliency_core.scoring.ranking import pixel_ranks, share_of_pixels


@dataclass(frozen=True, kw_only=True)
class AverageDropProtocol(Protocol):
    """The image is multiplied, in [0, 1] space before normalisation, by the map stretched to [0, 1].

    ``muted_share`` of the pixels, ⌊pixels · share⌋ with the lowest values, are set to zero first; of equal values
    those with the higher raster index. Where the map is zero the copy is black.
    """

    experiment: str = "average_drop"
    muted_share: float = 0.0
    tie_rule: str = "stable, the lower raster index is kept"


class AverageDrop(Experiment):
    """Columns: probability Y of the class on the untouched image, masked_probability O on the image times the map,
    drop = max(0, Y − O) / Y, increase (1 where O > Y, else 0).

    All are fractions of 1 and means run over all images. A degenerate map shows a black picture.
    """

    description: ClassVar[ExperimentDescription] = ExperimentDescription(
        key="average_drop",
        title="Average drop / increase",
        summary=(
            "Shows the classifier only the part of the image that the map marks. The drop is the share of the class's "
            "probability that is lost; the increase is the share of images whose probability rises."
        ),
        protocols=(
            AverageDropProtocol(
                name="score-cam@1",
                summary="The half of the pixels with the lowest values is muted, the rest weighted by the map.",
                source=(
                    "Wang et al., Score-CAM, CVPR Workshops 2020, section 4.2; github.com/haofanwang/Score-CAM, issue "
                    "15; github.com/mongeoroo/Relevance-CAM, issue 5"
                ),
                muted_share=0.5,
            ),
            AverageDropProtocol(
                name="grad-cam++@1",
                summary="The image times the map, no pixel muted.",
                source="Chattopadhyay et al., Grad-CAM++, WACV 2018, section 4.1",
            ),
        ),
    )
    protocol: AverageDropProtocol

    @classmethod
    def forwards_per_image(cls, protocol: Protocol) -> int:
        return 2

    def measure(self, explained: Explained) -> Measurement:
        images = explained.images
        masks = torch.stack([torch.ones_like(explained.maps), self._masks(explained.maps)], dim=1)
        black = black_canvas(images, explained.classifier.preprocessing)
        scores = explained.scorer.score_masks(images, masks, black, explained.targets).double().numpy()
        clean, masked = scores.T
        lost = np.maximum(0, clean - masked)
        return Measurement(
            scalars={
                "probability": clean,
                "masked_probability": masked,
                # A probability of 0 (which underflow can make) has nothing to lose.
                "drop": np.divide(lost, clean, out=np.full_like(lost, np.nan), where=clean > 0),
                "increase": (masked > clean).astype(np.float64),
            }
        )

    def _masks(self, maps: torch.Tensor) -> torch.Tensor:
        """Maps [B, H, W] in [0, 1] with the lowest values muted."""
        pixels = maps[0].numel()
        kept = pixels - share_of_pixels(pixels, self.protocol.muted_share)
        shown = (pixel_ranks(maps) < kept).view_as(maps)
        return unit_range(maps) * shown

    def figures(self) -> tuple[Figure, ...]:
        return (
            mean_figure(
                "drop",
                "Average drop",
                "Mean share of the class's probability that is lost on the masked image; 0 where it rises.",
                better="lower",
            ),
            mean_figure(
                "increase",
                "Increase",
                "Share of the images whose masked version has a higher probability of the class.",
                better="higher",
            ),
        )
