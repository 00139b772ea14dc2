"""Scores of a network that ONNX Runtime runs: those of torch, and torch's own wherever it could be otherwise."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.loading import load_classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.classifiers.randomisation import WorkingCopy
from saliency_core.experiments.base import protocol
from saliency_core.experiments.insertion_deletion import InsertionDeletion
from saliency_core.methods.registry import create_method
from saliency_core.scoring.runtime_network import RuntimeNetwork, runtime_network, score_in_bulk
from saliency_core.scoring.scorer import Scorer
from tests.core.experiments.explained import explained_of


def scores(classifier: Classifier, images: torch.Tensor, batch_size: int = 4) -> torch.Tensor:
    return Scorer(classifier, batch_size).score_images(images, output="logit")


def test_scores_are_those_of_torch_and_the_network_is_left_as_it_was(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    by_torch = scores(tiny_classifier, tiny_images)
    before = {name: values.clone() for name, values in tiny_classifier.model.state_dict().items()}
    score_in_bulk(tiny_classifier)
    assert isinstance(runtime_network(tiny_classifier), RuntimeNetwork)
    torch.testing.assert_close(scores(tiny_classifier, tiny_images), by_torch, rtol=1e-5, atol=1e-5)
    after = tiny_classifier.model.state_dict()
    assert all(torch.equal(after[name], values) for name, values in before.items())
    assert not any(module._forward_hooks for module in tiny_classifier.model.modules())
    assert all(parameter.requires_grad for parameter in tiny_classifier.model.parameters())


def test_a_score_does_not_depend_on_the_batch(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    score_in_bulk(tiny_classifier)
    alone = torch.cat([scores(tiny_classifier, image[None], batch_size=1) for image in tiny_images])
    torch.testing.assert_close(scores(tiny_classifier, tiny_images, 6), alone, rtol=1e-5, atol=1e-5)


def test_the_next_batch_is_composed_while_the_network_works(
    tiny_classifier: Classifier, tiny_images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    score_in_bulk(tiny_classifier)
    scorer = Scorer(tiny_classifier, 2)
    expected = scorer.score_images(tiny_images)
    second = threading.Event()
    run = RuntimeNetwork._run

    def once_the_second_is_composed(self: RuntimeNetwork, images: torch.Tensor) -> torch.Tensor:
        assert second.wait(30)
        return run(self, images)

    def compose(jobs: torch.Tensor) -> torch.Tensor:
        if jobs.tolist() == [2, 3]:
            second.set()
        return tiny_images[jobs]

    monkeypatch.setattr(RuntimeNetwork, "_run", once_the_second_is_composed)
    assert torch.equal(scorer.score_composed(6, compose), expected)


@pytest.mark.parametrize("failing", [1, 2, 3, 6])
def test_where_memory_runs_out_the_batch_is_halved_and_no_score_is_lost(
    failing: int, tiny_classifier: Classifier, tiny_images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    score_in_bulk(tiny_classifier)
    images = torch.cat([tiny_images, tiny_images.flip(0)])
    expected = Scorer(tiny_classifier, 4).score_images(images)
    heard: list[int] = []
    scorer = Scorer(tiny_classifier, 4, on_batch=heard.append)
    begun = 0
    begin = RuntimeNetwork.begin

    def sometimes(self: RuntimeNetwork, pictures: torch.Tensor) -> Callable[[], torch.Tensor]:
        nonlocal begun
        begun += 1
        logits, fails = begin(self, pictures), begun == failing

        def result() -> torch.Tensor:
            if fails:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
            return logits()

        return result

    monkeypatch.setattr(RuntimeNetwork, "begin", sometimes)
    scores = scorer.score_images(images)
    torch.testing.assert_close(scores, expected, rtol=1e-5, atol=1e-6)
    assert sum(heard) == 12
    assert len(scorer.batch_halvings) == (failing <= 3)


@pytest.mark.parametrize(("forwards", "prepared"), [(4999, False), (5000, True)])
def test_it_is_prepared_only_where_much_is_to_be_scored(
    tiny_classifier: Classifier, forwards: int, prepared: bool
) -> None:
    assert runtime_network(tiny_classifier) is None
    score_in_bulk(tiny_classifier)
    score_in_bulk(tiny_classifier, forwards)
    assert (runtime_network(tiny_classifier) is not None) is prepared


def test_it_is_made_once_and_again_when_weights_have_changed(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    score_in_bulk(tiny_classifier)
    first = runtime_network(tiny_classifier)
    assert runtime_network(tiny_classifier) is first
    before = scores(tiny_classifier, tiny_images)
    with torch.no_grad():
        for parameter in tiny_classifier.model.parameters():
            parameter.mul_(1.5)
    after = scores(tiny_classifier, tiny_images)
    assert runtime_network(tiny_classifier) is not first
    assert (after - before).abs().max() > 0.1
    with torch.inference_mode():
        torch.testing.assert_close(after, tiny_classifier.logits(tiny_images), rtol=1e-5, atol=1e-5)


def test_it_does_not_keep_a_network_that_nobody_has_any_more() -> None:
    classifier = Classifier(
        torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(4 * 36, 2)),
        name="small",
        preprocessing=Preprocessing(size=8),
    )
    score_in_bulk(classifier)
    assert runtime_network(classifier) is not None
    model = weakref.ref(classifier.model)
    del classifier
    gc.collect()
    assert model() is None


def test_who_listens_to_a_layer_hears_torch(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    score_in_bulk(tiny_classifier)
    scorer = Scorer(tiny_classifier, 6)
    scorer.score_images(tiny_images)
    seen: list[int] = []
    handle = tiny_classifier.model.features.register_forward_hook(
        lambda module, inputs, output: seen.append(len(output))
    )
    scorer.score_images(tiny_images)
    handle.remove()
    scorer.score_images(tiny_images)
    assert seen == [6]


def test_images_of_another_size_are_scored_by_torch() -> None:
    classifier = load_classifier("shapes_cnn")
    larger = torch.rand(2, 3, classifier.preprocessing.size + 32, classifier.preprocessing.size)
    by_torch = scores(classifier, larger)
    score_in_bulk(classifier)
    assert torch.equal(scores(classifier, larger), by_torch)


class Undecided(torch.nn.Module):
    """What it computes depends on the picture: an example shows one half of it."""

    def __init__(self) -> None:
        super().__init__()
        self.head = torch.nn.Linear(3, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        means = images.mean((2, 3))
        return self.head(means) if images.abs().sum() > 0 else self.head(means) * 3 + 1


class Unwritable(Undecided):
    """Takes a matrix function that ONNX has no operator for."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(torch.linalg.eigvalsh(images @ images.mT)[..., -1])


@pytest.mark.parametrize(("network", "told"), [(Undecided, "differ by"), (Unwritable, "torch scores")])
def test_torch_scores_what_onnx_runtime_can_not(
    network: type[Undecided], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    classifier = Classifier(network(), name="odd", preprocessing=Preprocessing(size=8))
    images = torch.randn(3, 3, 8, 8)
    by_torch = scores(classifier, images)
    score_in_bulk(classifier)
    with caplog.at_level(logging.INFO, "saliency_core"):
        assert runtime_network(classifier) is None
    assert told in caplog.text
    assert torch.equal(scores(classifier, images), by_torch)


def test_large_networks_stay_with_torch(tiny_classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saliency_core.scoring.runtime_network.MOST_PARAMETERS", 10)
    score_in_bulk(tiny_classifier)
    assert runtime_network(tiny_classifier) is None


def test_randomised_copies_stay_with_torch(tiny_classifier: Classifier) -> None:
    score_in_bulk(tiny_classifier)
    copy = WorkingCopy(tiny_classifier, []).classifier
    assert runtime_network(copy) is None
    assert runtime_network(tiny_classifier) is not None


@pytest.mark.parametrize("name", ["shapes_cnn", "shapes_vit"])
def test_areas_and_masked_maps_are_those_of_torch(name: str) -> None:
    classifier = load_classifier(name)
    size = classifier.preprocessing.size
    images = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(5))
    experiment = InsertionDeletion(
        replace(protocol("insertion_deletion", "thesis@1"), step_pixels=size * size // 16)
    )
    rise = create_method("rise", classifier, masks=20)

    def figures_and_maps() -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        maps = rise.explain(images, torch.tensor([0, 1])).maps
        measured = experiment.measure(explained_of(classifier, images, ramp, [0, 1]))
        figures = {**measured.scalars, **measured.curves}
        return {name: torch.as_tensor(values) for name, values in figures.items()}, maps

    ramp = torch.arange(2 * size * size, dtype=torch.float32).view(2, size, size)
    by_torch, maps_by_torch = figures_and_maps()
    score_in_bulk(classifier)
    assert runtime_network(classifier) is not None
    by_runtime, maps = figures_and_maps()
    assert by_runtime.keys() == by_torch.keys()
    for name, expected in by_torch.items():
        torch.testing.assert_close(by_runtime[name], expected, rtol=0, atol=2e-6, equal_nan=True)
    torch.testing.assert_close(maps, maps_by_torch, rtol=0, atol=1e-5)
