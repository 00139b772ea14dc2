"""What a map costs."""

from __future__ import annotations

from typing import Any

from saliency_core.descriptions import Cost
from saliency_core.errors import ParameterError
from saliency_core.estimate import layer_channels
from webapp.benchmarks.methods import description_of, parameters_of
from webapp.library.models import Classifier


def cost_of(method: dict[str, Any], classifier: Classifier, size: int) -> Cost | None:
    """Work for one map of `size` pixels by a specified method, in passes of one image; None for parameters no longer
    valid.
    """
    description, values = description_of(method, size), parameters_of(method)
    try:
        channels = layer_channels(description, values, classifier.layers, classifier.default_layer)
        return description.work(values, channels)
    except ParameterError:
        return None
