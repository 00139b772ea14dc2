"""What the studio's worker does when it is woken: prepare classifiers, draw maps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import structlog

from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.errors import Interrupted, SaliscopeError
from saliency_core.lazy import torch
from saliency_core.methods.registry import create_method
from saliency_core.rendering.overlay import overlay
from saliency_core.scoring.listening import listening
from webapp.benchmarks.events import member_group, send
from webapp.benchmarks.payloads import explanation_payload
from webapp.common import hints
from webapp.library.services import claim_preparation
from webapp.studio.models import Explanation
from webapp.studio.services import (
    claim_explanations,
    explanation_folder,
    fail_explanation,
    finish_explanation,
    give_back_explanation,
    keep_explanations,
)
from workers import stopping
from workers.benchmarking import specification_of
from workers.classifier_preparation import prepare
from workers.node import Node
from workers.resources import classifier_of, dataset_of

if TYPE_CHECKING:
    from PIL.Image import Image

    from saliency_core.methods.base import Explanation as DrawnMaps

log = structlog.get_logger(__name__)
OVERLAY_QUALITY = 85
LEASE_KEPT_EVERY_SECONDS = 20.0


def work_once(node: Node) -> None:
    """One turn: first the maps that somebody is waiting for, then one classifier."""
    explanations = claim_explanations()
    if explanations:
        node.watch(_lease_keeper(explanations), f"drawing {len(explanations)} maps")
        draw(node, explanations)
    classifier = None if stopping.requested() else claim_preparation()
    if classifier is not None:
        node.watch(None, f"preparing {classifier.name}")
        prepare(classifier)
    node.watch(None)
    if (explanations or classifier is not None) and not stopping.requested():
        hints.wake_studio()


def draw(node: Node, explanations: list[Explanation]) -> None:
    """Draws maps that have classifier, method and parameters in common; one that fails does not disturb the others."""
    first = explanations[0]
    specification = specification_of(first.classifier)
    specification["preprocessing"] = specification["preprocessing"] | {
        "pipeline": first.pipeline,
        "size": first.size,
    }
    try:
        classifier = classifier_of(specification, first.classifier.class_names, node.torch_device)
        dataset = dataset_of(
            {
                "format": first.dataset.format,
                "path": first.dataset.path,
                "fingerprint": first.dataset.fingerprint,
            }
        )
        method = create_method(first.method, classifier, **first.parameters)
    except SaliscopeError as problem:
        for explanation in explanations:
            _end(explanation, problem)
        return
    for explanation in explanations:
        started = time.monotonic()
        try:
            _stop_when_asked()
            index = dataset.index_of(explanation.image)
            picture = dataset.image(index)
            images = classifier.preprocessing.prepare(picture)[None].to(classifier.device)
            with listening(_stop_when_asked):
                drawn = method.explain(images, torch.tensor([explanation.target], device=classifier.device))
            _store(explanation, picture, drawn, classifier.preprocessing)
        except Interrupted:
            give_back_explanation(explanation)
        except SaliscopeError as problem:
            _end(explanation, problem)
        except Exception as problem:
            log.exception("map_failed", explanation=explanation.pk)
            _end(explanation, problem)
        else:
            seconds = time.monotonic() - started
            finish_explanation(explanation, degenerate=bool(drawn.degenerate[0]), seconds=seconds)
            _announce(explanation)


def _lease_keeper(explanations: list[Explanation]) -> Callable[[], None]:
    kept = time.monotonic()

    def keep() -> None:
        nonlocal kept
        if time.monotonic() - kept >= LEASE_KEPT_EVERY_SECONDS:
            kept = time.monotonic()
            keep_explanations(explanations)

    return keep


def _stop_when_asked(_forwards: int = 0) -> None:
    if stopping.requested():
        raise Interrupted


def _store(explanation: Explanation, picture: Image, drawn: DrawnMaps, preprocessing: Preprocessing) -> None:
    folder = explanation_folder(explanation)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "map.npy", drawn.maps[0].cpu().numpy())
    seen = preprocessing.framed(picture)
    overlay(seen, drawn.normalised()[0].cpu().numpy()).save(folder / "overlay.webp", quality=OVERLAY_QUALITY)


def _end(explanation: Explanation, problem: Exception) -> None:
    message = str(problem) if isinstance(problem, SaliscopeError) else f"{type(problem).__name__}: {problem}"
    fail_explanation(explanation, message)
    _announce(explanation)


def _announce(explanation: Explanation) -> None:
    payload = explanation_payload(explanation)
    send(member_group(explanation.owner_id), {"type": "member.explanation", "payload": payload})
