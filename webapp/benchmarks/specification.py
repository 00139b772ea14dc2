"""The frozen specification of a benchmark: everything that its figures depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from saliency_core.experiments.base import protocol as find_protocol
from saliency_core.methods.registry import method_description
from webapp.benchmarks.methods import specified_method
from webapp.library.models import Classifier, Dataset

USUAL_PRECISION = "fp32"
PRECISIONS = (USUAL_PRECISION, "fast")
"""Arithmetic in which perturbed images are scored (saliency_core.scoring.precision); maps are always fp32."""


def build_specification(
    *,
    classifier: Classifier,
    dataset: Dataset,
    number_of_images: int,
    subset_seed: int,
    methods: Sequence[Mapping[str, Any]],
    experiments: Sequence[Mapping[str, str]],
    class_mapping: Mapping[str, Sequence[str]] | None = None,
    stratified: bool = False,
    precision: str = USUAL_PRECISION,
) -> dict[str, Any]:
    """Everything that determines the figures, with all defaults written out.

    `methods`: key, and parameters and enhancement where they are not the defaults and none; `experiments`: key and
    protocol. `class_mapping`, `stratified` and the classifier's `activation` are written only where they say
    something, so that a specification from before there were any keeps its SHA-256. Raises ParameterError
    (saliency_core) for what does not exist or is out of its bounds.
    """
    chosen = [(each["key"], each["protocol"]) for each in experiments]
    first = find_protocol(*chosen[0])
    preprocessing = classifier.preprocessing | {"pipeline": first.pipeline, "size": first.size}
    mapping = {label: list(classes) for label, classes in (class_mapping or {}).items()}
    return {
        "classifier": {
            "id": classifier.pk,
            "name": classifier.name,
            "library": classifier.library,
            "architecture": classifier.architecture,
            "weights_sha256": classifier.weights_sha256,
            # Of the first experiment; where others show the image differently, the worker follows their protocols.
            "preprocessing": preprocessing,
            **activation_part(classifier),
        },
        "dataset": {
            "id": dataset.pk,
            "name": dataset.name,
            "format": dataset.format,
            "path": dataset.path,
            "fingerprint": dataset.fingerprint,
            "number_of_images": dataset.number_of_images,
        },
        "subset": {
            "count": number_of_images,
            "seed": subset_seed,
            **({"stratified": True} if stratified else {}),
        },
        "methods": [resolved_method(method, classifier) for method in methods],
        "experiments": [
            {"key": find_protocol(key, name).experiment, "protocol": name} for key, name in chosen
        ],
        **({"class_mapping": mapping} if mapping else {}),
        "precision": precision,
    }


def preprocessing_under(specification: Mapping[str, Any], experiment_index: int) -> dict[str, Any]:
    """How the classifier is shown images under one of the experiments: the geometry is its protocol's."""
    chosen = specification["experiments"][experiment_index]
    rules = find_protocol(chosen["key"], chosen["protocol"])
    preprocessing: dict[str, Any] = specification["classifier"]["preprocessing"]
    return preprocessing | {"pipeline": rules.pipeline, "size": rules.size}


def activation_part(classifier: Classifier) -> dict[str, str]:
    """The output activation as a specification of the classifier names it: not at all where it is a softmax."""
    if classifier.output_activation == Classifier.Activation.SOFTMAX:
        return {}
    return {"activation": classifier.output_activation}


def resolved_method(method: Mapping[str, Any], classifier: Classifier) -> dict[str, Any]:
    """The method's entry, the model's usual layer written out."""
    specified = specified_method(method["key"], method.get("parameters") or {}, method.get("enhancement"))
    resolved = specified["parameters"]
    for parameter in method_description(method["key"]).parameters:
        if parameter.kind == "layer" and resolved[parameter.name] is None:
            resolved[parameter.name] = classifier.default_layer
    return specified


def specification_sha256(specification: dict[str, Any]) -> str:
    """SHA-256 of the specification written as JSON with sorted keys."""
    canonical = json.dumps(specification, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
