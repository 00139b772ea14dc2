from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.methods import _mask_optimisation
from saliency_core.methods._mask_optimisation import gaussian_blur

TARGETS = torch.tensor([0, 1, 2, 3, 4, 0])
KEY = "meaningful_perturbation"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Hundreds of steps on tiny tensors, at which threads would only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_objective_term_by_term(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    """The equation with loops over the cells, in double precision."""
    method = create_method(KEY, tiny_classifier, cells=6, sparsity=0.3, smoothness=0.2, exponent=3)
    blurred = gaussian_blur(tiny_images[:1], 10 / 7)
    coarse = torch.rand(1, 6, 6, generator=torch.Generator().manual_seed(0))
    shift = torch.tensor([[2, -1]])
    found = method.objective(tiny_images[:1], blurred, TARGETS[1:2], coarse, shift)
    expected = 0.0
    for y in range(6):
        for x in range(6):
            value = coarse[0, y, x].item()
            expected += 0.3 * abs(1 - value)
            if y < 5:
                expected += 0.2 * abs(coarse[0, y + 1, x].item() - value) ** 3
            if x < 5:
                expected += 0.2 * abs(coarse[0, y, x + 1].item() - value) ** 3
    mask = method.enlarged(coarse, 32, 32)[0]
    picture = tiny_images[0] * mask + blurred[0] * (1 - mask)
    moved = torch.zeros_like(picture)
    for y in range(32):
        for x in range(32):
            moved[:, (y + 2) % 32, (x - 1) % 32] = picture[:, y, x]
    with torch.no_grad():
        expected += tiny_classifier.model(moved[None])[0].double().softmax(0)[1].item()
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_blur_equals_a_literal_convolution(tiny_images: torch.Tensor) -> None:
    sigma = 1.2
    taps = torch.arange(-4, 5, dtype=torch.float64)
    weights = torch.exp(-(taps**2) / (2 * sigma**2))
    weights /= weights.sum()
    padded = torch.nn.functional.pad(tiny_images[:1].double(), (4, 4, 4, 4), mode="reflect")
    rows = sum(weight * padded[:, :, :, tap : tap + 32] for tap, weight in enumerate(weights))
    expected = sum(weight * rows[:, :, tap : tap + 32] for tap, weight in enumerate(weights))
    torch.testing.assert_close(gaussian_blur(tiny_images[:1], sigma).double(), expected, atol=1e-5, rtol=1e-5)
    assert gaussian_blur(tiny_images, 0) is tiny_images


def test_the_first_mask_is_the_smallest_disc_that_suppresses_the_class(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    method = create_method(KEY, tiny_classifier, cells=8, mask_blur=0)
    blurred = gaussian_blur(tiny_images, 10 / 7)
    first = method._first(tiny_images, blurred, TARGETS)
    assert set(first.unique().tolist()) <= {0.0, 1.0}

    def probability(number: int, coarse: torch.Tensor) -> float:
        mask = method.enlarged(coarse[None], 32, 32)[0]
        picture = tiny_images[number] * mask + blurred[number] * (1 - mask)
        with torch.no_grad():
            return tiny_classifier.model(picture[None])[0].softmax(0)[TARGETS[number]].item()

    for number in range(6):
        clean = probability(number, torch.ones(8, 8))
        gone = probability(number, torch.zeros(8, 8))
        fall = clean - probability(number, first[number])
        assert fall >= 0.99 * (clean - gone) - 1e-6
        assert torch.equal(first[number], first[number].flip(0).flip(1))  # a disc around the centre


@pytest.mark.parametrize("number", range(4))
def test_the_objective_falls(
    number: int, tiny_classifier: Classifier, tiny_images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, target = tiny_images[number : number + 1], TARGETS[number : number + 1]
    method = create_method(KEY, tiny_classifier, cells=8, iterations=120, jitter=0)
    objective, values = method.objective, []

    def noted(*arguments: torch.Tensor) -> torch.Tensor:
        found = objective(*arguments)
        values.append(found.item())
        return found

    monkeypatch.setattr(method, "objective", noted)
    explanation = method.explain(image, target)
    assert len(values) == 120
    assert values[-1] <= values[0] + 1e-4
    assert values[-1] < min(values) + 0.01  # settled, not swinging
    with torch.no_grad():
        untouched = tiny_classifier.model(image)[0].softmax(0)[target].item()
    assert values[-1] < untouched + 1e-3  # an untouched image costs nothing but its probability
    assert explanation.extras["remaining_probability"].item() <= values[-1] + 0.02
    assert explanation.maps.min() >= 0 and explanation.maps.max() <= 1


def test_a_larger_weight_deletes_less(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    shares = [
        create_method(KEY, tiny_classifier, iterations=40, sparsity=sparsity)
        .explain(tiny_images[:2], TARGETS[:2])
        .extras["deleted_share"]
        for sparsity in (0, 1e-3, 1)
    ]
    assert (shares[0] >= shares[1] - 1e-3).all()
    assert shares[2].max() < 1e-3  # deleting anything costs more than the class is worth


def test_seeded_and_independent_of_the_batch(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    settings = {"iterations": 12, "jitter": 28}
    method = create_method(KEY, tiny_classifier, **settings)
    state = torch.get_rng_state()
    together = method.explain(tiny_images, TARGETS)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(method.explain(tiny_images, TARGETS).maps, together.maps)
    for number in (1, 3):
        alone = method.explain(tiny_images[number : number + 1], TARGETS[number : number + 1])
        assert torch.equal(alone.maps[0], together.maps[number])
    other = create_method(KEY, tiny_classifier, **settings, seed=1).explain(tiny_images, TARGETS)
    assert not torch.equal(other.maps, together.maps)


def test_groups_of_several_images_give_the_same_masks(
    tiny_classifier: Classifier, tiny_images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = create_method(KEY, tiny_classifier, iterations=15)
    single = method.explain(tiny_images, TARGETS)
    monkeypatch.setitem(_mask_optimisation.GROUP_SIZES, "cpu", 4)
    grouped = method.explain(tiny_images, TARGETS)
    torch.testing.assert_close(grouped.maps, single.maps, atol=2e-3, rtol=1e-3)
    alone = method.explain(tiny_images[5:], TARGETS[5:])
    torch.testing.assert_close(alone.maps[0], grouped.maps[5], atol=1e-4, rtol=1e-4)
