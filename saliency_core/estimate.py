"""How long a benchmark will take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from saliency_core.descriptions import MethodDescription
from saliency_core.experiments.base import Protocol, experiment_class

USUAL_LAYERS = 20  # with weights, of a network whose layers are not known yet


def benchmark_forwards(
    method: MethodDescription,
    parameters: Mapping[str, Any],
    protocols: Sequence[Protocol],
    channels: int | None = None,
    layers: int = USUAL_LAYERS,
) -> float:
    """Work per image in forward passes: finding the class, the maps, and scoring them under each protocol.

    One map serves all experiments that explain the same class of the same picture; where every annotated class
    is explained, one per image is counted. ``channels``: of the layer that the parameters choose (see
    layer_channels). ``layers``: those of the classifier with weights.
    """
    explaining = method.work(parameters, channels).forward_equivalents
    pictures = {(protocol.pipeline, protocol.size) for protocol in protocols}
    scoring = sum(
        experiment_class(protocol.experiment).forwards_per_image(protocol) for protocol in protocols
    )
    return len(pictures) + maps_per_image(protocols, layers) * explaining + scoring


def maps_per_image(protocols: Sequence[Protocol], layers: int = USUAL_LAYERS) -> int:
    """Maps of an image that the protocols ask for, counted as benchmark_forwards does."""
    shared = {(protocol.pipeline, protocol.size, protocol.target_rule) for protocol in protocols}
    further = sum(
        experiment_class(protocol.experiment).further_maps(protocol, layers) for protocol in protocols
    )
    return len(shared) + further


def layer_channels(
    method: MethodDescription,
    parameters: Mapping[str, Any],
    layers: Sequence[Mapping[str, Any]],
    default_layer: str | None,
) -> int | None:
    """Channels of the layer that ``parameters`` choose among a described classifier's ``layers``; None where
    the method has no layer or the layer is not listed.
    """
    for parameter in method.parameters:
        if parameter.kind == "layer":
            name = parameters.get(parameter.name) or default_layer
            return next((layer["channels"] for layer in layers if layer["name"] == name), None)
    return None


def expected_seconds(images: int, forwards: float, rate: float, workers: int = 1) -> float:
    """Seconds for ``images`` at ``forwards`` passes each, when one worker manages ``rate`` passes per
    second.
    """
    if rate <= 0 or workers < 1:
        raise ValueError("The rate must be above zero, and there must be at least one worker.")
    return images * forwards / (rate * workers)
