"""Classifiers and data sets that this process has open, kept from one shard to the next, and methods for them."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from saliency_core.classifiers.loading import load_classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.datasets.base import Dataset
from saliency_core.datasets.mapping import ClassMapping
from saliency_core.enhancement.sliding_window import create_enhanced_method
from saliency_core.errors import WeightsError
from saliency_core.methods.registry import create_method
from webapp.benchmarks.methods import enhancement_of
from webapp.benchmarks.specification import activation_part
from webapp.library import models
from webapp.library.stored_files import stored_file_name
from workers.dataset_places import dataset_here
from workers.fetching import can_fetch, fetch_weights

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier
    from saliency_core.methods.base import Method

CLASSIFIERS_KEPT = 2
DATASETS_KEPT = 4

_classifiers: OrderedDict[tuple[Any, ...], Classifier] = OrderedDict()
_datasets: OrderedDict[tuple[str, str, str], Dataset] = OrderedDict()
_labels: OrderedDict[tuple[str, str, str], tuple[str, ...]] = OrderedDict()


def specification_of(row: models.Classifier) -> dict:
    """A classifier's row as the part of a specification that `classifier_of` reads."""
    return {
        "library": row.library,
        "architecture": row.architecture,
        "weights_sha256": row.weights_sha256,
        "preprocessing": row.preprocessing,
        **activation_part(row),
    }


def classifier_of(specification: dict[str, Any], class_names: list[str], device: str) -> Classifier:
    """The classifier of a specification (its part `classifier`) on a device, loaded or kept.

    Raises WeightsError if this machine can't have the weights with that SHA-256.
    """
    preprocessing = Preprocessing.from_dict(specification["preprocessing"])
    activation = activation_of(specification)
    key = (specification["library"], specification["architecture"], specification["weights_sha256"],
           preprocessing, activation, tuple(class_names), device)  # fmt: skip
    if key not in _classifiers:
        path = stored_weights(specification["weights_sha256"], specification["library"])
        classifier = load_classifier(
            f"{specification['library']}:{specification['architecture']}",
            weights=path,
            device=device,
            preprocessing=preprocessing,
            class_names=class_names,
            activation=activation,
        )
        _classifiers[key] = classifier
    return _recent(_classifiers, key, CLASSIFIERS_KEPT)


def method_of(specification: dict[str, Any], classifier: Classifier) -> Method:
    """A method of a specification (an entry of its part `methods`), with the enhancement around it if it has one.

    Raises SaliscopeError where it cannot explain the classifier.
    """
    key, parameters = specification["key"], specification["parameters"]
    enhancement = enhancement_of(specification)
    if enhancement is None:
        return create_method(key, classifier, **parameters)
    return create_enhanced_method(key, classifier, parameters, enhancement)


def dataset_of(specification: dict[str, Any]) -> Dataset:
    """The data set of a specification (its part `dataset`). Raises DatasetError if it is gone or has changed, and
    can't be fetched.
    """
    key = _dataset_key(specification)
    if key not in _datasets:
        _datasets[key] = dataset_here(*key)
    return _recent(_datasets, key, DATASETS_KEPT)


def class_mapping_of(specification: dict[str, Any], classifier: Classifier, dataset: Dataset) -> ClassMapping:
    """What the classes that occur in a specification's data set mean to its classifier."""
    key = _dataset_key(specification["dataset"])
    if key not in _labels:
        _labels[key] = dataset.present_labels()
    labels = _recent(_labels, key, DATASETS_KEPT)
    return ClassMapping.for_labels(
        labels, classifier.class_names, classifier.class_ids, specification.get("class_mapping")
    )


def _dataset_key(specification: dict[str, Any]) -> tuple[str, str, str]:
    return specification["format"], specification["path"], specification["fingerprint"]


def activation_of(specification: dict[str, Any]) -> str:
    """The output activation of a classifier's specification, which names it only where it is not a softmax."""
    activation: str = specification.get("activation", "softmax")
    return activation


def stored_weights(sha256: str, library: str = "") -> Path:
    """The file with these weights, or of this ONNX network, fetched if need be. Raises WeightsError without it."""
    path = settings.WEIGHTS_DIR / stored_file_name(library, sha256)
    if path.is_file():
        return path
    if not can_fetch():
        raise WeightsError(
            f"The weights {sha256[:12]}… are not in {settings.WEIGHTS_DIR} on this machine. "
            "Copy them there from the machine that fetched them, share that folder, or set SALISCOPE_WEB_URL."
        )
    fetch_weights(path)
    return path


def _recent(kept: OrderedDict[Any, Any], key: Any, most: int) -> Any:
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)
    return kept[key]
