"""The most probable classes of images."""

from __future__ import annotations

import structlog

from saliency_core.errors import Interrupted, SaliscopeError
from webapp.studio import services
from webapp.studio.events import announce
from webapp.studio.models import Prediction
from workers.node import Node
from workers.studio_parts import classifier_for, pixels_of, reason_of, stop_when_asked

log = structlog.get_logger(__name__)
CLASSES_SHOWN = 5


def predict(node: Node, predictions: list[Prediction]) -> None:
    """Classifies images under one classifier; one that fails does not disturb the others."""
    for prediction in predictions:
        try:
            stop_when_asked()
            classifier = classifier_for(prediction, node.torch_device)
            image = classifier.preprocessing.prepare(pixels_of(prediction))
            classes, probabilities = classifier.top_classes(image[None], CLASSES_SHOWN)
            best = list(zip(classes[0].tolist(), probabilities[0].tolist(), strict=True))
        except Interrupted:
            services.give_back(prediction)
        except SaliscopeError as problem:
            services.fail(prediction, reason_of(problem))
        except Exception as problem:
            log.exception("prediction_failed", prediction=prediction.pk)
            services.fail(prediction, reason_of(problem))
        else:
            services.finish_prediction(prediction, best)
        announce(prediction)
