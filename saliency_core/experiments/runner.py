"""The loop of a benchmark: used by the command line for a whole data set and by a worker for one shard."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from saliency_core.classifiers.labels import class_index_of
from saliency_core.errors import ImageError, ParameterError
from saliency_core.experiments.base import Experiment, Protocol
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.prefetch import read_ahead
from saliency_core.lazy import torch
from saliency_core.scoring.listening import listening

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier
    from saliency_core.datasets.base import Dataset, Sample
    from saliency_core.methods.base import Method
    from saliency_core.scoring.scorer import Scorer

# A chunk's perturbed copies should fill whole batches of the scorer; on a CPU one image already does.
IMAGES_PER_CHUNK = {"cpu": 1, "cuda": 8}


@dataclass(frozen=True)
class _Loaded:
    index: int
    sample: Sample
    tensor: torch.Tensor | None
    reason: str = ""


def run_benchmark(
    classifier: Classifier,
    dataset: Dataset,
    indices: Sequence[int],
    method: Method,
    experiment: Experiment,
    scorer: Scorer,
    *,
    on_image: Callable[[int], None] | None = None,
    images_per_chunk: int | None = None,
) -> Columns:
    """Explain and measure the images ``indices`` of a data set; figures do not depend on how indices are
    split.

    The class explained is the predicted one. An image that cannot be read is recorded among the failures
    and leaves the others' figures as they are. ``on_image(done)`` is called after each chunk with the
    number of images finished (failed ones included) and may raise Interrupted, as may the scorer's
    ``on_batch``.
    """
    check_protocol(classifier, experiment.protocol)
    size = images_per_chunk or IMAGES_PER_CHUNK.get(classifier.device.type, 1)
    protocol = experiment.protocol
    preprocessing = classifier.preprocessing.with_pipeline(protocol.pipeline, protocol.size)

    def load(index: int) -> _Loaded:
        sample = dataset.sample(index)
        try:
            return _Loaded(index, sample, preprocessing.prepare(dataset.image(index)))
        except ImageError as error:
            return _Loaded(index, sample, None, str(error))

    parts, done = [Columns()], 0
    for chunk in _chunks(read_ahead(load, indices, ahead=2 * size), size):
        parts.append(_measure_chunk(classifier, chunk, size, method, experiment, scorer))
        done += len(chunk)
        if on_image is not None:
            on_image(done)
    return Columns.merge(parts)


def check_protocol(classifier: Classifier, protocol: Protocol) -> None:
    """Raise ParameterError if the classifier cannot be measured under the protocol."""
    if classifier.family == "vit" and classifier.preprocessing.size != protocol.size:
        raise ParameterError(
            f"{classifier.title} takes images of {classifier.preprocessing.size} pixels only; "
            f"{protocol.full_name} is defined at {protocol.size}."
        )
    if classifier.activation != protocol.activation:
        raise ParameterError(
            f"{protocol.full_name} is defined on {protocol.activation} probabilities; "
            f"{classifier.title} has {classifier.activation} outputs."
        )


def _chunks(loaded: Iterator[_Loaded], size: int) -> Iterator[list[_Loaded]]:
    chunk: list[_Loaded] = []
    for item in loaded:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _measure_chunk(
    classifier: Classifier,
    chunk: list[_Loaded],
    size: int,
    method: Method,
    experiment: Experiment,
    scorer: Scorer,
) -> Columns:
    started = time.perf_counter()
    failures = [
        {"index": item.index, "image": item.sample.identifier, "reason": item.reason}
        for item in chunk
        if item.tensor is None
    ]
    readable = [item for item in chunk if item.tensor is not None]
    if not readable:
        return Columns(failures=failures)
    count = len(readable)
    tensors = [item.tensor for item in readable if item.tensor is not None]
    # Padded to the full chunk: explaining always runs in one shape, so an image's map is the same in every
    # shard.
    images = torch.stack(tensors + tensors[:1] * (size - count)).to(classifier.device)
    targets, _ = classifier.predict(images)
    with listening(scorer.on_batch):
        explanation = method.explain(images, targets)
    measured = experiment.measure(
        classifier, images[:count], targets[:count], explanation.maps[:count], scorer
    )
    classes = targets[:count].tolist()
    scalars: dict[str, Any] = {
        "target": np.array(classes, dtype=np.int64),
        "target_name": np.array([classifier.class_names[number] for number in classes], dtype=np.str_),
        "label": np.array([_label(item.sample, classifier) for item in readable], dtype=np.int64),
        **measured.scalars,
        "degenerate": explanation.degenerate[:count].cpu().numpy(),
    }
    scalars["seconds"] = np.full(count, (time.perf_counter() - started) / count)
    return Columns(
        indices=np.array([item.index for item in readable], dtype=np.int64),
        images=[item.sample.identifier for item in readable],
        scalars=scalars,
        curves=dict(measured.curves),
        failures=failures,
    )


def _label(sample: Sample, classifier: Classifier) -> int:
    index = None if sample.label is None else class_index_of(sample.label, classifier)
    return -1 if index is None else index
