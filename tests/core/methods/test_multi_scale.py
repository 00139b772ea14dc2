"""Image sizes, which of them count, and that nothing depends on how the work is split."""

from __future__ import annotations

import pytest
import torch

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.errors import LayerError
from saliency_core.methods import _multi_scale
from saliency_core.methods._multi_scale import (
    accepts,
    literal_resolutions,
    pixel_equivalents,
    resized,
    scaled_sizes,
    scales,
)
from tests.core.methods.literal_cam import TARGETS, resize

CAMERAS8 = list(range(224, 1000, 100))


def test_literal_sizes() -> None:
    assert literal_resolutions(224, 400, 4) == [224, 324, 424, 524]
    assert literal_resolutions(224, 800, 8) == CAMERAS8
    assert literal_resolutions(224, 400, 4, extra_pass=True) == [224, 324, 424, 524, 624]
    assert literal_resolutions(224, 500, 3) == [224, 390, 556]  # ⌊500 / 3⌋ = 166
    assert literal_resolutions(32, 0, 1) == [32]


def test_sizes_are_in_proportion_to_the_first() -> None:
    assert scaled_sizes([224, 324, 424, 524], (224, 224)) == [(side, side) for side in (224, 324, 424, 524)]
    assert scaled_sizes([224, 324], (384, 448)) == [(384, 448), (555, 648)]  # 555.43 and 648
    assert scaled_sizes([2, 3], (5, 7)) == [(5, 7), (8, 11)]  # 7.5 and 10.5, upwards


def test_published_costs() -> None:
    """Pixels of all sizes, in pictures of 224 × 224: METHODS.md sections 1.7 and 5.1."""
    assert pixel_equivalents([224, 324, 424, 524]) == pytest.approx(12.15, abs=0.005)
    assert pixel_equivalents(CAMERAS8) == pytest.approx(60.9, abs=0.05)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_images_are_enlarged_as_in_double_precision(interpolation: str, tiny_images: torch.Tensor) -> None:
    for size in ((64, 64), (45, 57)):
        found = resized(tiny_images[:1], size, interpolation)[0].double()
        expected = torch.from_numpy(resize(tiny_images[0].double().numpy(), *size, interpolation))
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert resized(tiny_images, (32, 32), interpolation) is tiny_images


@pytest.mark.parametrize(
    ("rule", "first", "later"),
    [
        # image 0: its class is predicted at both sizes; 1: at the first only; 2: at the second only; 3: never
        ("auto", [True, True, True, True], [True, False, True, True]),
        ("keep_first", [True, True, True, True], [True, False, True, False]),
        ("strict", [True, True, False, False], [True, False, True, False]),
        ("off", [True, True, True, True], [True, True, True, True]),
    ],
)
def test_the_class_filter(rule: str, first: list[bool], later: list[bool]) -> None:
    targets = torch.tensor([4, 4, 4, 4])
    at_first, at_second = torch.tensor([4, 4, 0, 0]), torch.tensor([4, 1, 4, 1])
    assert accepts(rule, True, at_first, at_first, targets).tolist() == first
    assert accepts(rule, False, at_second, at_first, targets).tolist() == later


@pytest.mark.parametrize("key", ["cameras", "msg_cam"])
def test_a_class_that_is_never_predicted(
    key: str, tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    """No size is left under "strict", which is no 0 / 0; "auto" takes all of them."""
    never = tiny_classifier.logits(tiny_images).argmin(1)
    fixed = {"resolutions": "32,44,64"}

    def explain(rule: str):
        return create_method(key, tiny_classifier, class_filter=rule, **fixed).explain(tiny_images, never)

    strict = explain("strict")
    assert strict.degenerate.all()
    assert strict.maps.abs().sum() == 0
    assert strict.extras["accepted_scales"].tolist() == [0] * 6
    assert explain("auto").extras["accepted_scales"].tolist() == [3] * 6
    assert torch.equal(explain("auto").maps, explain("off").maps)
    single = create_method(key, tiny_classifier, resolutions="32").explain(tiny_images, never)
    kept = explain("keep_first")
    alone = kept.extras["accepted_scales"] == 1
    assert alone.any()
    torch.testing.assert_close(kept.maps[alone], single.maps[alone])


@pytest.mark.parametrize("key", ["cameras", "msg_cam"])
def test_nothing_depends_on_how_the_work_is_split(
    key: str, tiny_classifier: Classifier, tiny_images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = create_method(key, tiny_classifier, resolutions="32,44,64", layer="features.1")
    together = method.explain(tiny_images, TARGETS)
    monkeypatch.setattr(_multi_scale, "usual_batch", lambda classifier: 2)
    assert _multi_scale.images_at_once(tiny_classifier) == 1
    split = method.explain(tiny_images, TARGETS)
    torch.testing.assert_close(split.maps, together.maps, atol=1e-6, rtol=1e-5)
    assert torch.equal(split.extras["accepted_scales"], together.extras["accepted_scales"])
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    shuffled = method.explain(tiny_images[order], TARGETS[order])
    torch.testing.assert_close(shuffled.maps, together.maps[order], atol=1e-6, rtol=1e-5)


def test_large_sizes_run_fewer_images_at_a_time(
    tiny_classifier: Classifier, tiny_images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    model = tiny_classifier.model
    model.register_forward_pre_hook(lambda module, inputs: seen.append(tuple(inputs[0].shape)))
    monkeypatch.setattr(_multi_scale, "usual_batch", lambda classifier: 4)
    found = scales(tiny_classifier, "features.3", tiny_images, TARGETS, [32, 64, 128], "bilinear", "off")
    assert [len(scale.features) for scale in found] == [6, 6, 6]
    batches = [(shape[0], shape[2]) for shape in seen]
    assert batches == [(4, 32), (2, 32), *[(1, 64)] * 6, *[(1, 128)] * 6]


@pytest.mark.parametrize("key", ["cameras", "msg_cam"])
def test_images_of_other_shapes(key: str, tiny_classifier: Classifier) -> None:
    images = torch.randn(2, 3, 40, 56, generator=torch.Generator().manual_seed(2))
    method = create_method(key, tiny_classifier, resolutions="224,324")
    explanation = method.explain(images, tiny_classifier.logits(images).argmax(1))
    assert explanation.maps.shape == (2, 40, 56)
    assert not explanation.degenerate.all()


class OneSize(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = torch.nn.Conv2d(3, 4, 3, stride=4)
        self.head = torch.nn.Linear(4 * 8 * 8, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(images).flatten(1))


@pytest.mark.parametrize("key", ["cameras", "msg_cam"])
def test_a_model_that_takes_one_size_only_is_refused_at_once(key: str) -> None:
    classifier = Classifier(OneSize(), name="one size", preprocessing=Preprocessing(size=32))
    with pytest.raises(LayerError, match=r"one size takes images of 32 × 32 pixels only, and not of 46 × 46"):
        create_method(key, classifier)
    create_method(key, classifier, resolutions="224")
