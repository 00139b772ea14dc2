"""The loop of a benchmark: used by the command line for a whole data set and by a worker for one shard."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.classifiers.state import evaluation_mode
from saliency_core.datasets.packed import PackedImages, packed_images
from saliency_core.errors import ImageError
from saliency_core.experiments.base import Experiment, Explained
from saliency_core.experiments.checks import check_protocol
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.ground_truth import Truth
from saliency_core.experiments.prefetch import read_ahead
from saliency_core.experiments.resources import measured_resources
from saliency_core.experiments.uploads import Upload, Uploader, arrived, uploader
from saliency_core.lazy import torch
from saliency_core.scoring.batch_size import map_batch_size_of, remember_map_batch_size
from saliency_core.scoring.listening import listening
from saliency_core.scoring.memory import FreedMemory
from saliency_core.scoring.precision import numeric_precision

if TYPE_CHECKING:
    from PIL.Image import Image

    from saliency_core.classifiers.classifier import Classifier
    from saliency_core.datasets.base import Annotations, Dataset, Sample
    from saliency_core.datasets.mapping import ClassMapping
    from saliency_core.methods.base import Method
    from saliency_core.scoring.scorer import Scorer

# A chunk's perturbed copies should fill whole batches of the scorer; on a CPU one image already does. On a GPU 32 × 224
# fill fourteen of 512, after which the device waits for the program once.
IMAGES_PER_CHUNK = {"cpu": 1, "cuda": 32}
READING_THREADS = {"cpu": 2, "cuda": 8}
PARTS_AT_ONCE = 256


@dataclass(frozen=True)
class _Loaded:
    """An image as read; ``tensors`` has one entry per frame, or none and the ``reason``."""

    index: int
    sample: Sample
    tensors: tuple[torch.Tensor | Upload, ...] = ()
    reason: str = ""
    annotations: Annotations | None = None
    annotations_reason: str = ""


@dataclass(frozen=True)
class _Unit:
    """Image number ``place`` of a chunk explained for ``target``, which the data set calls ``label``."""

    place: int
    target: int
    label: str | None = None


@dataclass(frozen=True)
class _Map:
    values: torch.Tensor
    degenerate: torch.Tensor
    extras: dict[str, float]
    seconds: float
    megabytes: float


@dataclass
class _Chunk:
    """The readable images of a chunk in one frame, and what the classifier makes of them."""

    items: list[_Loaded]
    images: torch.Tensor  # padded to the full chunk
    predicted: list[int]
    probabilities: torch.Tensor
    labels: list[int]
    truths: list[Truth | None]
    maps: dict[tuple[int, int], _Map] = field(default_factory=dict)


def run_benchmark(
    classifier: Classifier,
    dataset: Dataset,
    indices: Sequence[int],
    method: Method,
    experiments: Sequence[Experiment],
    scorer: Scorer,
    *,
    mapping: ClassMapping | None = None,
    on_image: Callable[[int], None] | None = None,
    on_unread: Callable[[int], object] | None = None,
    images_per_chunk: int | None = None,
    memory: bool = False,
    pixel_folder: Path | None = None,
) -> list[Columns]:
    """Explain the images ``indices`` of a data set and measure the maps: one Columns per experiment.

    An image is read once, and a map is made once for every class and preprocessing that the experiments ask
    for, however many of them use it. Figures do not depend on how indices are split. ``mapping`` leads from
    the data set's labels to the classifier's classes (by default the same names); where a label stands for
    several classes, the one most probable on the image is meant.

    An image that cannot be read, or lacks what an experiment needs, is recorded among that experiment's
    failures and leaves the others' figures as they are. ``on_image(done)`` is called after each chunk with
    the number of images finished (failed ones included) and may raise Interrupted, as may the scorer's
    ``on_batch``. ``on_unread(index)`` is called for each image that can't be read, or whose annotations can't.
    ``memory``: measure the memory that making maps takes on a CPU too, which slows it down (see
    measured_resources). ``pixel_folder``: where decoded images are kept for the next time (see datasets.packed).
    Raises ParameterError if the classifier cannot be measured under a protocol.
    """
    for experiment in experiments:
        check_protocol(classifier, experiment.protocol)
    size = images_per_chunk or IMAGES_PER_CHUNK.get(classifier.device.type, 1)
    frames = _frames(classifier, experiments)
    annotated = any(_needs_annotations(experiment) for experiment in experiments)
    mapping = mapping or _same_names(classifier, dataset)

    kept = {frame: packed_images(pixel_folder, dataset, frame) for frame in frames}
    upload = uploader(classifier.device)

    def load(index: int) -> _Loaded:
        return _load(dataset, index, kept, annotated, upload)

    parts: list[list[Columns]] = [[Columns()] for _ in experiments]
    done = 0
    freed = FreedMemory()
    threads = READING_THREADS.get(classifier.device.type, 2)
    for loaded in _chunks(read_ahead(load, indices, ahead=2 * size, threads=threads), size):
        if on_unread is not None:
            for item in loaded:
                if item.reason or item.annotations_reason:
                    on_unread(item.index)
        for frame, (preprocessing, members) in enumerate(frames.items()):
            chunk = _prepared(classifier, loaded, frame, preprocessing, mapping, size)
            for number in members:
                columns = _measured(
                    classifier, chunk, loaded, method, experiments[number], scorer, mapping, memory
                )
                parts[number].append(columns)
                if len(parts[number]) % PARTS_AT_ONCE == 0:
                    # An image's figures as arrays of their own take many times the memory of the figures.
                    parts[number][-PARTS_AT_ONCE + 1 :] = [Columns.merge(parts[number][-PARTS_AT_ONCE + 1 :])]
        done += len(loaded)
        freed.give_back()
        if on_image is not None:
            on_image(done)
    return [Columns.merge(columns) for columns in parts]


def _frames(classifier: Classifier, experiments: Sequence[Experiment]) -> dict[Preprocessing, list[int]]:
    """The different ways in which the experiments show images to the classifier, and who uses each."""
    frames: dict[Preprocessing, list[int]] = {}
    for number, experiment in enumerate(experiments):
        protocol = experiment.protocol
        preprocessing = classifier.preprocessing.with_pipeline(protocol.pipeline, protocol.size)
        frames.setdefault(preprocessing, []).append(number)
    return frames


def _needs_annotations(experiment: Experiment) -> bool:
    protocol = experiment.protocol
    return protocol.target_rule == "annotated" or bool(set(protocol.ground_truth) - {"label"})


def _same_names(classifier: Classifier, dataset: Dataset) -> ClassMapping:
    from saliency_core.datasets.mapping import ClassMapping

    return ClassMapping.for_labels(dataset.class_labels, classifier.class_names, classifier.class_ids)


def _load(
    dataset: Dataset,
    index: int,
    frames: Mapping[Preprocessing, PackedImages | None],
    annotated: bool,
    upload: Uploader | None,
) -> _Loaded:
    sample = dataset.sample(index)
    decoded: list[Image] = []  # once, however many frames are cut from it

    def framed(frame: Preprocessing) -> npt.NDArray[np.uint8]:
        if not decoded:
            decoded.append(dataset.image(index))
        return np.asarray(frame.framed(decoded[0]))

    def pixels(frame: Preprocessing, kept: PackedImages | None) -> npt.NDArray[np.uint8]:
        return framed(frame) if kept is None else kept.pixels(index, lambda: framed(frame))

    def tensor(frame: Preprocessing, kept: PackedImages | None) -> torch.Tensor | Upload:
        normalised = frame.normalised(pixels(frame, kept))
        return normalised if upload is None else upload(normalised)

    try:
        tensors = tuple(tensor(frame, kept) for frame, kept in frames.items())
    except ImageError as error:
        return _Loaded(index, sample, reason=str(error))
    if not annotated:
        return _Loaded(index, sample, tensors)
    try:
        return _Loaded(index, sample, tensors, annotations=dataset.annotations(index))
    except ImageError as error:
        return _Loaded(index, sample, tensors, annotations_reason=str(error))


def _chunks(loaded: Iterator[_Loaded], size: int) -> Iterator[list[_Loaded]]:
    chunk: list[_Loaded] = []
    for item in loaded:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _prepared(
    classifier: Classifier,
    loaded: Sequence[_Loaded],
    frame: int,
    preprocessing: Preprocessing,
    mapping: ClassMapping,
    size: int,
) -> _Chunk | None:
    """The readable images with the classes predicted for them; None where none can be read."""
    items = [item for item in loaded if item.tensors]
    if not items:
        return None
    # Padded to the full chunk: work always has one shape, so an image's map is the same in every shard.
    stacked = torch.stack([arrived(item.tensors[frame]) for item in items])
    images = _padded(stacked, size).to(classifier.device)
    predicted, probabilities = _predictions(classifier, images)
    labels = []
    for place, item in enumerate(items):
        classes = () if item.sample.label is None else mapping.classes_of(item.sample.label)
        labels.append(_meant(classes, probabilities[place], predicted[place]))
    truths = [None if item.annotations is None else Truth(item.annotations, preprocessing) for item in items]
    return _Chunk(items, images, predicted[: len(items)], probabilities, labels, truths)


def _predictions(classifier: Classifier, images: torch.Tensor) -> tuple[list[int], torch.Tensor]:
    """The predicted classes, and the probabilities float32 [B, C] of all, on the CPU."""
    with torch.inference_mode(), evaluation_mode(classifier.model), numeric_precision("fp32", images.device):
        logits = classifier.logits(images)
        return logits.argmax(1).tolist(), classifier.probabilities(logits).float().cpu()


def _meant(classes: Sequence[int], probabilities: torch.Tensor, predicted: int) -> int:
    """Which of the classes that a label stands for is meant on this image; −1 for none."""
    if not classes:
        return -1
    if predicted in classes:
        return predicted
    return max(classes, key=lambda number: float(probabilities[number]))


def _padded(values: torch.Tensor, size: int) -> torch.Tensor:
    return torch.cat([values, values[:1].expand(size - len(values), *values.shape[1:])])


def _units(
    experiment: Experiment, chunk: _Chunk, mapping: ClassMapping
) -> tuple[list[_Unit], list[dict[str, Any]]]:
    """What the experiment explains in these images, and the images that lack something it needs."""
    rule = experiment.protocol.target_rule
    units: list[_Unit] = []
    failures: list[dict[str, Any]] = []
    for place, (item, truth) in enumerate(zip(chunk.items, chunk.truths, strict=True)):
        label = chunk.labels[place]
        if truth is None and _needs_annotations(experiment):
            failures.append(_failure(item, item.annotations_reason or "The image has no annotations."))
        elif rule == "predicted":
            units.append(_Unit(place, chunk.predicted[place]))
        elif rule == "annotated":
            assert truth is not None
            found = list(_annotated_units(experiment, chunk, place, truth, mapping))
            units += found
            if not found:
                failures.append(_failure(item, _nothing_to_measure(truth, mapping)))
        elif label < 0:
            failures.append(_failure(item, "The image has no label that the model has an output for."))
        else:
            units.append(_Unit(place, label))
    return units, failures


def _annotated_units(
    experiment: Experiment, chunk: _Chunk, place: int, truth: Truth, mapping: ClassMapping
) -> Iterator[_Unit]:
    probabilities, predicted = chunk.probabilities[place], chunk.predicted[place]
    for label in truth.annotations.labels:
        target = _meant(mapping.classes_of(label), probabilities, predicted)
        if target >= 0 and experiment.accepts(truth, label):
            yield _Unit(place, target, label)


def _nothing_to_measure(truth: Truth, mapping: ClassMapping) -> str:
    labels = truth.annotations.labels
    if not labels:
        return "Nothing to measure: the image has no annotated object."
    if any(mapping.classes_of(label) for label in labels):
        return f"Nothing to measure: the protocol leaves out what is annotated ({', '.join(labels)})."
    return f"Nothing to measure: the model has no output for what is annotated ({', '.join(labels)})."


def _measured(
    classifier: Classifier,
    chunk: _Chunk | None,
    loaded: Sequence[_Loaded],
    method: Method,
    experiment: Experiment,
    scorer: Scorer,
    mapping: ClassMapping,
    memory: bool,
) -> Columns:
    """The columns of one experiment for a chunk."""
    failures = [_failure(item, item.reason) for item in loaded if not item.tensors]
    if chunk is None:
        return Columns(failures=failures)
    units, lacking = _units(experiment, chunk, mapping)
    failures += lacking
    if not units:
        return Columns(failures=failures)
    _explain(classifier, chunk, units, method, scorer, memory)
    maps = [chunk.maps[unit.place, unit.target] for unit in units]
    places = [unit.place for unit in units]
    items = [chunk.items[place] for place in places]
    targets = torch.tensor([unit.target for unit in units], device=classifier.device)
    labels = torch.tensor([chunk.labels[place] for place in places], device=classifier.device)
    explained = Explained(
        classifier=classifier,
        method=method,
        scorer=scorer,
        images=chunk.images[places],
        targets=targets,
        labels=labels,
        maps=torch.stack([each.values for each in maps]),
        degenerate=torch.stack([each.degenerate for each in maps]),
        identifiers=[item.sample.identifier for item in items],
        indices=[item.index for item in items],
        truths=[chunk.truths[place] for place in places],
        unit_labels=[unit.label for unit in units],
    )
    started = time.perf_counter()
    with listening(scorer.on_batch):
        measured = experiment.measure(explained)
    measuring = (time.perf_counter() - started) / len(units)
    scalars: dict[str, Any] = {
        "target": np.array([unit.target for unit in units], dtype=np.int64),
        "target_name": np.array([classifier.class_names[unit.target] for unit in units], dtype=np.str_),
        "predicted": np.array([chunk.predicted[place] for place in places], dtype=np.int64),
        "label": labels.cpu().numpy(),
        "probability": np.array([float(chunk.probabilities[unit.place, unit.target]) for unit in units]),
        **measured.scalars,
        **{f"extra.{name}": np.array([each.extras[name] for each in maps]) for name in maps[0].extras},
        "degenerate": explained.degenerate.cpu().numpy(),
        "map_seconds": np.array([each.seconds for each in maps]),
        "map_megabytes": np.array([each.megabytes for each in maps]),
        "seconds": np.array([each.seconds + measuring for each in maps]),
    }
    return Columns(
        indices=np.array(explained.indices, dtype=np.int64),
        images=explained.identifiers,
        scalars=scalars,
        curves=dict(measured.curves),
        failures=failures,
        notes=dict(measured.notes),
    )


def _explain(
    classifier: Classifier,
    chunk: _Chunk,
    units: Sequence[_Unit],
    method: Method,
    scorer: Scorer,
    memory: bool,
) -> None:
    """Make the maps of the units that are not there yet, in batches of one size: smaller ones where memory runs out."""
    wanted = dict.fromkeys((unit.place, unit.target) for unit in units)
    missing = [key for key in wanted if key not in chunk.maps]
    size, device = min(len(chunk.images), map_batch_size_of(classifier, method)), chunk.images.device
    memory = memory or device.type == "cuda"
    while missing:
        batch = missing[:size]
        places = [place for place, _ in batch] + [batch[0][0]] * (size - len(batch))
        targets = [target for _, target in batch] + [batch[0][1]] * (size - len(batch))
        try:
            with measured_resources(device, memory=memory) as taken, listening(scorer.on_batch):
                explanation = method.explain(chunk.images[places], torch.tensor(targets))
        except torch.OutOfMemoryError:
            if size == 1:
                raise
            size //= 2
            remember_map_batch_size(classifier, method, size)
            torch.cuda.empty_cache()
            continue
        missing = missing[size:]
        for number, key in enumerate(batch):
            chunk.maps[key] = _Map(
                values=explanation.maps[number],
                degenerate=explanation.degenerate[number],
                extras={name: float(value[number]) for name, value in explanation.extras.items()},
                seconds=taken.seconds / size,  # padding takes its part too
                megabytes=taken.megabytes,  # of the whole batch: its maps are made together
            )


def _failure(item: _Loaded, reason: str) -> dict[str, Any]:
    return {"index": item.index, "image": item.sample.identifier, "reason": reason}
