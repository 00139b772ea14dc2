"""Networks for benchmarks."""

from __future__ import annotations

from saliency_core.classifiers.architectures import build, find_architecture
from saliency_core.classifiers.classifier import Classifier


def random_classifier(name: str, device: str) -> Classifier:
    """A classifier with random weights: speed does not depend on them. ``name``: as torchvision has it, or
    "timm:NAME".
    """
    architecture = find_architecture(name)
    return Classifier(
        build(architecture, device=device).eval(),
        name=architecture.name,
        library=architecture.library,
        device=device,
    )
