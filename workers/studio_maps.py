"""Drawing maps."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import structlog

from saliency_core.errors import Interrupted, SaliscopeError
from saliency_core.lazy import torch
from saliency_core.rendering.overlay import overlay
from saliency_core.scoring.listening import listening
from webapp.benchmarks.events import member_group, send
from webapp.benchmarks.payloads import explanation_payload
from webapp.studio import services
from webapp.studio.costs import cost_of
from webapp.studio.events import announce
from webapp.studio.models import Explanation
from webapp.studio.services import explanation_folder
from workers.node import Node
from workers.resources import method_of
from workers.studio_parts import classifier_for, pixels_of, reason_of, stop_when_asked
from workers.studio_watching import MapWatch

if TYPE_CHECKING:
    from PIL.Image import Image

    from saliency_core.classifiers.preprocessing import Preprocessing
    from saliency_core.methods.base import Explanation as DrawnMaps

log = structlog.get_logger(__name__)
OVERLAY_QUALITY = 85


def draw(node: Node, explanations: list[Explanation]) -> None:
    """Draws maps that have classifier, method and parameters in common; one that fails does not disturb the others."""
    for explanation in explanations:
        announce(explanation)
    try:
        classifier = classifier_for(explanations[0], node.torch_device)
        method = method_of(explanations[0].specified_method, classifier)
    except SaliscopeError as problem:
        for explanation in explanations:
            _end(explanation, problem)
        return
    first = explanations[0]
    cost = cost_of(first.specified_method, first.classifier, first.size)
    for explanation in explanations:
        started = time.monotonic()
        try:
            stop_when_asked()
            watch = MapWatch(explanation, part="map", expected=cost.forwards if cost else 0)
            watch.look()
            if explanation is not explanations[0] and services.predictions_wait():
                raise Interrupted  # Somebody waits for what takes a moment: the rest of the maps come after it.
            picture = pixels_of(explanation)
            images = classifier.preprocessing.prepare(picture)[None].to(classifier.device)
            with listening(watch):
                drawn = method.explain(images, torch.tensor([explanation.target], device=classifier.device))
            _store(explanation, picture, drawn, classifier.preprocessing)
        except Interrupted:
            services.give_back(explanation)
        except SaliscopeError as problem:
            _end(explanation, problem)
        except Exception as problem:
            log.exception("map_failed", explanation=explanation.pk)
            _end(explanation, problem)
        else:
            finished = services.finish_explanation(
                explanation,
                degenerate=bool(drawn.degenerate[0]),
                seconds=time.monotonic() - started,
                extras=_extras(drawn),
            )
            if not finished:
                # Deleted while its files were written, it may be: nobody would remove them.
                services.discard_unshared_files([explanation.digest])
            _tell(explanation)


def _extras(drawn: DrawnMaps) -> dict[str, float]:
    """The method's own figures for this map, those that are numbers."""
    values = {name: float(values[0]) for name, values in drawn.extras.items()}
    return {name: value for name, value in values.items() if np.isfinite(value)}


def _store(explanation: Explanation, picture: Image, drawn: DrawnMaps, preprocessing: Preprocessing) -> None:
    folder = explanation_folder(explanation)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "map.npy", drawn.maps[0].cpu().numpy())
    seen = preprocessing.framed(picture)
    overlay(seen, drawn.normalised()[0].cpu().numpy()).save(folder / "overlay.webp", quality=OVERLAY_QUALITY)


def _end(explanation: Explanation, problem: Exception) -> None:
    services.fail(explanation, reason_of(problem))
    _tell(explanation)


def _tell(explanation: Explanation) -> None:
    """Tells the pages of benchmarks and of the studio."""
    payload = explanation_payload(explanation)
    send(member_group(explanation.owner_id), {"type": "member.explanation", "payload": payload})
    announce(explanation)
