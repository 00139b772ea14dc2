"""What an architecture offers, without its weights."""

from __future__ import annotations

from typing import Any

from saliency_core.classifiers.architectures import Architecture, build, usual_preprocessing
from saliency_core.classifiers.catalogue import BUILTIN_CLASSIFIERS
from saliency_core.classifiers.classifier import fixed_size, number_of_parameters
from saliency_core.classifiers.layers import inspect_model
from saliency_core.classifiers.loading import find_classifier


def describe_architecture(library: str, architecture: str, num_classes: int | None = None) -> dict[str, Any]:
    """JSON-able: library, architecture, family, classes, preprocessing, layers with map sizes, default_layer,
    facts, parameters, fixed_size.

    The network is built on the meta device: no weights, hardly any memory. Raises ArchitectureError.
    """
    found = find_classifier(f"{library}:{architecture}").architecture
    builtin = next((b for b in BUILTIN_CLASSIFIERS if Architecture(b.library, b.architecture) == found), None)
    preprocessing = builtin.preprocessing if builtin else usual_preprocessing(found)
    model = build(found, num_classes, device="meta")
    inspection = inspect_model(model, preprocessing.size)
    return {
        "library": found.library,
        "architecture": found.name,
        "family": inspection.family,
        "classes": inspection.classes,
        "preprocessing": preprocessing.to_dict(),
        "layers": [layer.to_dict() for layer in inspection.layers],
        "default_layer": builtin.default_layer if builtin else inspection.default_layer,
        "facts": inspection.facts.to_dict(),
        "parameters": number_of_parameters(model),
        "fixed_size": fixed_size(model, inspection.family, preprocessing.size),
    }
