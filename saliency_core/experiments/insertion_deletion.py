"""Insertion and deletion: how the target's probability moves when salient pixels are revealed or taken
away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from saliency_core.experiments.base import Experiment, ExperimentDescription, Measurement, Protocol
from saliency_core.lazy import torch
from saliency_core.scoring.canvas import blurred_canvas, zero_canvas
from saliency_core.scoring.ranking import Curve, pixel_ranks, step_count
from saliency_core.statistics.area import trapezoid_area

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier
    from saliency_core.scoring.scorer import Scorer

CONFIDENCE_EDGES: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.9999, 1.0)


@dataclass(frozen=True, kw_only=True)
class InsertionDeletionProtocol(Protocol):
    """Insertion starts from its canvas and reveals pixels; deletion replaces the image's pixels by its
    canvas.

    ``step_pixels`` pixels change per step, the most salient first, ties by ascending raster index. Canvas
    "blur": Gaussian of ``blur_kernel`` taps and standard deviation ``blur_sigma`` (pixels), reflected
    borders; "zeros": the mean colour. ``confidence_edges`` bound the bins of the clean probability; the
    last bin is closed on both sides.
    """

    experiment: str = "insertion_deletion"
    step_pixels: int = 448
    insertion_canvas: str = "blur"
    deletion_canvas: str = "blur"
    blur_kernel: int = 51
    blur_sigma: float = 50.0
    tie_rule: str = "stable, ascending raster index"
    area_rule: str = "trapezoid over a unit interval, divided by the number of steps"
    confidence_edges: tuple[float, ...] = CONFIDENCE_EDGES

    @property
    def steps(self) -> int:
        return step_count(self.size * self.size, self.step_pixels)


class InsertionDeletion(Experiment):
    """Columns: probability (of the target on the untouched image), insertion_auc, deletion_auc, overall;
    two curves.

    All figures are fractions of 1; overall = insertion_auc − deletion_auc.
    """

    description: ClassVar[ExperimentDescription] = ExperimentDescription(
        key="insertion_deletion",
        title="Insertion / deletion",
        summary=(
            "Reveals (insertion) or removes (deletion) pixels in the order of the map and follows the "
            "probability of the predicted class. Good maps make it rise early and fall early; overall is the "
            "difference of the areas."
        ),
        needs=(),
        protocols=(
            InsertionDeletionProtocol(
                name="thesis@1",
                summary="112 steps of 448 pixels, blurred canvas for both curves, squashed to 224 × 224.",
                source="Thesis, chapter 3",
            ),
            InsertionDeletionProtocol(
                name="group-cam@1",
                summary="As the Group-CAM script: deletion to the mean colour, 256 / crop 224.",
                source="github.com/wofmanaf/Group-CAM at ffd807b, ins_del_gc.py",
                pipeline="resize_crop",
                deletion_canvas="zeros",
            ),
        ),
    )
    protocol: InsertionDeletionProtocol

    @classmethod
    def forwards_per_image(cls, protocol: Protocol) -> int:
        assert isinstance(protocol, InsertionDeletionProtocol)
        canvases = {protocol.insertion_canvas, protocol.deletion_canvas}
        return 2 * (protocol.steps - 1) + 1 + len(canvases)

    def measure(
        self,
        classifier: Classifier,
        images: torch.Tensor,
        targets: torch.Tensor,
        maps: torch.Tensor,
        scorer: Scorer,
    ) -> Measurement:
        protocol = self.protocol
        names = list(dict.fromkeys((protocol.insertion_canvas, protocol.deletion_canvas)))
        sources = torch.stack([images, *(self._canvas(name, images) for name in names)], dim=1)
        insertion = Curve(start=1 + names.index(protocol.insertion_canvas), end=0)
        deletion = Curve(start=0, end=1 + names.index(protocol.deletion_canvas))
        scores = scorer.score_rankings(
            sources, pixel_ranks(maps), (insertion, deletion), protocol.step_pixels, targets
        ).numpy()
        insertion_auc, deletion_auc = trapezoid_area(scores).T
        return Measurement(
            scalars={
                "probability": scores[:, 1, 0].astype("float64"),
                "insertion_auc": insertion_auc,
                "deletion_auc": deletion_auc,
                "overall": insertion_auc - deletion_auc,
            },
            curves={"insertion": scores[:, 0].copy(), "deletion": scores[:, 1].copy()},
        )

    def _canvas(self, name: str, images: torch.Tensor) -> torch.Tensor:
        if name == "zeros":
            return zero_canvas(images)
        return blurred_canvas(images, self.protocol.blur_kernel, self.protocol.blur_sigma)
