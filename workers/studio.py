"""What the studio's worker does when it is woken: classify images, draw maps, measure them, prepare classifiers and
data sets.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from django.conf import settings

from webapp.common import hints
from webapp.library.compatibility import claim_report
from webapp.library.dataset_services import claim_dataset, keep_dataset_lease
from webapp.library.services import claim_preparation, keep_preparation
from webapp.studio.models import Explanation, Prediction
from webapp.studio.services import claim_curves, claim_explanations, claim_predictions, keep_leases
from workers import stopping
from workers.classifier_preparation import look_again, prepare
from workers.dataset_preparation import prepare_dataset
from workers.lease_keeping import lease_keeper
from workers.node import Node
from workers.preparation_watching import PreparationWatch
from workers.studio_curves import measure
from workers.studio_maps import draw
from workers.studio_predictions import predict

__all__ = ["draw", "measure", "work_once"]


def work_once(node: Node) -> None:
    """One turn: what somebody waits for most comes first; curves only where nobody waits for a map, and reports on
    models only where nobody waits for anything. Then, and where it has taken long (settings.STUDIO_TURN_SECONDS), the
    next turn begins anew with what is waited for most.
    """
    if not node.takes_work():
        return
    try:
        worked = _turn(node)
    finally:
        # Whatever ended it: a heartbeat that went on keeping the lease would have nobody else take the row.
        node.watch(None)
    if worked and not stopping.requested():
        hints.wake_studio()


def _turn(node: Node) -> bool:
    """Whether there was anything to do."""
    end = time.monotonic() + settings.STUDIO_TURN_SECONDS

    def goes_on() -> bool:
        return not stopping.requested() and time.monotonic() < end

    predictions = claim_predictions()
    if predictions:
        _watched(
            node, predictions, f"classifying {len(predictions)} images", lambda: predict(node, predictions)
        )
    explanations = claim_explanations() if goes_on() else []
    if explanations:
        _watched(node, explanations, f"drawing {len(explanations)} maps", lambda: draw(node, explanations))
    curves = claim_curves() if not explanations and goes_on() else None
    if curves is not None:
        _watched(node, [curves], "measuring a map", lambda: measure(node, curves))
    classifier = claim_preparation() if goes_on() else None
    if classifier is not None:
        model_watch = PreparationWatch(lambda: keep_preparation(classifier))
        node.watch(model_watch.tick, "preparing a model")
        prepare(classifier, model_watch)
    dataset = claim_dataset() if goes_on() else None
    if dataset is not None:
        dataset_watch = PreparationWatch(lambda: keep_dataset_lease(dataset))
        node.watch(dataset_watch.tick, "looking at a data set")
        prepare_dataset(dataset, dataset_watch)
    if predictions or explanations or curves or classifier or dataset:
        return True
    # The model is of use without it.
    report = claim_report() if goes_on() else None
    if report is not None:
        node.watch(lease_keeper(lambda: keep_preparation(report)), "looking at a model")
        look_again(report, node.torch_device)
    return report is not None


def _watched(
    node: Node, rows: Sequence[Explanation | Prediction], activity: str, work: Callable[[], None]
) -> None:
    node.watch(lease_keeper(lambda: keep_leases(rows)), activity)
    work()
