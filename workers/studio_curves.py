"""Insertion and deletion of one map, measured after it is drawn."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import structlog

from saliency_core.errors import ImageError, Interrupted, SaliscopeError
from saliency_core.experiments.base import Explained, create_experiment
from saliency_core.lazy import torch
from saliency_core.scoring.scorer import Scorer
from webapp.studio import services
from webapp.studio.asking import CURVES
from webapp.studio.events import announce
from webapp.studio.models import Explanation
from workers.node import Node
from workers.resources import method_of
from workers.studio_parts import classifier_for, pixels_of, reason_of, stop_when_asked

log = structlog.get_logger(__name__)
LOOK_EVERY_SECONDS = 1.0
DIGITS = 5


def measure(node: Node, explanation: Explanation) -> None:
    """Measures a claimed map; steps back as soon as somebody waits for a map."""
    try:
        curves = measured(node.torch_device, explanation)
    except Interrupted:
        services.give_back_curves(explanation)
        return
    except SaliscopeError as problem:
        services.fail_curves(explanation, reason_of(problem))
    except Exception as problem:
        log.exception("curves_failed", explanation=explanation.pk)
        services.fail_curves(explanation, reason_of(problem))
    else:
        services.finish_curves(explanation, curves)
    announce(explanation)


def measured(device: str, explanation: Explanation) -> dict[str, Any]:
    """`insertion` and `deletion`, the probability after each step, and the scores by name. Raises SaliscopeError."""
    classifier = classifier_for(explanation, device)
    image = classifier.preprocessing.prepare(pixels_of(explanation))[None].to(classifier.device)
    try:
        values = np.load(services.explanation_folder(explanation) / "map.npy", allow_pickle=False)
    except (OSError, ValueError):
        raise ImageError("The map's file is gone: ask for the map again.") from None
    found = create_experiment(*CURVES).measure(
        Explained(
            classifier=classifier,
            method=method_of(explanation.specified_method, classifier),
            scorer=Scorer(classifier, on_batch=_yielding()),
            images=image,
            targets=torch.tensor([explanation.target], device=classifier.device),
            labels=torch.tensor([-1], device=classifier.device),
            maps=torch.from_numpy(values)[None].to(classifier.device),
            degenerate=torch.tensor([explanation.degenerate], device=classifier.device),
            identifiers=[explanation.image],
            indices=[0],
            truths=[None],
            unit_labels=[None],
        )
    )
    curves = {name: np.round(curve[0], DIGITS).tolist() for name, curve in found.curves.items()}
    return curves | {name: float(values[0]) for name, values in found.scalars.items()}


def _yielding() -> Callable[[int], None]:
    """To be called after every batch: raises Interrupted where there is something more urgent to do."""
    looked = time.monotonic()

    def look(_forwards: int) -> None:
        nonlocal looked
        stop_when_asked()
        if time.monotonic() - looked >= LOOK_EVERY_SECONDS:
            looked = time.monotonic()
            if services.urgent_work_waits():
                raise Interrupted

    return look
