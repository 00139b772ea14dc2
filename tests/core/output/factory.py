"""Small results with figures that can be worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from saliency_core.experiments.base import Experiment, create_experiment
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.result import Result
from saliency_core.output.summarised import Summarised, summarised

INSERTION = (0.4, 0.6, 0.8, 0.6)
DELETION = (0.1, 0.1, 0.3, 0.3)


def columns(
    insertion: Sequence[float] = INSERTION, deletion: Sequence[float] = DELETION, **scalars: Any
) -> Columns:
    """Insertion / deletion of a few images: means 60 %, 20 % and 40 % unless told otherwise."""
    n = len(insertion)
    up, down = np.array(insertion), np.array(deletion)
    return Columns(
        indices=np.arange(n),
        images=[f"{number}.jpg" for number in range(n)],
        scalars={
            "target": np.arange(n) % 2,
            "target_name": np.array(["cat", "dog"] * n)[:n],
            "predicted": np.arange(n) % 2,
            "label": np.array([0, 1, 1, -1] * n)[:n],
            "probability": np.array([0.05, 0.95, 0.95, 1.0] * n)[:n],
            "insertion_auc": up,
            "deletion_auc": down,
            "overall": up - down,
            **scalars,
            "degenerate": np.arange(n) == 1,
            "map_seconds": np.full(n, 0.25),
            "seconds": np.full(n, 1.5),
        },
        curves={
            "insertion": np.stack([np.zeros(n), up, np.ones(n)], axis=1).astype(np.float32),
            "deletion": np.stack([np.ones(n), down, np.zeros(n)], axis=1).astype(np.float32),
        },
        failures=[{"index": 9, "image": "bad.jpg", "reason": "truncated"}],
    )


def result(
    method: str = "grad_cam",
    title: str = "Grad-CAM",
    *,
    measured: Columns | None = None,
    enhanced: bool = False,
    model: str = "VGG19",
    experiment: Experiment | None = None,
    dataset: str = "Photos",
    weights: str = "ab" * 32,
    parameters: Mapping[str, Any] | None = None,
) -> Result:
    return Result(
        model=model,
        architecture="torchvision:vgg19",
        weights_sha256=weights,
        preprocessing={"name": "squash 224", "size": 224, "mean": [0.485, 0.456, 0.406]},
        method=method,
        method_title=title,
        parameters={"layer": "features.35"} if parameters is None else parameters,
        enhancement={"window": 96, "stride": 32} if enhanced else None,
        experiment=experiment or create_experiment("insertion_deletion", "thesis@1"),
        dataset={"name": dataset, "images": 10, "measured": 5, "fingerprint": f"{dataset}-fingerprint"},
        columns=columns() if measured is None else measured,
        environment={"device": "a processor", "versions": {"torch": "2.13.0"}},
    )


def one(**values: Any) -> Summarised:
    return summarised([result(**values)], resamples=200)[0]


def with_figures(figures: Mapping[str, float], experiment: Experiment, **values: Any) -> Summarised:
    """A summarised result whose figures are simply these (fractions), each ± 0.01, over 100 images."""
    made = result(measured=Columns(), experiment=experiment, **values)
    summary = {
        "images": 100,
        "units": 100,
        "failed": 0,
        "degenerate": 0,
        "interval": {"method": "percentile", "confidence": 0.95, "resamples": 1, "seed": 0},
        "figures": {
            key: {"value": value, "low": value - 0.01, "high": value + 0.01, "n": 100}
            for key, value in figures.items()
        },
        "curves": {},
        "bins": [],
        "classes": [],
    }
    return Summarised(made, summary)
