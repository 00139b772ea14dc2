"""How long a benchmark will take, from the measured forward rate of its classifier on the devices at work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from saliency_core.enhancement.description import SLIDING_WINDOW
from saliency_core.estimate import (
    USUAL_LAYERS,
    benchmark_forwards,
    expected_seconds,
    layer_channels,
    maps_per_image,
)
from saliency_core.experiments.base import Protocol
from saliency_core.experiments.base import protocol as find_protocol
from webapp.benchmarks.methods import description_of, enhancement_of, parameters_of
from webapp.benchmarks.models import WorkerNode
from webapp.benchmarks.selectors import live_workers
from webapp.benchmarks.specification import USUAL_PRECISION
from webapp.library.models import Classifier
from webapp.library.selectors import forward_rates

EXPENSIVE_FORWARDS = 2000
"""From so many on, a form says what a method costs."""


@dataclass(frozen=True)
class MethodEstimate:
    """What one method costs: forward equivalents an image, scoring included, and what makes them so many.

    `factors`, those above 1: the maps that the experiments ask for; windows and the whole image, where the method is
    enhanced; the forwards of one plain map.
    """

    forwards_per_image: float
    factors: tuple[int, ...]
    seconds: float | None

    @property
    def is_expensive(self) -> bool:
        return self.forwards_per_image >= EXPENSIVE_FORWARDS


@dataclass(frozen=True)
class Estimate:
    """An expected time and what it rests on; `seconds` is None as long as no worker has measured the classifier.

    `forwards_per_image` is of all methods together, `methods` one entry for each.
    """

    images: int
    forwards_per_image: float
    seconds: float | None
    images_per_second: float | None
    device: str | None
    workers: int
    methods: tuple[MethodEstimate, ...] = ()


def estimate_benchmark(
    *,
    classifier: Classifier,
    methods: Sequence[Mapping[str, Any]],
    experiments: Sequence[Mapping[str, str]],
    images: int,
    precision: str = USUAL_PRECISION,
    device_label: str = "",
) -> Estimate:
    """The expected time of a benchmark that has the living workers, or those with a label, to itself. Where nothing was
    measured in its `precision` yet, the rate of full precision stands in.

    `methods` and `experiments` as in a specification, parameters that are left out being the defaults. Forwards
    are forward equivalents: a backward pass counts as two. Raises ParameterError.
    """
    rules = [find_protocol(each["key"], each["protocol"]) for each in experiments]
    devices = [
        worker.device
        for worker in live_workers(WorkerNode.Kind.BENCHMARK)
        if device_label in ("", worker.label)
    ]
    rates = forward_rates(classifier, devices, precision) or forward_rates(classifier, devices)
    by_device = {rate.device: rate.images_per_second for rate in rates}
    rate = sum(by_device.get(device, 0.0) for device in devices) if rates else None
    found = tuple(
        _estimate_of({"parameters": {}, **method}, rules, classifier, images, rate) for method in methods
    )
    forwards = sum(each.forwards_per_image for each in found)
    return Estimate(
        images=images,
        forwards_per_image=forwards,
        seconds=expected_seconds(images, forwards, rate) if rate else None,
        images_per_second=rate,
        device=rates[0].device if rates else None,
        workers=len(devices),
        methods=found,
    )


def _estimate_of(
    method: Mapping[str, Any],
    rules: Sequence[Protocol],
    classifier: Classifier,
    images: int,
    rate: float | None,
) -> MethodEstimate:
    forwards = _forwards(method, rules, classifier)
    plain = {**method, "enhancement": None}
    one_map = (
        description_of(plain).work(parameters_of(plain), _channels(plain, classifier)).forward_equivalents
    )
    enhancement = enhancement_of(method)
    windows = 1 if enhancement is None else SLIDING_WINDOW.windows(enhancement, rules[0].size) + 1
    counted = (maps_per_image(rules, _weighted_layers(classifier)), windows, round(one_map))
    seconds = expected_seconds(images, forwards, rate) if rate else None
    return MethodEstimate(forwards, tuple(factor for factor in counted if factor > 1), seconds)


def forwards_per_image(
    specification: dict[str, Any], method_index: int = 0, classifier: Classifier | None = None
) -> float:
    """Forward equivalents that one image costs under one of the specification's methods.

    The classifier knows how many channels the method's layer has, on which the cost of some methods depends;
    it is looked up where it is not given, and a usual number is taken where it is no longer there.
    """
    protocols = [find_protocol(each["key"], each["protocol"]) for each in specification["experiments"]]
    classifier = classifier or Classifier.objects.filter(pk=specification["classifier"]["id"]).first()
    return _forwards(specification["methods"][method_index], protocols, classifier)


def map_forwards(method: Mapping[str, Any], classifier: Classifier | None, size: int) -> float:
    """Forward equivalents of one map of `size` pixels, enhancement included, scoring excluded."""
    work = description_of(method, size).work(parameters_of(method), _channels(method, classifier))
    return float(work.forward_equivalents)


def seconds_per_image(
    specification: dict[str, Any], classifier: Classifier, device: str, method_index: int = 0
) -> float:
    """Expected seconds of one image under one of the methods on one device. The rate must have been measured."""
    forwards = forwards_per_image(specification, method_index, classifier)
    rate = classifier.rates.get(device=device, precision=specification["precision"])
    return expected_seconds(1, forwards, rate.images_per_second)


def _forwards(
    method: Mapping[str, Any], protocols: Sequence[Protocol], classifier: Classifier | None
) -> float:
    description = description_of(method, protocols[0].size)
    channels = _channels(method, classifier)
    layers = _weighted_layers(classifier)
    return benchmark_forwards(description, parameters_of(method), protocols, channels, layers)


def _weighted_layers(classifier: Classifier | None) -> int:
    facts = {} if classifier is None else classifier.description.get("facts", {})
    return facts.get("weighted_layers", USUAL_LAYERS)


def _channels(method: Mapping[str, Any], classifier: Classifier | None) -> int | None:
    """Of the layer that the method looks at; None where that is not known."""
    if classifier is None:
        return None
    description = description_of(method)
    return layer_channels(description, parameters_of(method), classifier.layers, classifier.default_layer)
