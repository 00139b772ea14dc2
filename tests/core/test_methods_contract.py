"""What holds for every method in the registry."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.errors import ParameterError
from saliency_core.methods.registry import method_descriptions

pytestmark = pytest.mark.parametrize("key", [description.key for description in method_descriptions()])
TARGETS = torch.tensor([0, 1, 2, 3, 4, 0])


def state_of(model: torch.nn.Module) -> dict[str, Any]:
    return {
        "modes": [module.training for module in model.modules()],
        "hooks": [
            (len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks))
            for m in model.modules()
        ],
        "values": {name: value.clone() for name, value in model.state_dict().items()},
        "gradients": [(p.requires_grad, p.grad) for p in model.parameters()],
        "strides": [p.stride() for p in model.parameters()],
    }


@pytest.mark.parametrize("frozen", [True, False])
def test_leaves_the_model_as_it_was(
    key: str, frozen: bool, tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    model = tiny_classifier.model
    model.requires_grad_(not frozen)
    model.train()
    model.features[1].eval()
    before, images = state_of(model), tiny_images.clone()
    create_method(key, tiny_classifier).explain(tiny_images, TARGETS)
    after = state_of(model)
    for name in ("modes", "hooks", "gradients", "strides"):
        assert after[name] == before[name], name
    assert all(torch.equal(after["values"][name], value) for name, value in before["values"].items())
    assert torch.equal(images, tiny_images)


def test_shapes_types_and_batch_invariance(
    key: str, tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    method = create_method(key, tiny_classifier)
    together = method.explain(tiny_images, TARGETS)
    assert together.maps.shape == (6, 32, 32)
    assert together.maps.dtype == torch.float32
    assert together.degenerate.dtype == torch.bool
    assert not together.maps.requires_grad
    assert (~together.degenerate).sum() >= 3
    for number in range(6):
        alone = method.explain(tiny_images[number : number + 1], TARGETS[number : number + 1])
        torch.testing.assert_close(alone.maps[0], together.maps[number], atol=1e-6, rtol=1e-5)
        assert alone.degenerate[0] == together.degenerate[number]
    again = method.explain(tiny_images, TARGETS)
    assert torch.equal(again.maps, together.maps)


def test_works_inside_inference_mode_and_without_gradients(
    key: str, tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    method = create_method(key, tiny_classifier)
    expected = method.explain(tiny_images, TARGETS).maps
    with torch.inference_mode():
        inside = method.explain(tiny_images * 1.0, TARGETS * 1).maps
    assert torch.equal(inside, expected)
    with torch.no_grad():
        assert torch.equal(method.explain(tiny_images, TARGETS).maps, expected)


def test_a_constant_or_undefined_map_is_zero_and_flagged(
    key: str, tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    with torch.no_grad():
        tiny_classifier.model.features[2].weight.zero_()
        tiny_classifier.model.features[2].bias.fill_(1.0)
    constant = create_method(key, tiny_classifier).explain(tiny_images, TARGETS)
    assert constant.degenerate.all()
    assert constant.maps.abs().sum() == 0
    undefined = tiny_images.clone()
    undefined[2] = float("nan")
    explanation = create_method(key, tiny_classifier).explain(undefined, TARGETS)
    assert explanation.degenerate[2]
    assert explanation.maps.isfinite().all()


def test_normalised_maps_span_zero_to_one(
    key: str, tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    explanation = create_method(key, tiny_classifier).explain(tiny_images, TARGETS)
    normalised = explanation.normalised()[~explanation.degenerate]
    assert normalised.flatten(1).amin(1).eq(0).all()
    assert normalised.flatten(1).amax(1).eq(1).all()


@pytest.mark.parametrize(
    ("images", "targets", "message"),
    [
        (torch.zeros(3, 32, 32), torch.tensor([0]), "shape"),
        (torch.zeros(1, 1, 32, 32), torch.tensor([0]), "shape"),
        (torch.zeros(2, 3, 32, 32), torch.tensor([0]), "one target per image"),
        (torch.zeros(1, 3, 32, 32), torch.tensor([5]), "between 0 and 4"),
        (torch.zeros(1, 3, 32, 32), torch.tensor([-1]), "between 0 and 4"),
    ],
)
def test_wrong_input_is_refused(
    key: str, images: torch.Tensor, targets: torch.Tensor, message: str, tiny_classifier: Classifier
) -> None:
    with pytest.raises(ParameterError, match=message):
        create_method(key, tiny_classifier).explain(images, targets)


def test_describes_itself_completely(key: str) -> None:
    description = next(item for item in method_descriptions() if item.key == key)
    assert description.title
    assert description.paper
    assert description.summary
    for parameter in description.parameters:
        assert parameter.title
        assert parameter.help
        assert parameter.source
    assert description.cost(description.validate({})).forward_equivalents > 0
