"""Insertion and deletion: how the target's probability moves when salient pixels are revealed or taken
away.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
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
from saliency_core.scoring.canvas import blurred_canvas, rise_canvas, zero_canvas
from saliency_core.scoring.ranking import Curve, pixel_order, step_count
from saliency_core.statistics.area import trapezoid_area

if TYPE_CHECKING:
    from saliency_core.classifiers.preprocessing import Pipeline
    from saliency_core.experiments.columns import Columns

CONFIDENCE_EDGES: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.9999, 1.0)


@dataclass(frozen=True, kw_only=True)
class InsertionDeletionProtocol(Protocol):
    """Insertion starts from its canvas and reveals pixels; deletion replaces the image's pixels by its
    canvas.

    ``step_pixels`` pixels change per step, the most salient first, ties by ascending raster index. Canvas
    "blur": Gaussian of ``blur_kernel`` taps and standard deviation ``blur_sigma`` (pixels), reflected
    borders; "rise_blur": RISE's almost flat kernel of these numbers, zeros beyond the borders (see
    canvas.rise_kernel); "zeros": the mean colour. ``confidence_edges`` bound the bins of the clean
    probability; the last bin is closed on both sides.
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
            "probability of the predicted class. Good maps make it rise early and fall early; over-all is the "
            "difference of the areas."
        ),
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
            InsertionDeletionProtocol(
                name="rise@1",
                summary="As RISE: 224 steps of 224 pixels, its own blur for insertion, deletion to the mean colour.",
                source="Petsiuk et al., RISE, BMVC 2018; github.com/eclique/RISE at d91ea00, evaluation.py",
                step_pixels=224,
                insertion_canvas="rise_blur",
                deletion_canvas="zeros",
                blur_kernel=11,
                blur_sigma=5.0,
            ),
        ),
    )
    protocol: InsertionDeletionProtocol

    @classmethod
    def forwards_per_image(cls, protocol: Protocol) -> int:
        assert isinstance(protocol, InsertionDeletionProtocol)
        canvases = {protocol.insertion_canvas, protocol.deletion_canvas}
        return 2 * (protocol.steps - 1) + 1 + len(canvases)

    def measure(self, explained: Explained) -> Measurement:
        protocol, images = self.protocol, explained.images
        names = list(dict.fromkeys((protocol.insertion_canvas, protocol.deletion_canvas)))
        sources = torch.stack([images, *(self._canvas(name, images) for name in names)], dim=1)
        insertion = Curve(start=1 + names.index(protocol.insertion_canvas), end=0)
        deletion = Curve(start=0, end=1 + names.index(protocol.deletion_canvas))
        scores = explained.scorer.score_rankings(
            sources,
            pixel_order(explained.maps),
            (insertion, deletion),
            protocol.step_pixels,
            explained.targets,
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

    def figures(self) -> tuple[Figure, ...]:
        return (
            mean_figure(
                "insertion_auc",
                "Insertion AUC",
                "Area under the probability of the class as salient pixels are revealed.",
                better="higher",
            ),
            mean_figure(
                "deletion_auc",
                "Deletion AUC",
                "Area under the probability of the class as salient pixels are taken away.",
                better="lower",
            ),
            mean_figure("overall", "Over-all", "Insertion AUC minus deletion AUC.", better="higher"),
        )

    def curves(self) -> tuple[CurveDescription, ...]:
        return tuple(
            CurveDescription(key, title, "Share of pixels changed", "Probability", partial(_shares, key=key))
            for key, title in (("insertion", "Insertion"), ("deletion", "Deletion"))
        )

    def _canvas(self, name: str, images: torch.Tensor) -> torch.Tensor:
        if name == "zeros":
            return zero_canvas(images)
        if name == "rise_blur":
            return rise_canvas(images, self.protocol.blur_kernel, self.protocol.blur_sigma)
        return blurred_canvas(images, self.protocol.blur_kernel, self.protocol.blur_sigma)


def fitting_protocol(pipeline: Pipeline, size: int, activation: str) -> InsertionDeletionProtocol:
    """The rules for images of that geometry and outputs of that kind.

    The first protocol that is defined for them or, where none is, that of the same pipeline carried over: as many
    steps as whole pixels allow, a blur of the same share of the image, the probability as the outputs define it. Such
    rules are no named protocol: see ``is_named``.
    """
    protocols = [each for each in InsertionDeletion.description.protocols if each.pipeline == pipeline]
    for each in protocols:
        if (each.size, each.activation) == (size, activation):
            assert isinstance(each, InsertionDeletionProtocol)
            return each
    near = protocols[0]
    assert isinstance(near, InsertionDeletionProtocol)
    return replace(
        near,
        size=size,
        activation=activation,
        step_pixels=-(-size * size // near.steps),
        blur_kernel=2 * (near.blur_kernel * size // (2 * near.size)) + 1,
        blur_sigma=near.blur_sigma * size / near.size,
    )


def is_named(protocol: InsertionDeletionProtocol) -> bool:
    """Whether these are a named protocol's rules, and figures under them comparable with a benchmark's."""
    return protocol in InsertionDeletion.description.protocols


def _shares(columns: Columns, key: str) -> list[float]:
    """The share of changed pixels at every point of a curve."""
    points = columns.curves[key].shape[1] if key in columns.curves else 2
    return [number / (points - 1) for number in range(points)]
