from __future__ import annotations

import numpy as np
import pytest
import torch

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.methods._linear_models import determination, lasso, ridge
from saliency_core.methods._random import image_generator
from saliency_core.methods._superpixels import coalition_scores, divided
from tests.core.methods.superpixel_game import LinearClassifier, contributions

TARGETS = torch.tensor([0, 1, 2, 3, 4, 0])
SMALL = {"segments": 9, "samples": 60}


@pytest.mark.parametrize("baseline", ["superpixel_mean", "zero", "blur"])
def test_recovers_the_contributions_of_a_linear_classifier(baseline: str, tiny_images: torch.Tensor) -> None:
    classifier = LinearClassifier()
    method = create_method("lime", classifier, **SMALL, alpha=0, baseline=baseline)
    explanation = method.explain(tiny_images, torch.ones(6, dtype=torch.int64))
    superpixels = divided(classifier, tiny_images, method.parameters)
    expected = contributions(classifier, tiny_images, superpixels.canvas, superpixels.labels, 1)
    for number, (values, labels) in enumerate(zip(expected, superpixels.labels, strict=True)):
        torch.testing.assert_close(explanation.maps[number].double(), values[labels], atol=1e-5, rtol=1e-4)
    assert explanation.extras["r_squared"].min() > 1 - 1e-6
    assert explanation.extras["segments"].tolist() == list(superpixels.counts)


def test_equals_a_literal_fit(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    """One perturbed image after the other, and the penalised normal equations solved directly."""
    method = create_method("lime", tiny_classifier, **SMALL)
    explanation = method.explain(tiny_images[:2], TARGETS[:2])
    for number in range(2):
        image, target = tiny_images[number], int(TARGETS[number])
        superpixels = divided(tiny_classifier, tiny_images[number : number + 1], method.parameters)
        labels, count = superpixels.labels[0], superpixels.counts[0]
        colours = [image[:, labels == part].double().mean(1) for part in range(count)]
        shown = torch.rand(60, count, generator=image_generator(0, image)) < 0.5
        shown[0] = True
        rows, scores, weights = [], [], []
        for sample in shown:
            copy = image.clone()
            for part in range(count):
                if not sample[part]:
                    copy[:, labels == part] = colours[part].float()[:, None]
            with torch.no_grad():
                scores.append(float(tiny_classifier.model(copy[None])[0].double().softmax(0)[target]))
            rows.append([1.0, *sample.double().tolist()])
            # The cosine of the angle between a 0/1 vector and all ones.
            cosine = float(sample.sum()) / max(np.sqrt(float(sample.sum()) * count), 1e-300)
            weights.append(np.exp(-((1 - cosine) ** 2) / (2 * 0.25**2)))
        design, weight = np.array(rows), np.diag(weights)
        penalty = np.diag([0.0] + [1.0] * count)
        solution = np.linalg.solve(design.T @ weight @ design + penalty, design.T @ weight @ np.array(scores))
        expected = torch.from_numpy(solution[1:])[labels]
        torch.testing.assert_close(explanation.maps[number].double(), expected, atol=1e-6, rtol=1e-5)


def test_superpixel_means_and_scores(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    method = create_method("lime", tiny_classifier, **SMALL)
    superpixels = divided(tiny_classifier, tiny_images[:2], method.parameters)
    for part in range(superpixels.counts[1]):
        inside = superpixels.labels[1] == part
        assert inside.any()
        mean = tiny_images[1][:, inside].mean(1)
        torch.testing.assert_close(
            superpixels.canvas[1][:, inside], mean[:, None].expand(3, int(inside.sum()))
        )
    rows = [np.ones((1, count), dtype=bool) for count in superpixels.counts]
    scores = coalition_scores(tiny_classifier, superpixels, rows, TARGETS[:2], "logit")
    with torch.no_grad():
        logits = tiny_classifier.model(tiny_images[:2])
    assert [score.item() for score in scores] == pytest.approx([logits[0, 0].item(), logits[1, 1].item()])


def test_batch_seed_and_memory_of_draws(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    method = create_method("lime", tiny_classifier, **SMALL)
    state = torch.get_rng_state()
    together = method.explain(tiny_images, TARGETS)
    assert torch.equal(torch.get_rng_state(), state)
    for number in range(6):
        alone = method.explain(tiny_images[number : number + 1], TARGETS[number : number + 1])
        torch.testing.assert_close(alone.maps[0], together.maps[number], atol=1e-6, rtol=1e-5)
    other = create_method("lime", tiny_classifier, **SMALL, seed=1).explain(tiny_images, TARGETS)
    assert not torch.allclose(other.maps, together.maps)


def test_lasso_drops_superpixels(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    settings = {**SMALL, "regression": "lasso"}
    sparse = create_method("lime", tiny_classifier, **settings, alpha=0.005).explain(tiny_images, TARGETS)
    full = create_method("lime", tiny_classifier, **settings, alpha=0).explain(tiny_images, TARGETS)
    assert (sparse.maps == 0).sum() > (full.maps == 0).sum()
    none = create_method("lime", tiny_classifier, **settings, alpha=10).explain(tiny_images, TARGETS)
    assert none.degenerate.all()


def test_images_without_effect_and_undefined_images_are_flagged(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    images = tiny_images.clone()
    images[1] = 0.3  # every superpixel's mean colour is what it already shows
    images[2, 0, 0, 0] = float("nan")
    explanation = create_method("lime", tiny_classifier, **SMALL).explain(images, TARGETS)
    assert explanation.degenerate.tolist()[:4] == [False, True, True, False]


class TestLinearModels:
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(40, 5))
    outputs = generator.normal(size=40)
    weights = generator.uniform(0.1, 2, 40)

    def test_ridge_by_hand(self) -> None:
        """x = 0, 1, y = 1, 3, weights 1: centred slope Σxy / (Σx² + α) = 1 / (½ + α)."""
        inputs, outputs = np.array([[0.0], [1.0]]), np.array([1.0, 3.0])
        for penalty, slope in ((0.0, 2.0), (0.5, 1.0), (1.5, 0.5)):
            coefficients, intercept = ridge(inputs, outputs, np.ones(2), penalty)
            assert coefficients[0] == pytest.approx(slope)
            assert intercept == pytest.approx(2 - slope / 2)

    def test_ridge_has_no_slope_left(self) -> None:
        coefficients, intercept = ridge(self.inputs, self.outputs, self.weights, 0.7)
        errors = self.weights * (self.outputs - intercept - self.inputs @ coefficients)
        np.testing.assert_allclose(self.inputs.T @ errors, 0.7 * coefficients, atol=1e-10)
        assert errors.sum() == pytest.approx(0, abs=1e-10)

    def test_lasso_meets_its_optimality_conditions(self) -> None:
        penalty = 0.1
        coefficients, intercept = lasso(self.inputs, self.outputs, self.weights, penalty)
        errors = self.weights * (self.outputs - intercept - self.inputs @ coefficients)
        slopes = self.inputs.T @ errors / self.weights.sum()
        assert (coefficients == 0).any() and (coefficients != 0).any()
        for slope, coefficient in zip(slopes, coefficients, strict=True):
            if coefficient:
                assert slope == pytest.approx(penalty * np.sign(coefficient), abs=1e-9)
            else:
                assert abs(slope) <= penalty + 1e-12

    def test_lasso_without_penalty_is_least_squares(self) -> None:
        expected, _ = ridge(self.inputs, self.outputs, self.weights, 0)
        found, _ = lasso(self.inputs, self.outputs, self.weights, 0)
        np.testing.assert_allclose(found, expected, atol=1e-8)

    def test_determination(self) -> None:
        outputs, weights = np.array([0.0, 2.0]), np.ones(2)
        assert determination(outputs, outputs, weights) == 1
        assert determination(outputs, np.array([1.0, 1.0]), weights) == 0
        assert determination(np.ones(2), np.ones(2), weights) == 1
