"""What every experiment must keep: figures of a part of the units are the part of the figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from saliency_core.experiments.base import Experiment, Explained, Measurement
from saliency_core.experiments.columns import Columns


def part_of(explained: Explained, chosen: list[int]) -> Explained:
    """The units number ``chosen``, in that order."""
    positions = torch.tensor(chosen)
    tensors = {
        name: getattr(explained, name)[positions]
        for name in ("images", "targets", "labels", "maps", "degenerate")
    }
    lists = {
        name: [getattr(explained, name)[position] for position in chosen]
        for name in ("identifiers", "indices", "truths", "unit_labels")
    }
    return replace(explained, **tensors, **lists)


def columns_of(explained: Explained, measured: Measurement) -> Columns:
    return Columns(
        indices=np.array(explained.indices),
        images=explained.identifiers,
        scalars={name: np.asarray(values) for name, values in measured.scalars.items()},
        curves=dict(measured.curves),
    )


def assert_parts_make_the_whole(
    experiment: Experiment, explained: Explained, *, rounding: float = 0.0
) -> Columns:
    """Measured at once, one by one, and in two parts merged in the wrong order: the same columns, which come back.

    ``rounding``: a network's own, whose last bit may depend on an image's place in the batch.
    """
    whole = columns_of(explained, experiment.measure(explained))
    numbers = list(range(len(explained)))
    for parts in ([[number] for number in numbers], [numbers[2:], numbers[:2]]):
        measured = []
        for chosen in parts:
            part = part_of(explained, chosen)
            measured.append(columns_of(part, experiment.measure(part)))
        merged = Columns.merge(measured)
        assert merged.images == whole.images
        for name, values in whole.scalars.items():
            np.testing.assert_allclose(merged.scalars[name], values, rtol=0, atol=rounding, err_msg=name)
        for name, curve in whole.curves.items():
            assert curve.dtype == np.float32
            np.testing.assert_allclose(merged.curves[name], curve, rtol=0, atol=rounding, err_msg=name)
        for figure in experiment.figures():
            np.testing.assert_allclose(figure.value(merged), figure.value(whole), rtol=0, atol=rounding)
    for description in experiment.curves():
        assert len(description.positions(whole)) == whole.curves[description.key].shape[1]
    return whole
