"""The batch size: chosen by throughput, remembered, and halved where memory runs out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from saliency_core.classifiers.classifier import Classifier
from saliency_core.scoring.batch_size import (
    batch_size_of,
    choose_batch_size,
    find_batch_size,
    measure_batch_sizes,
    remember_batch_size,
)
from saliency_core.scoring.batch_size_memory import recall_or_find_batch_size
from saliency_core.scoring.scorer import Scorer


def test_the_smallest_of_the_fastest_is_chosen() -> None:
    assert choose_batch_size({2: 190.0, 4: 205.0, 8: 206.0, 16: 150.0}) == 4
    assert choose_batch_size({2: 50.0, 4: 60.0, 8: 62.0}) == 4
    assert choose_batch_size({2: 50.0, 4: 60.0, 8: 64.0}) == 8
    assert choose_batch_size({128: 60.0, 256: 62.0}, "cuda") == 256
    assert choose_batch_size({1: 3.0}) == 1


def test_what_was_found_is_remembered_for_the_precision(tiny_classifier: Classifier) -> None:
    assert batch_size_of(tiny_classifier) == 8
    remember_batch_size(tiny_classifier, "fast", 4)
    assert (batch_size_of(tiny_classifier), batch_size_of(tiny_classifier, "fast")) == (8, 4)
    assert Scorer(tiny_classifier).batch_size == 8
    assert Scorer(tiny_classifier, precision="fast").batch_size == 4
    assert Scorer(tiny_classifier, 3, "fast").batch_size == 3
    assert find_batch_size(tiny_classifier, "fast") == 4


def test_every_candidate_is_measured(tiny_classifier: Classifier) -> None:
    rates = measure_batch_sizes(tiny_classifier, seconds=0.05)
    assert sorted(rates) == [4, 8, 16, 32]
    assert min(rates.values()) > 0
    assert find_batch_size(tiny_classifier) in rates


class LittleMemory(torch.nn.Module):
    """Takes three pictures at most."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(images))
        if len(images) > 3:
            raise torch.OutOfMemoryError("out of memory")
        return torch.stack([images.mean((1, 2, 3)), torch.zeros(len(images))], dim=1)


def test_where_memory_runs_out_half_the_batch_goes_on(tiny_images: torch.Tensor) -> None:
    classifier = Classifier(LittleMemory(), name="little")
    classifier.model.sizes.clear()
    done: list[int] = []
    scorer = Scorer(classifier, 8, on_batch=done.append)
    scores = scorer.score_images(tiny_images[:5], torch.zeros(5, dtype=torch.int64), "logit")
    torch.testing.assert_close(scores, tiny_images[:5].mean((1, 2, 3)))
    assert classifier.model.sizes == [8, 4, 2, 2, 2]
    assert done == [2, 2, 1]
    assert scorer.batch_halvings == [
        "Memory ran out with batches of 8; batches of 4 from here on.",
        "Memory ran out with batches of 4; batches of 2 from here on.",
    ]
    assert batch_size_of(classifier) == 2


def test_a_larger_batch_than_usual_that_memory_refuses_leaves_the_usual_one(
    tiny_images: torch.Tensor,
) -> None:
    classifier = Classifier(LittleMemory(), name="little")
    remember_batch_size(classifier, "fp32", 2)
    scorer = Scorer(classifier, 6)
    scorer.score_images(tiny_images, torch.zeros(6, dtype=torch.int64), "logit")
    assert (scorer.batch_size, batch_size_of(classifier)) == (3, 2)


def test_one_picture_too_much_is_an_error() -> None:
    class NoMemory(LittleMemory):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            if len(self.sizes) > 0:
                raise RuntimeError(
                    "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."
                )
            return super().forward(images)

    classifier = Classifier(NoMemory(), name="none")
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        Scorer(classifier, 4).score_images(torch.zeros(2, 3, 8, 8))


def test_other_errors_pass_through(tiny_classifier: Classifier) -> None:
    with pytest.raises(RuntimeError, match="expected input"):
        Scorer(tiny_classifier).score_images(torch.zeros(2, 5, 8, 8))


def test_a_file_remembers_between_runs(tiny_classifier: Classifier, tmp_path: Path) -> None:
    tiny_classifier.batch_sizes["fp32"] = 16
    assert recall_or_find_batch_size(tiny_classifier, "fp32", tmp_path) == 16
    tiny_classifier.batch_sizes.clear()
    assert recall_or_find_batch_size(tiny_classifier, "fp32", tmp_path) == 16
    assert tiny_classifier.batch_sizes == {"fp32": 16}
    (tmp_path / "batch_sizes.json").write_text("not json")
    tiny_classifier.batch_sizes["fp32"] = 4
    assert recall_or_find_batch_size(tiny_classifier, "fp32", tmp_path) == 4
    assert list(json.loads((tmp_path / "batch_sizes.json").read_text()).values()) == [4]
