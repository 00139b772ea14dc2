"""What one map costs, in passes through the network and in seconds on the studio's device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from saliency_core.estimate import expected_seconds, layer_channels
from webapp.benchmarks.methods import description_of, parameters_of
from webapp.benchmarks.models import WorkerNode
from webapp.benchmarks.selectors import live_workers
from webapp.benchmarks.templatetags.figures import duration
from webapp.library.models import Classifier, ForwardRate
from webapp.library.selectors import forward_rates

CHEAP_SECONDS = 5.0
CHEAP_FORWARDS = 60.0
"""Up to here a map is drawn without a press of the button; the second counts where no rate is measured."""
CHEAP_PAGE_SECONDS = 15.0
CHEAP_PAGE_FORWARDS = 250.0
"""The same for all maps of a method on a page: everybody's maps wait for them."""


@dataclass(frozen=True)
class MapCost:
    """`seconds` on `device`; None where no worker has measured the model."""

    forwards: float
    backwards: float
    seconds: float | None
    device: str

    @property
    def time(self) -> str:
        """About how long it takes, as text: "0.3 s", "17 s", "2 min 2 s"; empty where that is not known."""
        if self.seconds is None:
            return ""
        if self.seconds < 0.1:
            return _("under 0.1 s")
        if self.seconds < 100:
            return _("%(seconds)s s") % {"seconds": f"{self.seconds:.{1 if self.seconds < 10 else 0}f}"}
        return duration(self.seconds)

    @property
    def passes(self) -> tuple[str, str]:
        """Forward and backward passes as text: "1,281", "0.5"."""
        shown = [f"{each:,.1f}" if each < 10 else f"{each:,.0f}" for each in (self.forwards, self.backwards)]
        return shown[0].removesuffix(".0"), shown[1].removesuffix(".0")

    @property
    def is_cheap(self) -> bool:
        if self.seconds is not None:
            return self.seconds <= CHEAP_SECONDS
        return self.forwards + 2 * self.backwards <= CHEAP_FORWARDS

    def is_cheap_for(self, maps: int) -> bool:
        """Whether so many of them are drawn without a press of the button."""
        if self.seconds is not None:
            return maps * self.seconds <= CHEAP_PAGE_SECONDS
        return maps * (self.forwards + 2 * self.backwards) <= CHEAP_PAGE_FORWARDS


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
