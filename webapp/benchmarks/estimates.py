"""How long a benchmark will take, from the measured forward rate of its classifier on the devices at work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from saliency_core.estimate import benchmark_forwards, expected_seconds, layer_channels
from saliency_core.experiments.base import protocol as find_protocol
from saliency_core.methods.registry import method_description
from webapp.benchmarks.models import WorkerNode
from webapp.benchmarks.selectors import live_workers
from webapp.benchmarks.specification import PRECISION
from webapp.library.models import Classifier
from webapp.library.selectors import forward_rates


@dataclass(frozen=True)
class Estimate:
    """An expected time and what it rests on; `seconds` is None as long as no worker has measured the classifier."""

    images: int
    forwards_per_image: float
    seconds: float | None
    images_per_second: float | None
    device: str | None
    workers: int


def estimate(
    *,
    classifier: Classifier,
    method: str,
    parameters: dict[str, Any],
    experiment: str,
    protocol: str,
    images: int,
) -> Estimate:
    """The expected time of a benchmark that has the living workers to itself.

    forwards_per_image counts forward equivalents: a backward pass as two forwards.
    """
    description = method_description(method)
    channels = layer_channels(description, parameters, classifier.layers, classifier.default_layer)
    forwards = benchmark_forwards(
        description, parameters, experiment, find_protocol(experiment, protocol), channels
    )
    devices = [worker.device for worker in live_workers(WorkerNode.Kind.BENCHMARK)]
    rates = forward_rates(classifier, devices, PRECISION)
    if not rates:
        return Estimate(images, forwards, None, None, None, len(devices))
    by_device = {rate.device: rate.images_per_second for rate in rates}
    total_rate = sum(by_device.get(device, 0.0) for device in devices)
    seconds = expected_seconds(images, forwards, total_rate)
    return Estimate(images, forwards, seconds, total_rate, rates[0].device, len(devices))


def forwards_per_image(
    specification: dict[str, Any], method_index: int = 0, classifier: Classifier | None = None
) -> float:
    """Forward equivalents that one image costs under one of the specification's methods.

    The classifier knows how many channels the method's layer has, on which the cost of some methods depends;
    it is looked up where it is not given, and a usual number is taken where it is no longer there.
    """
    method, experiment = specification["methods"][method_index], specification["experiments"][0]
    rules = find_protocol(experiment["key"], experiment["protocol"])
    description = method_description(method["key"])
    channels = None
    if any(parameter.kind == "layer" for parameter in description.parameters):
        classifier = classifier or Classifier.objects.filter(pk=specification["classifier"]["id"]).first()
        if classifier is not None:
            channels = layer_channels(
                description, method["parameters"], classifier.layers, classifier.default_layer
            )
    return benchmark_forwards(description, method["parameters"], experiment["key"], rules, channels)


def seconds_per_image(specification: dict[str, Any], classifier: Classifier, device: str) -> float:
    """Expected seconds of one image under the first method on one device. The rate must have been measured."""
    forwards = forwards_per_image(specification, classifier=classifier)
    rate = classifier.rates.get(device=device, precision=specification["precision"])
    return expected_seconds(1, forwards, rate.images_per_second)
