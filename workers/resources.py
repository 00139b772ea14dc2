"""Classifiers and data sets that this process has open, kept from one shard to the next, and methods for them."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from saliency_core.classifiers.loading import load_classifier
from saliency_core.classifiers.onnx_plain import plain_name
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.datasets.base import Dataset
from saliency_core.datasets.mapping import ClassMapping
from saliency_core.enhancement.sliding_window import create_enhanced_method
from saliency_core.errors import WeightsError
from saliency_core.methods.registry import create_method
from webapp.benchmarks.methods import enhancement_of
from webapp.benchmarks.specification import activation_part
from webapp.benchmarks.subsets import chosen_images
from webapp.library import models
from webapp.library.stored_files import stored_file_name
from workers.dataset_places import dataset_here
from workers.fetched_files import ENTRY_FILE, mark_of, note_use, place_of
from workers.fetching import can_fetch, fetch_weights
from workers.model_file_sandbox import plain_form_of

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier
    from saliency_core.methods.base import Method

CLASSIFIERS_KEPT = 2
DATASETS_KEPT = 4

_classifiers: OrderedDict[tuple[Any, ...], Classifier] = OrderedDict()
_datasets: OrderedDict[tuple[str, str, str], Dataset] = OrderedDict()
_subsets: OrderedDict[tuple[Any, ...], list[int]] = OrderedDict()
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
    note_use(
        mark_of(
            settings.WEIGHTS_DIR / stored_file_name(specification["library"], specification["weights_sha256"])
        )
    )
    if key not in _classifiers:
        sha256 = specification["weights_sha256"]
        path = stored_weights(sha256, specification["library"])
        if specification["library"] == models.Classifier.Library.ONNX:
            path = plain_form_of(path, preprocessing.size)
        classifier = load_classifier(
            f"{specification['library']}:{specification['architecture']}",
            weights=path,
            device=device,
            preprocessing=preprocessing,
            class_names=class_names,
            activation=activation,
        )
        if path.name == plain_name(sha256) and classifier.weights_sha256 != sha256:
            raise WeightsError(f"{path.name} is damaged: it is the plain form of another network. Delete it.")
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
    number, format, _path, fingerprint = key
    # Before it is looked for: from now on no other worker removes it.
    note_use(place_of(number, format, fingerprint) / ENTRY_FILE)
    if key not in _datasets or _is_gone(_datasets[key]):
        _datasets[key] = dataset_here(*key)
    return _recent(_datasets, key, DATASETS_KEPT)


def forget_dataset(specification: dict[str, Any]) -> None:
    """The next time it is looked for anew."""
    _datasets.pop(_dataset_key(specification), None)


def _is_gone(dataset: Dataset) -> bool:
    """Whether it was removed since it was opened, as fetched data sets are when there must be room for others."""
    place = getattr(dataset, "folder", None) or getattr(dataset, "path", None)
    return place is not None and not Path(place).exists()


def images_of(specification: dict[str, Any], dataset: Dataset) -> list[int]:
    """The indices of a specification's images in its data set. To draw them may mean to look at all labels."""
    subset = specification["subset"]
    key = (
        specification["dataset"]["fingerprint"],
        subset["count"],
        subset["seed"],
        bool(subset.get("stratified")),
    )
    if key not in _subsets:
        _subsets[key] = chosen_images(specification, dataset)
    return _recent(_subsets, key, DATASETS_KEPT)


def class_mapping_of(specification: dict[str, Any], classifier: Classifier, dataset: Dataset) -> ClassMapping:
    """What the classes that occur in a specification's data set mean to its classifier."""
    key = _dataset_key(specification["dataset"])
    if key not in _labels:
        _labels[key] = dataset.present_labels()
    labels = _recent(_labels, key, DATASETS_KEPT)
    return ClassMapping.for_labels(
        labels, classifier.class_names, classifier.class_ids, specification.get("class_mapping")
    )


def _dataset_key(specification: dict[str, Any]) -> tuple[int, str, str, str]:
    return specification["id"], specification["format"], specification["path"], specification["fingerprint"]


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
