"""Segmentation: the map as a mask of the object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from saliency_core.experiments.base import (
    Experiment,
    ExperimentDescription,
    Explained,
    Measurement,
    Protocol,
)
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.figures import CurveDescription, Figure, Table, mean_figure, ratio
from saliency_core.experiments.ground_truth import Mask, Truth
from saliency_core.experiments.regions import RegionKind, region_of
from saliency_core.experiments.segmentation_counts import (
    Counts,
    Ranking,
    above_mean,
    micro_average_precision,
    row_f1,
    stretched,
)

SWEEP: tuple[float, ...] = tuple(number / 20 for number in range(1, 20))


@dataclass(frozen=True, kw_only=True)
class SegmentationProtocol(Protocol):
    """How a map becomes a mask, and what it is compared with.

    The map is stretched to [0, 1]; foreground are the pixels strictly above its mean. ``truth``: the
    "object_mask", the "masks" of the class explained, or "all_masks", those of all classes together; framed by
    nearest neighbour. Besides, the foreground above each of ``thresholds`` (of the map's range) and the highest
    ``top_shares`` of the pixels are compared.
    """

    experiment: str = "segmentation"
    activation: str = ""
    ground_truth: tuple[str, ...] = ("object_mask",)
    truth: RegionKind = "object_mask"
    threshold_rule: str = "strictly above the mean of the map stretched to [0, 1]"
    mask_interpolation: str = "nearest"
    constant_rule: str = "a constant map is background, with score 0 for both classes"
    thresholds: tuple[float, ...] = SWEEP
    top_shares: tuple[float, ...] = SWEEP
    tie_rule: str = "stable, ascending raster index"


class Segmentation(Experiment):
    """Columns: counts of pixels (pixels, correct, intersections and unions of background and foreground),
    average_precision, f1, f1_rows_official, foreground_iou; curves threshold_iou and top_share_iou.

    The row F1 is what the official script reports: it takes the rows of the image for a batch and averages
    their F1, those without object counting 0.
    """

    description: ClassVar[ExperimentDescription] = ExperimentDescription(
        key="segmentation",
        title="Segmentation",
        summary=(
            "Takes the map as a segmentation of the object, foreground being what lies above the map's mean, and "
            "compares it with a mask."
        ),
        protocols=(
            SegmentationProtocol(
                name="chefer@1",
                summary="The predicted class against the object mask, at 224 × 224 (ImageNet-Segmentation).",
                source="Chefer et al., CVPR 2021; Transformer-Explainability at c3e578f, imagenet_seg_eval.py",
            ),
            SegmentationProtocol(
                name="class-masks@1",
                summary="Every annotated class against its own mask, otherwise as chefer@1.",
                source="Our choice",
                target_rule="annotated",
                ground_truth=("masks",),
                truth="masks",
            ),
            SegmentationProtocol(
                name="all-objects@1",
                summary="The predicted class against the masks of all objects together, otherwise as chefer@1.",
                source="Our choice",
                ground_truth=("masks",),
                truth="all_masks",
            ),
        ),
    )
    protocol: SegmentationProtocol

    @classmethod
    def forwards_per_image(cls, protocol: Protocol) -> int:
        return 0

    def accepts(self, truth: Truth, label: str) -> bool:
        return label in truth.annotations.masks

    def measure(self, explained: Explained) -> Measurement:
        maps = explained.maps.cpu().numpy()
        scalars: dict[str, list[Any]] = {}
        curves: dict[str, list[Any]] = {"threshold_iou": [], "top_share_iou": []}
        for saliency, truth, label in zip(maps, explained.truths, explained.unit_labels, strict=True):
            mask = region_of(truth, label, self.protocol.truth, framed=True)
            values = stretched(saliency)
            for name, value in _scalars(values, mask).items():
                scalars.setdefault(name, []).append(value)
            ranking = Ranking(values, mask)
            curves["threshold_iou"].append(ranking.iou_above(self.protocol.thresholds))
            curves["top_share_iou"].append(ranking.iou_of_top(self.protocol.top_shares))
        columns = {name: np.array(values) for name, values in scalars.items()}
        if self.protocol.target_rule == "annotated":
            columns["annotated_class"] = np.array(explained.unit_labels, dtype=np.str_)
        return Measurement(
            columns, {name: np.array(values, dtype=np.float32) for name, values in curves.items()}
        )

    def figures(self) -> tuple[Figure, ...]:
        thresholds, shares = self.protocol.thresholds, self.protocol.top_shares
        return (
            Figure(
                "pixel_accuracy",
                "Pixel accuracy",
                "percent",
                "higher",
                "Share of all images' pixels that are on the right side.",
                _sums_of("correct", "pixels"),
                ratio,
            ),
            mean_figure(
                "average_precision",
                "mAP",
                "Average precision of background and foreground in one ranking, of each image; the mean.",
                better="higher",
            ),
            Figure(
                "mean_iou",
                "mIoU",
                "percent",
                "higher",
                "Intersection over union of background and of foreground, each summed over all images first; the "
                "mean of the two.",
                _sums_of(
                    "background_intersection",
                    "background_union",
                    "foreground_intersection",
                    "foreground_union",
                ),
                _mean_iou,
            ),
            mean_figure("f1", "F1", "F1 of each image's foreground; the mean.", better="higher"),
            Figure(
                "foreground_iou_pooled",
                "Foreground IoU",
                "percent",
                "higher",
                "Intersection over union of the foreground, each summed over all images first.",
                _sums_of("foreground_intersection", "foreground_union"),
                ratio,
            ),
            mean_figure(
                "foreground_iou",
                "Foreground IoU per image",
                "Intersection over union of each image's foreground; the mean.",
                better="higher",
            ),
            mean_figure(
                "f1_rows_official",
                "F1 over image rows",
                "What the official script calls F1: of every row of pixels on its own, rows without object "
                "counting 0; the mean.",
                better="higher",
            ),
            _best_value(
                "best_threshold_iou",
                "IoU at the best threshold",
                "Mean IoU per image at the one threshold that is best for these images; too good to be had without "
                "their masks.",
                "threshold_iou",
            ),
            _best_position(
                "best_threshold",
                "Best threshold",
                "The threshold, as a share of the map's range, with the highest mean IoU.",
                "threshold_iou",
                thresholds,
            ),
            _best_value(
                "best_top_share_iou",
                "IoU at the best share of pixels",
                "Mean IoU per image with the one share of highest pixels that is best for these images; too good to "
                "be had without their masks.",
                "top_share_iou",
            ),
            _best_position(
                "best_top_share",
                "Best share of pixels",
                "The share of highest pixels with the highest mean IoU.",
                "top_share_iou",
                shares,
            ),
        )

    def curves(self) -> tuple[CurveDescription, ...]:
        thresholds, shares = list(self.protocol.thresholds), list(self.protocol.top_shares)
        return (
            CurveDescription(
                "threshold_iou", "IoU by threshold", "Threshold", "IoU", lambda columns: thresholds
            ),
            CurveDescription(
                "top_share_iou",
                "IoU by share of pixels",
                "Share of highest pixels",
                "IoU",
                lambda columns: shares,
            ),
        )


def _scalars(values: Any, mask: Mask) -> dict[str, float | int]:
    predicted = above_mean(values, mask.shape)
    counts = Counts.of(predicted, mask)
    return {
        "pixels": counts.pixels,
        "correct": counts.correct,
        "background_intersection": counts.background_intersection,
        "background_union": counts.background_union,
        "foreground_intersection": counts.both,
        "foreground_union": counts.foreground_union,
        "average_precision": micro_average_precision(values, mask),
        "f1": counts.f1,
        "f1_rows_official": row_f1(predicted, mask),
        "foreground_iou": counts.foreground_iou,
    }


def _sums_of(*names: str) -> Callable[[Columns], Table]:
    def table(columns: Columns) -> Table:
        return np.stack(
            [np.asarray(columns.scalars.get(name, np.empty(0)), dtype=np.float64) for name in names], axis=1
        )

    return table


def _mean_iou(sums: Table) -> Table:
    """[..., 4] → [...]; a class that is neither there nor predicted anywhere counts 0, as in the official
    script.
    """
    intersections, unions = sums[..., 0::2], sums[..., 1::2]
    values = (intersections / np.where(unions > 0, unions, 1)).mean(-1)
    return np.where(unions.sum(-1) > 0, values, np.nan)


def _curve_table(curve: str) -> Callable[[Columns], Table]:
    """[rows, points + 1]: the curve and a 1; zeros, so that figures are undefined, where columns lack it."""

    def table(columns: Columns) -> Table:
        values = columns.curves.get(curve)
        if values is None:
            return np.zeros((len(columns), 2))
        return np.concatenate([values.astype(np.float64), np.ones((len(values), 1))], axis=1)

    return table


def _best_value(key: str, title: str, summary: str, curve: str) -> Figure:
    def combine(sums: Table) -> Table:
        return ratio(np.stack([sums[..., :-1].max(-1), sums[..., -1]], axis=-1))

    return _of_one_choice(key, title, "higher", summary, curve, combine)


def _best_position(key: str, title: str, summary: str, curve: str, positions: tuple[float, ...]) -> Figure:
    def combine(sums: Table) -> Table:
        # The first of several that are equally good.
        best = np.asarray(positions)[sums[..., :-1].argmax(-1)]
        return np.where(sums[..., -1] > 0, best, np.nan)

    return _of_one_choice(key, title, "", summary, curve, combine)


def _of_one_choice(
    key: str, title: str, better: str, summary: str, curve: str, combine: Callable[[Table], Table]
) -> Figure:
    """A figure of the point that is best for all images together, which is not the best of any single one."""
    return Figure(
        key, title, "percent", better, summary, _curve_table(curve), combine, curve, of_single_images=False
    )
