from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import pytest
import torch

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.methods import _mask_optimisation
from saliency_core.methods._mask_optimisation import gaussian_blur
from saliency_core.methods._smooth_masks import smooth_masks
from saliency_core.methods.extremal_perturbation import area_penalty

TARGETS = torch.tensor([0, 1, 2, 3, 4, 0])


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Hundreds of steps on tiny tensors, at which threads would only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_smooth_masks_point_by_point() -> None:
    """The definition, with loops over pixels and points, in double precision."""
    height, width, step, sigma = 11, 14, 3, 4.0
    family = smooth_masks(height, width, step, sigma)
    assert family.grid == (4, 5)
    assert family.spacing == 1
    parameters = torch.rand(1, 4, 5, generator=torch.Generator().manual_seed(0))
    found = family.full(family.coarse(parameters))
    assert found.shape == (1, height, width)
    for y in range(height):
        for x in range(width):
            cell, values, kernels = (y // step, x // step), [], []
            for row in range(cell[0] - family.reach, cell[0] + family.reach + 1):
                for column in range(cell[1] - family.reach, cell[1] + family.reach + 1):
                    inside = 0 <= row < 4 and 0 <= column < 5
                    far = math.hypot(y - (row * step + 1), x - (column * step + 1)) / sigma
                    kernels.append(math.exp(-2 * max(0.0, far - 0.5) ** 2) if inside else 0.0)
                    values.append(float(parameters[0, row, column]) * kernels[-1] if inside else 0.0)
            expected = min(1.0, smooth_maximum(values) / smooth_maximum(kernels))
            assert found[0, y, x].item() == pytest.approx(expected, abs=1e-5)
    everything = family.full(family.coarse(torch.ones(1, 4, 5)))
    torch.testing.assert_close(everything, torch.ones(1, height, width))


def smooth_maximum(values: list[float]) -> float:
    weights = [math.exp(20 * value) for value in values]
    return sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights)


def test_masks_at_every_second_pixel_are_nearly_those_at_all() -> None:
    parameters = (torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0)) > 0.8).float()
    half = smooth_masks(56, 56, 7, 21)
    assert half.spacing == 2
    # All pixels of the same cells: the family with another spacing.
    rows = torch.arange(56).double()
    points = (torch.arange(56) // 7 + torch.arange(-4, 5)[:, None] + 0.5) * 7 - 0.5
    away = (rows - points).masked_fill((points < 0) | (points > 55), math.inf)
    far = (away[:, None, :, None] ** 2 + away[None, :, None, :] ** 2).sqrt() / 21
    kernel = torch.exp(-2 * (far - 0.5).clamp(min=0) ** 2).flatten(0, 1).float()
    largest = (kernel * (20 * kernel).softmax(0)).sum(0)
    every = dataclasses.replace(half, spacing=1, kernel=kernel, largest=largest)
    difference = half.full(half.coarse(parameters)) - every.full(every.coarse(parameters))
    assert difference.abs().max() < 0.04
    assert difference.abs().mean() < 0.01


def test_area_penalty_by_hand() -> None:
    masks = torch.tensor([[[1.0, 0], [0, 0]], [[1, 1], [0, 0]], [[0.5, 0.5], [0.5, 0.5]]])
    areas = torch.tensor([0.25, 0.25, 0.5])
    # The second and the third have equal values, whose references are averaged: two ones share ½, four share ½.
    assert area_penalty(masks, areas).tolist() == pytest.approx([0, 2 * 0.5**2 / 4, 0])


class BoxNetwork(torch.nn.Module):
    """Sees only how bright a box is that lies in the middle of the upper half."""

    box = (slice(4, 14), slice(10, 22))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        inside = images[:, :, self.box[0], self.box[1]].mean((1, 2, 3))
        return torch.stack([20 * inside, -20 * inside], 1)


@pytest.mark.parametrize("game", ["preserve", "delete", "dual"])
def test_finds_the_box_and_holds_its_area(game: str) -> None:
    classifier = Classifier(BoxNetwork(), name="box", preprocessing=Preprocessing(size=32))
    share = 10 * 12 / 32**2
    settings = {"areas": f"{100 * share:.0f}", "game": game, "perturbation": "fade"}
    method = create_method("extremal_perturbation", classifier, **settings, iterations=300)
    explanation = method.explain(torch.ones(1, 3, 32, 32), torch.tensor([0]))
    assert explanation.extras["area_deviation"] < 0.07  # the borders of the discs are soft
    assert (explanation.extras["masked_logit"] > 17) != (game == "delete")
    box = torch.zeros(32, 32, dtype=torch.bool)
    box[BoxNetwork.box] = True
    assert explanation.maps.min() >= 0 and explanation.maps.max() <= 1
    found = explanation.maps[0] > 0.5
    assert (found & box).sum() / (found | box).sum() > 0.65
    # Class 1 wants the box dark: any other place will do.
    other = method.explain(torch.ones(1, 3, 32, 32), torch.tensor([1])).maps[0] > 0.5
    assert (other & box).sum() < 10


def test_the_objective_rises(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    """Reward minus penalty at the weight that the search ends with, along the way."""
    energies = []
    for iterations in (1, 60, 300):
        method = create_method("extremal_perturbation", tiny_classifier, areas="30", iterations=iterations)
        explanation = method.explain(tiny_images[:1], TARGETS[:1])
        penalty = area_penalty(explanation.maps, torch.tensor([0.3]))
        energies.append((explanation.extras["masked_logit"] - 300 * 1.0035**300 * penalty).mean().item())
    assert energies == sorted(energies)


def test_untouched_where_the_mask_is_one_and_blurred_where_it_is_zero(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    owners = torch.arange(2)
    for perturbation, last in (("blur_pyramid", None), ("blur", None), ("fade", 0.0)):
        method = create_method("extremal_perturbation", tiny_classifier, perturbation=perturbation)
        levels = method._levels(tiny_images[:2])
        everything = method._shown(levels, owners, torch.ones(2, 32, 32))
        torch.testing.assert_close(everything, tiny_images[:2])
        nothing = method._shown(levels, owners, torch.zeros(2, 32, 32))
        expected = torch.zeros(2, 3, 32, 32) if last == 0 else gaussian_blur(tiny_images[:2], 20 / 7)
        torch.testing.assert_close(nothing, expected)
    half = create_method("extremal_perturbation", tiny_classifier)
    levels = half._levels(tiny_images[:2])
    between = half._shown(levels, owners, torch.full((2, 32, 32), 2.5 / 7))
    torch.testing.assert_close(between, (levels[:, 2] + levels[:, 3]) / 2, atol=1e-5, rtol=1e-4)


def test_deterministic_and_independent_of_the_batch(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    method = create_method("extremal_perturbation", tiny_classifier, areas="20", iterations=20)
    state = torch.get_rng_state()
    together = method.explain(tiny_images, TARGETS)
    assert torch.equal(torch.get_rng_state(), state)
    for number in (0, 4):
        alone = method.explain(tiny_images[number : number + 1], TARGETS[number : number + 1])
        assert torch.equal(alone.maps[0], together.maps[number])


def test_groups_of_several_images_give_the_same_masks(
    tiny_classifier: Classifier, tiny_images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU, where images are searched together and the last group is padded."""
    method = create_method("extremal_perturbation", tiny_classifier, areas="20,40", iterations=20)
    single = method.explain(tiny_images, TARGETS)
    monkeypatch.setitem(_mask_optimisation.GROUP_SIZES, "cpu", 4)
    grouped = method.explain(tiny_images, TARGETS)
    torch.testing.assert_close(grouped.maps, single.maps, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        grouped.extras["masked_logit"], single.extras["masked_logit"], atol=1e-4, rtol=1e-4
    )
    alone = method.explain(tiny_images[5:], TARGETS[5:])
    torch.testing.assert_close(alone.maps[0], grouped.maps[5], atol=1e-4, rtol=1e-4)
