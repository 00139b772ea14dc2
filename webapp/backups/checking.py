"""What a backup says, checked before any of it is believed: it may come from anywhere.

Whatever is not as `webapp.backups.records` writes it raises ValueError (or KeyError, TypeError, ParameterError,
ValidationError) with what is wrong; `webapp.backups.restoring` says so to the member.
"""

from __future__ import annotations

import io
import json
import math
import re
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.datasets.base import FORMATS
from saliency_core.experiments.base import Experiment, create_experiment
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.summary import summarise_result
from webapp.backups.records import CLASSIFIER_FIELDS, DATASET_FIELDS
from webapp.benchmarks.image_table import units_of
from webapp.benchmarks.methods import specified_method
from webapp.benchmarks.specification import PRECISIONS
from webapp.library.models import Classifier
from webapp.library.services import ARCHITECTURE_NAME
from webapp.library.stored_files import is_sha256

SIZES = range(32, 1025)
"""Input sizes that the form of an import takes."""
MOST_CLASS_NAMES = 100_000
MOST_EARLIER = 1000
MOST_METHODS = 1000
LARGEST_NUMBER = 2**31 - 1
_KIND = re.compile(r"[a-z_]{1,40}")
_IDENTITY = ("library", "architecture", "weights_sha256")


def read_json(text: bytes) -> Any:
    """JSON that both databases can keep: no NaN, no NUL, no half of a character. Raises ValueError."""
    content = json.loads(text, parse_constant=_no_number)
    _check_texts(content)
    return content


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _check_texts(content: Any) -> None:
    waiting = [content]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Mapping):
            waiting += [*each.keys(), *each.values()]
        elif isinstance(each, list):
            waiting += each
        elif isinstance(each, str):
            if "\0" in each:
                raise ValueError("a text has a NUL in it")
            each.encode()  # Raises UnicodeEncodeError, which is a ValueError.
        elif isinstance(each, float) and not math.isfinite(each):
            raise ValueError("a number is too large")


def checked_classifier(record: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a model that an import would take too."""
    fields = {name: record[name] for name in CLASSIFIER_FIELDS if name in record}
    fields = {"key": None, "class_names": [], "earlier_preprocessings": [], "family": ""} | fields
    _text(fields["name"], "a model's name", most=100)
    _one_of(fields["library"], Classifier.Library.values, "a model's library")
    _one_of(fields["output_activation"], Classifier.Activation.values, "a model's outputs")
    _text(fields["architecture"], "a model's architecture", least=0)
    _text(fields["family"], "a model's family", least=0, most=8)
    if fields["library"] == Classifier.Library.ONNX:
        fields["architecture"] = ""
    elif not ARCHITECTURE_NAME.fullmatch(fields["architecture"]):
        raise ValueError("a model's architecture has no name that a library could give it")
    if fields["key"] is not None:
        _text(fields["key"], "a model's key", most=64)
    _digest(fields["weights_sha256"], "the SHA-256 of a model's weights")
    earlier = _list(fields["earlier_preprocessings"], "earlier preprocessings", most=MOST_EARLIER)
    for each in (fields["preprocessing"], *earlier):
        _check_preprocessing(each)
    for name in _list(fields["class_names"], "class names", most=MOST_CLASS_NAMES):
        _text(name, "a class name", least=0, most=1000)
    return fields


def checked_dataset(record: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: record[name] for name in DATASET_FIELDS}
    _text(fields["name"], "a data set's name", most=100)
    _one_of(fields["format"], [each.key for each in FORMATS], "a data set's layout")
    _digest(fields["fingerprint"], "a data set's fingerprint")
    _whole(fields["number_of_images"], "a data set's number of images")
    for name in _list(fields["ground_truth"], "a data set's ground truth", most=20):
        _text(name, "a kind of ground truth", most=40)
    return fields


def checked_specification(
    specification: Mapping[str, Any], classifier: Mapping[str, Any], dataset: Mapping[str, Any]
) -> dict[str, Any]:
    """A copy, if pages and workers understand it and it is of this model and this data set (both checked)."""
    found = dict(specification)
    for each in _list(found["experiments"], "the experiments", least=1, most=MOST_METHODS):
        create_experiment(each["key"], each["protocol"])
    for method in _list(found["methods"], "the methods", least=1, most=MOST_METHODS):
        specified_method(method["key"], method["parameters"], method.get("enhancement"))
        if not isinstance(method["parameters"], dict):
            raise TypeError("a method's parameters are no object")
    found["classifier"] = _specified_classifier(found["classifier"], classifier)
    found["dataset"] = _specified_dataset(found["dataset"], dataset)
    subset = _object(found["subset"], "the subset")
    _whole(subset["count"], "the number of images", least=1)
    if subset["count"] > found["dataset"]["number_of_images"]:
        raise ValueError("the specification takes more images than its data set has")
    _whole(subset["seed"], "the seed")
    if not isinstance(subset.get("stratified", False), bool):
        raise TypeError("the subset is stratified or not")
    for label, classes in _object(found.get("class_mapping", {}), "the class mapping").items():
        _text(label, "a label", least=0, most=1000)
        for name in _list(classes, "the classes of a label", most=MOST_CLASS_NAMES):
            _text(name, "a class name", least=0, most=1000)
    _one_of(found["precision"], PRECISIONS, "the precision")
    return found


def _specified_classifier(part: Mapping[str, Any], classifier: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(part)
    _text(found["name"], "a model's name", most=100)
    for name in _IDENTITY:
        # Before a worker had the weights a specification did not name them.
        if found[name] != classifier[name] and not (name == "weights_sha256" and not found[name]):
            raise ValueError(f"{name} of the specification is not that of its model")
    _one_of(found.get("activation", "softmax"), Classifier.Activation.values, "a model's outputs")
    _check_preprocessing(found["preprocessing"])
    return found


def _specified_dataset(part: Mapping[str, Any], dataset: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(part)
    _text(found["name"], "a data set's name", most=100)
    _one_of(found["format"], [each.key for each in FORMATS], "a data set's layout")
    if not is_sha256(found["fingerprint"]):
        # Without one, rows of which it is not known what they hold would be of this specification.
        raise ValueError("a specification does not say of which images it is")
    _whole(found["number_of_images"], "a data set's number of images")
    return found


def checked_event(event: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """(kind, payload) of a line of the log."""
    kind, payload = event["kind"], dict(event["payload"])
    if not isinstance(kind, str) or not _KIND.fullmatch(kind):
        raise ValueError("a line of the log is of no kind")
    for name in ("start", "stop"):
        _whole(payload.get(name, 0), "an image of the log")
    for name in ("reason", "problem", "priority", "worker", "device"):
        _text(payload.get(name, ""), f"a {name} of the log", least=0, most=100_000)
    return kind, payload


def checked_environment(environment: Any) -> dict[str, Any]:
    """Device and versions of a shard."""
    if not isinstance(environment, dict):
        raise TypeError("a shard's environment is no object")
    found = dict(environment)
    for name, value in found.items():
        texts = value.values() if name == "versions" and isinstance(value, dict) else [value]
        if any(isinstance(each, dict | list) for each in texts):
            raise TypeError(f"{name} of a shard's environment is no text")
    if not isinstance(found.get("versions", {}), dict):
        raise TypeError("the versions of a shard are no object")
    return found


def checked_columns(scalars: bytes, curves: bytes) -> Columns:
    """A shard's measured values. Nothing larger than what is in the file is made of it."""
    for packed in (scalars, curves):
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
                raise ValueError("measured values are packed in a way no backup is")
    columns = Columns.unpack(scalars, curves)
    if columns.indices.ndim != 1 or columns.indices.dtype.kind not in "iu":
        raise ValueError("measured values are of no images")
    targets = columns.scalars.get("target", np.empty(0, np.int64))
    if len(targets) != len(columns) or targets.dtype.kind not in "iu":
        raise ValueError("measured values do not say of which classes they are")
    if any(array.ndim != 1 or array.dtype.kind not in "biufU" for array in columns.scalars.values()):
        raise ValueError("measured values are no columns")
    if any(array.ndim != 2 or array.dtype.kind != "f" for array in columns.curves.values()):
        raise ValueError("measured curves are no curves")
    _check_texts([columns.images, columns.failures, columns.notes])
    for name in columns.images:
        _text(name, "an image's name", least=0, most=2000)
    for failure in columns.failures:
        _whole(failure["index"], "a failure's image")
        _text(failure["image"], "a failure's image", least=0, most=2000)
        _text(failure["reason"], "a failure's reason", least=0, most=100_000)
    if not isinstance(columns.notes, dict):
        raise TypeError("the notes of measured values are no object")
    return columns


def check_figures(parts: Iterable[Columns], experiment: Experiment) -> None:
    """Raises ValueError where the values of one method under one experiment give no figures."""
    columns = Columns.merge(list(parts))
    try:
        with np.errstate(all="ignore"):
            summary = summarise_result(columns, experiment, resamples=0)
            figures = experiment.figures()
            units_of({0: columns}, ["checked"], figures, figures[0])
        json.dumps(summary, allow_nan=False)
    except (IndexError, LookupError, ArithmeticError, AttributeError) as problem:
        raise ValueError(f"the values give no figures ({type(problem).__name__}: {problem})") from problem


def _check_preprocessing(values: Any) -> None:
    preprocessing = Preprocessing.from_dict(values)
    if type(preprocessing.size) is not int or preprocessing.size not in SIZES:
        raise ValueError("an input size is none that an import takes")
    numbers = (*preprocessing.mean, *preprocessing.std)
    if any(type(each) not in (int, float) or not math.isfinite(each) for each in numbers):
        raise ValueError("a mean or standard deviation is no number")


def _text(value: Any, what: str, *, least: int = 1, most: int = 200) -> None:
    if not isinstance(value, str) or not least <= len(value) <= most:
        raise ValueError(f"{what} is no text of {least} to {most} characters")


def _whole(value: Any, what: str, *, least: int = 0) -> None:
    if type(value) is not int or not least <= value <= LARGEST_NUMBER:
        raise ValueError(f"{what} is no whole number from {least} to {LARGEST_NUMBER}")


def _one_of(value: Any, known: Iterable[str], what: str) -> None:
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{what} is none that there is: {value!r:.80}")


def _object(value: Any, what: str) -> dict[str, Any]:
    """As it is, for what is kept as it came: a list of pairs would pass for one where it is only looked at."""
    if not isinstance(value, dict):
        raise TypeError(f"{what} is no object")
    return value


def _list(value: Any, what: str, *, most: int, least: int = 0) -> list[Any]:
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise ValueError(f"{what} are no list of {least} to {most}")
    return value


def _digest(value: Any, what: str) -> None:
    if value not in ("", None) and not is_sha256(value):
        raise ValueError(f"{what} is no SHA-256")
