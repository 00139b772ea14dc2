"""What must hold before a benchmark starts, so that nobody learns it after two hours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from saliency_core.errors import DatasetError, ParameterError
from saliency_core.experiments.base import Experiment, Protocol

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier
    from saliency_core.datasets.base import Dataset
    from saliency_core.datasets.mapping import ClassMapping

_KINDS = {
    "label": "a label for every image",
    "boxes": "boxes around objects",
    "masks": "a mask for every class",
    "object_mask": "masks of objects",
}


def check_benchmark(
    classifier: Classifier, dataset: Dataset, experiments: Sequence[Experiment], mapping: ClassMapping
) -> None:
    """Everything below for all experiments; also that no class of the data set is without an output where
    that matters. Raises ParameterError or DatasetError.
    """
    for experiment in experiments:
        check_protocol(classifier, experiment.protocol)
        check_ground_truth(dataset.ground_truth, experiment)
    if any(uses_class_labels(experiment.protocol) for experiment in experiments):
        mapping.require_all()


def uses_class_labels(protocol: Protocol) -> bool:
    """Whether the data set's class names decide what is explained or what is right."""
    return protocol.target_rule in ("label", "annotated") or "label" in protocol.ground_truth


def check_protocol(classifier: Classifier, protocol: Protocol) -> None:
    """Raise ParameterError if the classifier cannot be measured under the protocol."""
    if classifier.family == "vit" and classifier.preprocessing.size != protocol.size:
        raise ParameterError(
            f"{classifier.title} takes images of {classifier.preprocessing.size} pixels only; "
            f"{protocol.full_name} is defined at {protocol.size}."
        )
    if protocol.activation and classifier.activation != protocol.activation:
        raise ParameterError(
            f"{protocol.full_name} is defined on {protocol.activation} probabilities; "
            f"{classifier.title} has {classifier.activation} outputs."
        )


def check_ground_truth(available: frozenset[str], experiment: Experiment) -> None:
    """Raise DatasetError if the data set has none of the kinds of ground truth that would do."""
    wanted = experiment.protocol.ground_truth
    if wanted and not available & set(wanted):
        kinds = " or ".join(_KINDS[kind] for kind in wanted)
        raise DatasetError(
            f"{experiment.description.title} ({experiment.protocol.name}) needs {kinds}, which this data set "
            "does not have: choose another data set or another experiment."
        )
