"""The frozen specification of a benchmark: everything that its figures depend on."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from saliency_core.experiments.base import protocol as find_protocol
from saliency_core.methods.registry import method_description
from webapp.library.models import Classifier, Dataset

PRECISION = "fp32"


def build_specification(
    *,
    classifier: Classifier,
    dataset: Dataset,
    number_of_images: int,
    subset_seed: int,
    method: str,
    parameters: dict[str, Any],
    experiment: str,
    protocol: str,
) -> dict[str, Any]:
    """Everything that determines the figures, with all defaults written out.

    Raises ParameterError (saliency_core) for a parameter that does not exist or is out of its bounds.
    """
    description = method_description(method)
    resolved = description.validate(parameters)
    for parameter in description.parameters:
        if parameter.kind == "layer" and resolved[parameter.name] is None:
            resolved[parameter.name] = classifier.default_layer
    rules = find_protocol(experiment, protocol)
    preprocessing = classifier.preprocessing | {"pipeline": rules.pipeline, "size": rules.size}
    return {
        "classifier": {
            "id": classifier.pk,
            "name": classifier.name,
            "library": classifier.library,
            "architecture": classifier.architecture,
            "weights_sha256": classifier.weights_sha256,
            "preprocessing": preprocessing,
        },
        "dataset": {
            "id": dataset.pk,
            "name": dataset.name,
            "format": dataset.format,
            "path": dataset.path,
            "fingerprint": dataset.fingerprint,
            "number_of_images": dataset.number_of_images,
        },
        "subset": {"count": number_of_images, "seed": subset_seed},
        "methods": [{"key": method, "parameters": resolved}],
        "experiments": [{"key": experiment, "protocol": protocol}],
        "precision": PRECISION,
    }


def specification_sha256(specification: dict[str, Any]) -> str:
    """SHA-256 of the specification written as JSON with sorted keys."""
    canonical = json.dumps(specification, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
