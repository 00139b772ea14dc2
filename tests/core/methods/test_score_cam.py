from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.errors import LayerError
from saliency_core.methods.registry import method_description
from saliency_core.scoring.scorer import Scorer
from tests.core.methods.literal_masking import Network, enlarge, softmax, stretch

TARGETS = torch.tensor([0, 1, 2, 3, 4, 0])


def make_channel_constant(classifier: Classifier, channel: int, value: float) -> None:
    """Channel of the last convolution that is the same everywhere, whatever the image."""
    with torch.no_grad():
        classifier.model.features[2].weight[channel].zero_()
        classifier.model.features[2].bias[channel] = value


def literal(network: Network, image: np.ndarray, target: int, variant: str) -> np.ndarray:
    size = image.shape[1:]
    features = [maps for maps in network.features(image) if maps.max() > maps.min()]
    scores = []
    for maps in features:
        if variant == "logit_softmax":
            mask = enlarge(stretch(maps), *size)
        else:
            mask = stretch(enlarge(maps, *size))
        every = network.probabilities(image * mask) if variant == "official" else network.logits(image * mask)
        scores.append(every[target])
    if variant == "official":
        enlarged = [enlarge(maps, *size) for maps in features]
        return np.maximum(sum(s * maps for s, maps in zip(scores, enlarged, strict=True)), 0)
    baseline = network.logits(np.zeros_like(image))[target]
    weights = softmax(np.array(scores) - baseline)
    cam = sum(weight * maps for weight, maps in zip(weights, features, strict=True))
    return enlarge(np.maximum(cam, 0), *size)


# Layer 2 is a convolution with negative values, layer 3 its ReLU.
@pytest.mark.parametrize("layer", [2, 3])
@pytest.mark.parametrize("variant", ["official", "paper", "logit_softmax"])
def test_equals_the_literal_form(
    variant: str, layer: int, tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    make_channel_constant(tiny_classifier, 4, 0.7)
    method = create_method("score_cam", tiny_classifier, layer=f"features.{layer}", variant=variant)
    explanation = method.explain(tiny_images[:2], TARGETS[:2])
    assert not explanation.degenerate.any()
    network = Network(tiny_classifier.model, layer + 1)
    for image, target, saliency in zip(tiny_images.double().numpy(), TARGETS, explanation.maps, strict=False):
        expected = literal(network, image, int(target), variant)
        np.testing.assert_allclose(saliency.numpy(), expected, atol=1e-5 * expected.max())
        assert expected.std() > 0.01 * expected.max()


def test_constant_channels_are_neither_divided_nor_scored(
    tiny_classifier: Classifier, tiny_images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored: list[int] = []
    original = Scorer.score_composed

    def counting(self: Scorer, number: int, *arguments: object) -> torch.Tensor:
        scored.append(number)
        return original(self, number, *arguments)

    monkeypatch.setattr(Scorer, "score_composed", counting)
    method = create_method("score_cam", tiny_classifier, layer="features.2")
    method.explain(tiny_images, TARGETS)
    make_channel_constant(tiny_classifier, 0, 0.0)
    make_channel_constant(tiny_classifier, 3, 2.5)
    explanation = method.explain(tiny_images, TARGETS)
    assert scored == [6 * 6, 6 * 4]
    assert explanation.maps.isfinite().all()
    for channel in range(6):
        make_channel_constant(tiny_classifier, channel, 1.0)
    assert method.explain(tiny_images, TARGETS).degenerate.all()
    assert scored[2:] == [0]


@pytest.mark.parametrize("variant", ["official", "paper", "logit_softmax"])
def test_batch_equals_single_also_over_the_scorers_batches(
    variant: str, tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    method = create_method("score_cam", tiny_classifier, variant=variant)  # 6 × 6 masks in batches of 32
    together = method.explain(tiny_images, TARGETS).maps
    for number in range(6):
        alone = method.explain(tiny_images[number : number + 1], TARGETS[number : number + 1]).maps[0]
        torch.testing.assert_close(alone, together[number], atol=1e-6, rtol=1e-5)


def test_a_broken_image_does_not_spread(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    method = create_method("score_cam", tiny_classifier)
    expected = method.explain(tiny_images, TARGETS)
    broken = tiny_images.clone()
    broken[1, 0, 3, 3] = float("nan")
    explanation = method.explain(broken, TARGETS)
    assert explanation.degenerate.tolist() == [False, True, False, False, False, False]
    others = [0, 2, 3, 4, 5]
    torch.testing.assert_close(explanation.maps[others], expected.maps[others])


def test_layers_without_feature_maps_are_refused(tiny_classifier: Classifier) -> None:
    method = create_method("score_cam", tiny_classifier, layer="head")
    with pytest.raises(LayerError, match=r"'head' of tiny gives no feature maps"):
        method.explain(torch.zeros(1, 3, 32, 32), torch.tensor([0]))
    assert not tiny_classifier.model.head._forward_hooks


def test_cost_is_one_forward_pass_a_channel() -> None:
    description = method_description("score_cam")
    assert description.cost({"channels": 2048}).forwards == 2049
    assert description.cost(description.validate({})).forwards == 513


STATUS = Path("/proc/self/status")


class ManyChannels(torch.nn.Module):
    """1024 channels of 14 × 14 that cost little to compute."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = torch.nn.AvgPool2d(16)
        self.wide = torch.nn.Sequential(torch.nn.Conv2d(3, 1024, 1), torch.nn.ReLU())
        self.head = torch.nn.Linear(1024, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.wide(self.pool(images)).mean((2, 3)))


def peak_growth() -> float:
    """MB by which this process grew at most while Score-CAM masked a 224 × 224 image with 1024 channels."""
    torch.manual_seed(0)
    classifier = Classifier(ManyChannels(), name="many", preprocessing=Preprocessing(), default_layer="wide")
    method = create_method("score_cam", classifier)
    images = torch.randn(2, 3, 224, 224)
    Scorer(classifier, batch_size=2).score_images(images)  # what the first forward pass allocates for good
    before = resident("VmRSS")
    explanation = method.explain(images, torch.tensor([0, 1]))
    assert not explanation.degenerate.any()
    return resident("VmHWM") - before


def resident(what: str) -> float:
    """MB resident now (VmRSS) or at most so far (VmHWM); ru_maxrss would begin with the parent's."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(what))
    return int(line.split()[1]) * 1024 / 1e6


@pytest.mark.skipif(not STATUS.exists(), reason="reads the memory's size from /proc")
def test_memory_is_bounded_by_the_batch_not_by_the_channels() -> None:
    """All masks would be 2 · 1024 · 224² floats = 411 MB, the masked images three times that."""
    code = "from tests.core.methods.test_score_cam import peak_growth; print(peak_growth())"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        timeout=240,
    )
    assert ran.returncode == 0, ran.stderr
    grown = float(ran.stdout.split()[-1])
    assert grown < 300, f"{grown:.0f} MB"
