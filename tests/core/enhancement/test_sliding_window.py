from __future__ import annotations

import cmath
import math
from typing import ClassVar

import numpy as np
import pytest
import torch

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.descriptions import Cost, MethodDescription
from saliency_core.enhancement.description import SLIDING_WINDOW, enhanced_description
from saliency_core.enhancement.sliding_window import SlidingWindowEnhancement, create_enhanced_method
from saliency_core.enhancement.windows import window_grid
from saliency_core.errors import ParameterError
from saliency_core.methods.base import Method
from saliency_core.methods.registry import method_description

TARGETS = torch.tensor([0, 1, 2, 3, 4, 0])
GRID = {"window": 12, "stride": 5}  # does not end at 32: rows 0, 5, 10, 15, 20


def bilinear(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Half-pixel bilinear interpolation of [h, w], pixel by pixel."""
    result = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            place = []
            for position, size, old in ((y, height, values.shape[0]), (x, width, values.shape[1])):
                source = max((position + 0.5) * old / size - 0.5, 0)
                low = min(int(source), old - 1)
                place.append((low, min(low + 1, old - 1), source - low))
            (top, bottom, down), (left, right, across) = place
            upper = values[top, left] * (1 - across) + values[top, right] * across
            lower = values[bottom, left] * (1 - across) + values[bottom, right] * across
            result[y, x] = upper * (1 - down) + lower * down
    return result


def stretched(values: np.ndarray) -> np.ndarray:
    span = values.max() - values.min()
    return (values - values.min()) / span if span > 0 else np.zeros_like(values)


def filtered(values: np.ndarray, cutoff: float) -> np.ndarray:
    """Fourier coefficients by their definition, one distance to the zero frequency after the other."""
    size = len(values)
    basis = np.array([[cmath.exp(-2j * math.pi * f * t / size) for t in range(size)] for f in range(size)])
    spectrum = basis @ values @ basis.T
    for y in range(size):
        for x in range(size):
            distance = math.hypot(min(y, size - y), min(x, size - x))
            if distance > cutoff * size / 224:
                spectrum[y, x] = 0
    return (basis.conj() @ spectrum @ basis.conj().T).real / size**2


def literal_enhancement(
    method: Method, image: torch.Tensor, target: int, base_term: str, divide: bool, cutoff: float
) -> np.ndarray:
    """Equations 4-1 to 4-10, one window and one pixel at a time, in double precision."""
    size, window, stride = image.shape[1], GRID["window"], GRID["stride"]

    def base_map(picture: np.ndarray) -> np.ndarray:
        tensor = torch.from_numpy(picture[None].astype(np.float32))
        return stretched(method.explain(tensor, torch.tensor([target])).maps[0].double().numpy())

    def probability(picture: np.ndarray) -> float:
        with torch.no_grad():
            logits = method.classifier.model(torch.from_numpy(picture[None].astype(np.float32)))[0].double()
        return float(torch.exp(logits[target]) / torch.exp(logits).sum())

    pixels = image.double().numpy()
    whole, total, coverage = base_map(pixels), np.zeros((size, size)), np.zeros((size, size))
    for top in range(0, size - window + 1, stride):
        for left in range(0, size - window + 1, stride):
            crop = pixels[:, top : top + window, left : left + window]
            enlarged = np.stack([bilinear(channel, size, size) for channel in crop])
            part = probability(enlarged) * bilinear(base_map(enlarged), window, window)
            if base_term == "per_window":
                part = part + whole[top : top + window, left : left + window]
            total[top : top + window, left : left + window] += part
            coverage[top : top + window, left : left + window] += 1
    assert coverage.min() >= 1
    if divide:
        total = total / coverage
    if base_term == "once":
        total = total + whole
    return filtered(total, cutoff)


@pytest.mark.parametrize("divide", [False, True])
@pytest.mark.parametrize("base_term", ["per_window", "once", "none"])
def test_equals_the_literal_equations(
    base_term: str, divide: bool, tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    method = create_method("grad_cam", tiny_classifier, layer="features.1")
    enhanced = SlidingWindowEnhancement(
        method, **GRID, base_term=base_term, coverage_normalise=divide, cutoff=49
    )
    explanation = enhanced.explain(tiny_images[:2], TARGETS[:2])
    assert not explanation.degenerate.any()
    for number in range(2):
        expected = literal_enhancement(
            method, tiny_images[number], int(TARGETS[number]), base_term, divide, 49
        )
        torch.testing.assert_close(
            explanation.maps[number].double(), torch.from_numpy(expected), atol=1e-5, rtol=1e-5
        )


class Recorder(Method):
    """A method that notes what it is asked and marks every pixel by its brightness."""

    description: ClassVar[MethodDescription] = MethodDescription(
        key="recorder",
        title="Recorder",
        family="baseline",
        needs=(),
        parameters=(),
        paper="none",
        summary="For tests.",
        cost=lambda parameters: Cost(forwards=3, backwards=1),
    )

    def __init__(self, classifier: Classifier) -> None:
        super().__init__(classifier)
        self.batches: list[tuple[torch.Tensor, torch.Tensor]] = []

    def _maps(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        self.batches.append((images.clone(), targets.clone()))
        return images.sum(1), {"brightness": images.mean((1, 2, 3))}


def test_windows_of_many_images_share_batches_and_keep_the_class(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    method = Recorder(tiny_classifier)
    explanation = SlidingWindowEnhancement(method, **GRID).explain(tiny_images[:3], TARGETS[:3])
    assert [len(images) for images, _ in method.batches] == [8] * 9 + [6]  # 3 × (1 + 25), 8 at a time
    targets = torch.cat([targets for _, targets in method.batches])
    assert targets.tolist() == [0] * 26 + [1] * 26 + [2] * 26
    pictures = torch.cat([images for images, _ in method.batches])
    assert torch.equal(pictures[[0, 26, 52]], tiny_images[:3])
    crop = tiny_images[1:2, :, 5:17, 10:22]
    enlarged = torch.nn.functional.interpolate(crop, size=(32, 32), mode="bilinear")
    torch.testing.assert_close(pictures[26 + 1 + 5 * 1 + 2], enlarged[0])
    # The base method's extras are those of the whole images.
    torch.testing.assert_close(explanation.extras["base_brightness"], tiny_images[:3].mean((1, 2, 3)))


@pytest.mark.parametrize("key", ["grad_cam", "random_map"])
def test_a_batch_equals_single_images(
    key: str, tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    method = create_enhanced_method(key, tiny_classifier)
    together = method.explain(tiny_images, TARGETS)
    assert together.maps.shape == (6, 32, 32)
    assert together.maps.dtype == torch.float32
    for number in range(6):
        alone = method.explain(tiny_images[number : number + 1], TARGETS[number : number + 1])
        torch.testing.assert_close(alone.maps[0], together.maps[number], atol=2e-5, rtol=1e-5)
        for name, values in together.extras.items():
            torch.testing.assert_close(alone.extras[name][0], values[number], atol=1e-5, rtol=1e-5)
    assert method.explain(tiny_images, TARGETS).maps.equal(together.maps)


def test_without_any_map_the_result_is_flagged_zeros(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    torch.nn.init.zeros_(tiny_classifier.model.head.weight)
    explanation = create_enhanced_method("grad_cam", tiny_classifier).explain(tiny_images, TARGETS)
    assert explanation.degenerate.all()
    assert explanation.maps.abs().sum() == 0
    assert explanation.extras["degenerate_windows"].eq(1).all()
    assert explanation.extras["coverage_correlation"].eq(0).all()


def test_correlations_are_reported(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    """The map of S₀ = 0 and the same sₖ everywhere follows the bare coverage, and the extras say so."""
    enhanced = create_enhanced_method("centre_gaussian", tiny_classifier, {}, {"base_term": "none"})
    explanation = enhanced.explain(tiny_images, TARGETS)
    base = create_method("centre_gaussian", tiny_classifier).explain(tiny_images, TARGETS).maps
    coverage = window_grid(32, 32).coverage()
    for number, saliency in enumerate(explanation.maps):
        rows = torch.stack([saliency.flatten(), coverage.flatten(), base[number].flatten()])
        expected = torch.corrcoef(rows.double())[0]
        assert explanation.extras["coverage_correlation"][number].item() == pytest.approx(expected[1].item())
        assert explanation.extras["base_correlation"][number].item() == pytest.approx(expected[2].item())
    assert explanation.extras["coverage_correlation"].min() > 0.7


def test_leaves_the_model_alone_and_works_in_inference_mode(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    model = tiny_classifier.model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    with torch.inference_mode():
        explanation = create_enhanced_method("grad_cam", tiny_classifier).explain(tiny_images, TARGETS)
    assert explanation.maps.isfinite().all()
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def test_cost_of_the_usual_windows() -> None:
    assert SLIDING_WINDOW.windows({}) == 25
    assert SLIDING_WINDOW.cost(Cost(forwards=1, backwards=1), {}) == Cost(forwards=26 + 25, backwards=26)
    assert SLIDING_WINDOW.cost(Cost(forwards=8000), {}).forwards == 208_025
    assert SLIDING_WINDOW.cost(Cost(forwards=1), {"stride": 64}).forwards == 10 + 9
    described = enhanced_description(method_description("grad_cam"))
    assert described.work({}).forward_equivalents == 26 * 3 + 25
    assert described.work({"enhancement": {"stride": 64}}).forward_equivalents == 10 * 3 + 9


def test_description_and_parameters_hold_both(tiny_classifier: Classifier) -> None:
    method = create_enhanced_method("grad_cam", tiny_classifier, {"layer": "features.1"}, {"stride": "16"})
    assert method.description.title == "Grad-CAM + sliding-window enhancement"
    assert method.parameters["layer"] == "features.1"
    assert method.parameters["enhancement"] == {**SLIDING_WINDOW.validate({}), "stride": 16}
    assert method.description.validate({"enhancement": {"stride": 16}})["enhancement"]["stride"] == 16
    for parameter in SLIDING_WINDOW.parameters:
        assert parameter.title and parameter.help and parameter.source
        assert parameter.validate(parameter.default) == parameter.default


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"windows": 3}, "no parameter 'windows'.*Did you mean 'window'"),
        ({"base_term": "twice"}, "one of per_window, once, none"),
        ({"cutoff": 0}, "at least 0.5"),
    ],
)
def test_wrong_parameters_are_refused(
    parameters: dict[str, object], message: str, tiny_classifier: Classifier
) -> None:
    with pytest.raises(ParameterError, match=message):
        create_enhanced_method("grad_cam", tiny_classifier, {}, parameters)
