"""One map per image and class serves all experiments; what an experiment lacks is its own failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from saliency_core.classifiers.classifier import Classifier
from saliency_core.datasets.base import Annotations, Box, Dataset, Sample
from saliency_core.datasets.mapping import ClassMapping
from saliency_core.errors import DatasetError, ImageError
from saliency_core.experiments.base import Experiment, ExperimentDescription, Explained, Measurement, Protocol
from saliency_core.experiments.checks import check_benchmark
from saliency_core.experiments.figures import Figure, mean_figure
from saliency_core.experiments.insertion_deletion import InsertionDeletion
from saliency_core.experiments.runner import run_benchmark
from saliency_core.methods.base import Method
from saliency_core.methods.centre_gaussian import CentreGaussian
from saliency_core.scoring.scorer import Scorer
from tests.core.conftest import TINY_PROTOCOL


class Photographs(Dataset):
    """Four 40 × 30 photographs; the third has a broken annotation, the fourth no label and nothing in it."""

    ground_truth = frozenset({"label", "boxes"})

    def __init__(self) -> None:
        boxes = [
            (Box("a", 0, 0, 20, 15), Box("pets", 20, 0, 40, 30), Box("z", 0, 0, 9, 9)),
            (Box("a", 0, 0, 20, 15), Box("c", 0, 0, 2, 2, difficult=True)),
            None,
            (),
        ]
        self.boxes = boxes
        self.labels = ["a", "pets", "z", None]

    def __len__(self) -> int:
        return 4

    def sample(self, index: int) -> Sample:
        return Sample(f"{index}.png", Path(f"{index}.png"), self.labels[index])

    def image(self, index: int) -> Image.Image:
        pixels = np.random.default_rng(index).integers(0, 256, (30, 40, 3), dtype=np.uint8)
        return Image.fromarray(pixels)

    def annotations(self, index: int) -> Annotations:
        boxes = self.boxes[index]
        if boxes is None:
            raise ImageError("2.xml cannot be read.")
        return Annotations(40, 30, boxes)

    def fingerprint(self) -> str:
        return "0" * 64

    def problems(self) -> list[dict[str, str]]:
        return []


@dataclass(frozen=True, kw_only=True)
class ListingProtocol(Protocol):
    experiment: str = "listing"
    name: str = "test@1"
    summary: str = ""
    source: str = ""
    size: int = 32


class Listing(Experiment):
    """Notes what it is given."""

    description = ExperimentDescription("listing", "Listing", "", ())

    def __init__(self, protocol: Protocol, accepted: str = "apetscz") -> None:
        super().__init__(protocol)
        self.accepted = accepted
        self.seen: list[Explained] = []

    @classmethod
    def forwards_per_image(cls, protocol: Protocol) -> int:
        return 0

    def accepts(self, truth: object, label: str) -> bool:
        return label in self.accepted

    def measure(self, explained: Explained) -> Measurement:
        self.seen.append(explained)
        return Measurement({"mass": explained.maps.mean((1, 2)).numpy()}, notes={"unit": "mean"})

    def figures(self) -> tuple[Figure, ...]:
        return (mean_figure("mass", "Mass", ""),)


@dataclass
class Counting:
    """Wraps a method's explain and remembers what it was asked for."""

    method: Method
    asked: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.description, self.parameters = self.method.description, self.method.parameters

    def explain(self, images: torch.Tensor, targets: torch.Tensor) -> object:
        self.asked.append(targets.tolist())
        return self.method.explain(images, targets)


MAPPING = ClassMapping({"a": (0,), "pets": (1, 3), "c": (2,)}, reasons={"z": "There is no class 'z'."})


@pytest.fixture
def run(tiny_classifier: Classifier) -> Callable[..., tuple[list, Counting]]:
    def run(
        *experiments: Experiment, chunk: int = 1, indices: list[int] | None = None
    ) -> tuple[list, Counting]:
        counting = Counting(CentreGaussian(tiny_classifier))
        columns = run_benchmark(
            tiny_classifier,
            Photographs(),
            indices or [0, 1, 2, 3],
            counting,
            list(experiments),
            Scorer(tiny_classifier, batch_size=8),
            mapping=MAPPING,
            images_per_chunk=chunk,
        )
        return columns, counting

    return run


def listing(rule: str, **more: object) -> Listing:
    return Listing(ListingProtocol(target_rule=rule), **more)


def test_a_map_is_made_once_for_all_experiments(run: Callable[..., tuple[list, Counting]]) -> None:
    (first, second, alone), counting = run(
        listing("predicted"), listing("predicted"), InsertionDeletion(TINY_PROTOCOL)
    )
    assert len(counting.asked) == 4
    assert len(first) == len(second) == len(alone) == 4
    assert first.scalars["mass"].tolist() == second.scalars["mass"].tolist()
    assert first.notes == {"unit": "mean"}
    (again,), _ = run(InsertionDeletion(TINY_PROTOCOL))
    assert alone.scalars["overall"].tolist() == again.scalars["overall"].tolist()


def test_another_preprocessing_needs_another_map(run: Callable[..., tuple[list, Counting]]) -> None:
    cropped = Listing(ListingProtocol(target_rule="predicted", pipeline="resize_crop"))
    _, counting = run(listing("predicted"), cropped, indices=[0])
    assert len(counting.asked) == 2


def test_units_of_annotated_classes(
    run: Callable[..., tuple[list, Counting]], tiny_classifier: Classifier
) -> None:
    experiment = listing("annotated")
    (columns,), _ = run(experiment)
    assert columns.indices.tolist() == [0, 0, 1, 1]  # z has no output, and the fourth has nothing in it
    labels = [label for explained in experiment.seen for label in explained.unit_labels]
    assert labels == ["a", "pets", "a", "c"]
    targets = columns.scalars["target"].tolist()
    probabilities = tiny_classifier.probabilities(tiny_classifier.model(experiment.seen[0].images[:1]))[0]
    assert targets == [0, 1 if probabilities[1] > probabilities[3] else 3, 0, 2]
    assert columns.failures == [
        {"index": 2, "image": "2.png", "reason": "2.xml cannot be read."},
        {"index": 3, "image": "3.png", "reason": "Nothing to measure: the image has no annotated object."},
    ]
    truth = experiment.seen[0].truths[1]
    assert truth is not None
    assert truth.box_mask(truth.boxes("pets"), framed=True).mean() == 0.5
    assert truth.box_mask(truth.boxes("a"), framed=False).sum() == 20 * 15


def test_an_experiment_may_refuse_classes(run: Callable[..., tuple[list, Counting]]) -> None:
    (columns,), _ = run(listing("annotated", accepted="c"))
    assert columns.indices.tolist() == [1]
    assert columns.failures[0] == {
        "index": 0,
        "image": "0.png",
        "reason": "Nothing to measure: the protocol leaves out what is annotated (a, pets, z).",
    }


def test_the_label_rule(run: Callable[..., tuple[list, Counting]]) -> None:
    (columns, predicted), _ = run(listing("label"), listing("predicted"))
    assert columns.indices.tolist() == [0, 1]
    assert columns.scalars["target"].tolist() == columns.scalars["label"].tolist()
    assert columns.scalars["target"][0] == 0
    assert columns.scalars["target"][1] in (1, 3)
    assert [failure["index"] for failure in columns.failures] == [2, 3]
    assert predicted.scalars["label"].tolist()[2:] == [-1, -1]
    assert not predicted.failures


@pytest.mark.parametrize("chunk", [1, 3])
def test_splits_give_the_same_columns(run: Callable[..., tuple[list, Counting]], chunk: int) -> None:
    (whole,), _ = run(listing("annotated"), chunk=chunk)
    parts = [run(listing("annotated"), chunk=chunk, indices=part)[0][0] for part in ([3, 1], [2], [0])]
    merged = type(whole).merge(parts)
    for columns in (whole, merged):
        for name in ("seconds", "map_seconds", "map_megabytes"):
            del columns.scalars[name]
    assert merged.pack() == whole.pack()


def test_what_would_go_wrong_is_said_before(tiny_classifier: Classifier) -> None:
    masks = Listing(ListingProtocol(target_rule="predicted", ground_truth=("masks", "object_mask")))
    with pytest.raises(DatasetError, match=r"needs a mask for every class or masks of objects, which this"):
        check_benchmark(tiny_classifier, Photographs(), [masks], MAPPING)
    with pytest.raises(DatasetError, match="no output in this model: z"):
        check_benchmark(tiny_classifier, Photographs(), [listing("annotated")], MAPPING)
    check_benchmark(tiny_classifier, Photographs(), [listing("predicted")], MAPPING)
