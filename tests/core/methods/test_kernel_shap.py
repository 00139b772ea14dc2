from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pytest
import torch

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.methods._linear_models import shapley_values
from saliency_core.methods._superpixels import coalition_scores, divided
from saliency_core.methods.kernel_shap import coalitions_of, shapley_kernel
from tests.core.methods.superpixel_game import LinearClassifier, contributions

TARGETS = torch.tensor([0, 1, 2, 3, 4, 0])


def score_of(members: frozenset[int]) -> float:
    """A game of three: 0 and 1 are worth 6 together and nothing alone; 2 adds 3, but only without 0."""
    return 6.0 * ({0, 1} <= members) + 3.0 * (2 in members and 0 not in members)


def test_a_game_solved_by_hand() -> None:
    """Player 0 adds 6 or −3 (or both), 1 adds 6 after 0, 2 adds 3 before 0: φ = (1.5, 3, 1.5) of 6."""
    coalitions, weights = coalitions_of(3, 10, torch.Generator())
    assert len(coalitions) == 6
    outputs = np.array([score_of(frozenset(np.flatnonzero(row).tolist())) for row in coalitions])
    full = score_of(frozenset((0, 1, 2)))
    values = shapley_values(coalitions.astype(float), outputs, weights, 0.0, full)
    np.testing.assert_allclose(values, [1.5, 3.0, 1.5], atol=1e-12)


def test_kernel_by_hand() -> None:
    assert shapley_kernel(4, 1) == shapley_kernel(4, 3) == pytest.approx(3 / (4 * 1 * 3))
    assert shapley_kernel(4, 2) == pytest.approx(3 / (6 * 2 * 2))


def literal_shapley(players: int, score: dict[frozenset[int], float]) -> list[float]:
    """The definition: the mean marginal contribution over all orders."""
    values = []
    for player in range(players):
        others = [other for other in range(players) if other != player]
        total = 0.0
        for size in range(players):
            share = factorial(size) * factorial(players - size - 1) / factorial(players)
            for members in combinations(others, size):
                before = frozenset(members)
                total += share * (score[before | {player}] - score[before])
        values.append(total)
    return values


def test_all_coalitions_give_the_shapley_values_of_a_network(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    method = create_method(
        "kernel_shap", tiny_classifier, segments=9, compactness=1000, samples=600, output="logit"
    )
    image, target = tiny_images[:1], TARGETS[1:2]
    superpixels = divided(tiny_classifier, image, method.parameters)
    players = superpixels.counts[0]
    assert 3 <= players <= 9
    every = [
        frozenset(members) for size in range(players + 1) for members in combinations(range(players), size)
    ]
    rows = np.array([[player in members for player in range(players)] for members in every])
    (scores,) = coalition_scores(tiny_classifier, superpixels, [rows], target, "logit")
    expected = literal_shapley(players, dict(zip(every, scores.tolist(), strict=True)))
    saliency = method.explain(image, target).maps[0]
    torch.testing.assert_close(
        saliency.double(),
        torch.tensor(expected, dtype=torch.float64)[superpixels.labels[0]],
        atol=1e-5,
        rtol=1e-5,
    )


@pytest.mark.parametrize("samples", [30, 101])
def test_values_of_a_sampled_draw_sum_to_the_gain(
    samples: int, tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    """Efficiency: Σφ = f(x) − f(baseline), however few coalitions are drawn."""
    method = create_method(
        "kernel_shap", tiny_classifier, segments=25, samples=samples, baseline="zero", output="logit"
    )
    explanation = method.explain(tiny_images, TARGETS)
    superpixels = divided(tiny_classifier, tiny_images, method.parameters)
    assert min(superpixels.counts) > 10
    with torch.no_grad():
        shown = tiny_classifier.model(tiny_images)
        hidden = tiny_classifier.model(torch.zeros_like(tiny_images))
    gains = (shown - hidden).gather(1, TARGETS[:, None])[:, 0].double()
    torch.testing.assert_close(explanation.extras["score_gain"], gains, atol=1e-5, rtol=1e-5)
    for number, saliency in enumerate(explanation.maps):
        values = [
            saliency[superpixels.labels[number] == part][0].double()
            for part in range(superpixels.counts[number])
        ]
        torch.testing.assert_close(torch.stack(values).sum(), gains[number], atol=1e-5, rtol=1e-5)


def test_recovers_the_contributions_of_a_linear_classifier(tiny_images: torch.Tensor) -> None:
    classifier = LinearClassifier()
    method = create_method("kernel_shap", classifier, segments=25, samples=200)
    explanation = method.explain(tiny_images, torch.ones(6, dtype=torch.int64))
    superpixels = divided(classifier, tiny_images, method.parameters)
    expected = contributions(classifier, tiny_images, superpixels.canvas, superpixels.labels, 1)
    for number, (values, labels) in enumerate(zip(expected, superpixels.labels, strict=True)):
        torch.testing.assert_close(explanation.maps[number].double(), values[labels], atol=1e-5, rtol=1e-4)


def test_drawn_coalitions_come_with_their_complements() -> None:
    coalitions, weights = coalitions_of(20, 4000, torch.Generator().manual_seed(0))
    assert coalitions.shape == (4000, 20)
    assert (coalitions[:2000] ^ coalitions[2000:]).all()
    sizes = coalitions.sum(1)
    assert sizes.min() >= 1 and sizes.max() <= 19
    assert (weights == 1).all()
    chances = np.array([1 / (size * (20 - size)) for size in range(1, 20)])
    found = np.bincount(sizes, minlength=20)[1:20] / len(sizes)
    np.testing.assert_allclose(found, chances / chances.sum(), atol=0.02)
    # Within a size every player is as likely as any other.
    assert abs(coalitions.mean(0) - 0.5).max() < 1e-12


def test_a_batch_equals_single_images(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    method = create_method("kernel_shap", tiny_classifier, segments=20, samples=80)
    state = torch.get_rng_state()
    together = method.explain(tiny_images, TARGETS)
    assert torch.equal(torch.get_rng_state(), state)
    for number in range(6):
        alone = method.explain(tiny_images[number : number + 1], TARGETS[number : number + 1])
        torch.testing.assert_close(alone.maps[0], together.maps[number], atol=1e-6, rtol=1e-5)


def test_images_without_effect_and_undefined_images_are_flagged(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    images = tiny_images.clone()
    images[1] = 0.3
    images[2, 0, 0, 0] = float("nan")
    method = create_method("kernel_shap", tiny_classifier, segments=9, samples=40)
    assert method.explain(images, TARGETS).degenerate.tolist()[:4] == [False, True, True, False]
