"""What the studio's worker does when it is woken: classify images, draw maps, measure them, prepare classifiers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from webapp.common import hints
from webapp.library.services import claim_preparation
from webapp.studio.models import Explanation, Prediction
from webapp.studio.services import claim_curves, claim_explanations, claim_predictions, keep_leases
from workers import stopping
from workers.classifier_preparation import prepare
from workers.lease_keeping import lease_keeper
from workers.node import Node
from workers.studio_curves import measure
from workers.studio_maps import draw
from workers.studio_predictions import predict

__all__ = ["draw", "work_once"]


def work_once(node: Node) -> None:
    """One turn: what somebody waits for most comes first; curves only where nobody waits for a map."""
    if not node.takes_work():
        return
    predictions = claim_predictions()
    if predictions:
        _watched(
            node, predictions, f"classifying {len(predictions)} images", lambda: predict(node, predictions)
        )
    explanations = [] if stopping.requested() else claim_explanations()
    if explanations:
        _watched(node, explanations, f"drawing {len(explanations)} maps", lambda: draw(node, explanations))
    curves = None if explanations or stopping.requested() else claim_curves()
    if curves is not None:
        _watched(node, [curves], "measuring a map", lambda: measure(node, curves))
    classifier = None if stopping.requested() else claim_preparation()
    if classifier is not None:
        node.watch(None, "preparing a model")
        prepare(classifier)
    node.watch(None)
    if (predictions or explanations or curves or classifier is not None) and not stopping.requested():
        hints.wake_studio()


def _watched(
    node: Node, rows: Sequence[Explanation | Prediction], activity: str, work: Callable[[], None]
) -> None:
    node.watch(lease_keeper(lambda: keep_leases(rows)), activity)
    work()
