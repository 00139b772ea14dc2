"""How long a benchmark will take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saliency_core.descriptions import MethodDescription
from saliency_core.experiments.base import Protocol, experiment_class


def benchmark_forwards(
    method: MethodDescription, parameters: Mapping[str, Any], experiment: str, protocol: Protocol
) -> float:
    """Work per image in forward passes: finding the class, the map, and scoring it."""
    explaining = method.cost(method.validate(parameters)).forward_equivalents
    return 1 + explaining + experiment_class(experiment).forwards_per_image(protocol)


def expected_seconds(images: int, forwards: float, rate: float, workers: int = 1) -> float:
    """Seconds for ``images`` at ``forwards`` passes each, when one worker manages ``rate`` passes per
    second.
    """
    if rate <= 0 or workers < 1:
        raise ValueError("The rate must be above zero, and there must be at least one worker.")
    return images * forwards / (rate * workers)
