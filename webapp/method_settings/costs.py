"""What one map costs, in passes through the network and in seconds on the studio's device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saliency_core.estimate import expected_seconds, layer_channels
from webapp.benchmarks.methods import description_of, parameters_of
from webapp.benchmarks.models import WorkerNode
from webapp.benchmarks.selectors import live_workers
from webapp.library.models import Classifier, ForwardRate
from webapp.library.selectors import forward_rates

CHEAP_SECONDS = 5.0
CHEAP_FORWARDS = 60.0
"""Up to here a map is drawn without a press of the button; the second counts where no rate is measured."""


@dataclass(frozen=True)
class MapCost:
    """`seconds` on `device`; None where no worker has measured the model."""

    forwards: float
    backwards: float
    seconds: float | None
    device: str

    @property
    def forwards_shown(self) -> int:
        return round(self.forwards)

    @property
    def backwards_shown(self) -> int:
        return round(self.backwards)

    @property
    def is_cheap(self) -> bool:
        if self.seconds is not None:
            return self.seconds <= CHEAP_SECONDS
        return self.forwards + 2 * self.backwards <= CHEAP_FORWARDS


def studio_rate(classifier: Classifier) -> ForwardRate | None:
    """The model's measured rate on the device of a living studio worker, else the fastest one measured."""
    devices = [worker.device for worker in live_workers(WorkerNode.Kind.STUDIO)]
    return next(iter(forward_rates(classifier, devices) or classifier.rates.all()), None)


def cost_of_map(classifier: Classifier, method: Mapping[str, Any], rate: ForwardRate | None) -> MapCost:
    """Of one map of the model's own input size; `method` as a specification has it. Raises ParameterError."""
    description = description_of(method, classifier.preprocessing["size"])
    parameters = parameters_of(method)
    channels = layer_channels(description, parameters, classifier.layers, classifier.default_layer)
    work = description.work(parameters, channels)
    seconds = rate and expected_seconds(1, work.forward_equivalents, rate.images_per_second)
    return MapCost(work.forwards, work.backwards, seconds, rate.device if rate else "")
