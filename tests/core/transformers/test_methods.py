"""What holds for each of the transformer methods."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from saliency_core import create_method, load_classifier
from saliency_core.classifiers.classifier import Classifier
from saliency_core.errors import ParameterError
from saliency_core.methods.registry import method_class, method_descriptions
from tests.core.transformers.tiny import TARGETS, photographs, tiny_classifier

KEYS = [item.key for item in method_descriptions() if item.family == "transformer"]


def test_all_are_there() -> None:
    assert KEYS == [
        "attention_rollout",
        "partial_lrp",
        "raw_attention",
        "transformer_attribution",
        "vit_grad_cam",
        "vit_lrp",
    ]


def assert_stack_of_singles(
    key: str, classifier: Classifier, images: torch.Tensor, targets: torch.Tensor
) -> None:
    method = create_method(key, classifier)
    together = method.explain(images, targets)
    assert together.maps.shape == (len(images), *images.shape[2:])
    assert together.maps.dtype == torch.float32
    backwards = method.explain(images.flip(0), targets.flip(0)).maps.flip(0)
    for number in range(len(images)):
        alone = method.explain(images[number : number + 1], targets[number : number + 1])
        scale = float(alone.maps.abs().max().clamp(min=1e-30))
        for other in (together.maps[number], backwards[number]):
            torch.testing.assert_close(other / scale, alone.maps[0] / scale, atol=1e-5, rtol=0)
        assert alone.degenerate[0] == together.degenerate[number]
        for name, values in together.extras.items():
            torch.testing.assert_close(values[number], alone.extras[name][0], atol=1e-7, rtol=1e-3)


@pytest.mark.parametrize("key", KEYS)
def test_a_batch_is_the_stack_of_singles(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = tiny_classifier(seed=1, num_heads=2)
    assert_stack_of_singles(key, classifier, photographs(), TARGETS)
    whole = create_method(key, classifier).explain(photographs(), TARGETS).maps
    monkeypatch.setattr("saliency_core.transformers.groups._BUDGETS", {"cpu": 1})  # one image at a time
    pieces = create_method(key, classifier).explain(photographs(), TARGETS).maps
    torch.testing.assert_close(pieces, whole, atol=1e-6, rtol=1e-5)


@pytest.fixture(scope="module")
def deit_tiny(shared_data: Path) -> tuple[Classifier, torch.Tensor]:
    """DeiT-Tiny with ImageNet weights, and three photographs."""
    weights = shared_data / "weights" / "deit_tiny_patch16_224.safetensors"
    files = sorted((shared_data / "imagenet-samples").glob("*/*.JPEG"))[5:200:70]
    if not weights.is_file() or len(files) < 3:
        pytest.skip("the weights of DeiT-Tiny or the ImageNet samples are not in the shared data")
    classifier = load_classifier("timm:deit_tiny_patch16_224", weights=weights)
    pictures = [classifier.preprocessing.prepare(Image.open(file).convert("RGB")) for file in files[:3]]
    return classifier, torch.stack(pictures)


@pytest.mark.parametrize("key", KEYS)
def test_a_batch_is_the_stack_of_singles_on_deit_tiny(
    key: str, deit_tiny: tuple[Classifier, torch.Tensor]
) -> None:
    classifier, images = deit_tiny
    method, targets = create_method(key, classifier), classifier.predict(images)[0]
    together = method.explain(images, targets)
    for number in range(3):
        alone = method.explain(images[number : number + 1], targets[number : number + 1])
        assert alone.degenerate[0] == together.degenerate[number]
        scale = alone.maps.abs().max().clamp(min=1e-30)
        assert (together.maps[number] - alone.maps[0]).abs().max() / scale < 2e-5
    if "conservation_error" in together.extras:
        assert together.extras["conservation_error"].max() < 1e-5


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("frozen", [True, False])
def test_leaves_the_model_as_it_was_also_inside_inference_mode(key: str, frozen: bool) -> None:
    classifier = tiny_classifier()
    model = classifier.model.requires_grad_(not frozen).train()
    model.blocks[1].eval()
    values = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    random_state = torch.get_rng_state()
    method = create_method(key, classifier)
    expected = method.explain(photographs(), TARGETS).maps
    with torch.inference_mode():
        assert torch.equal(method.explain(photographs() * 1, TARGETS * 1).maps, expected)
    with torch.no_grad():
        assert torch.equal(method.explain(photographs(), TARGETS).maps, expected)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, values[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None and p.requires_grad is not frozen for p in model.parameters())
    assert all(p.dtype == torch.float32 for p in model.parameters())
    assert all(not module._forward_hooks and not module._backward_hooks for module in model.modules())
    assert torch.equal(torch.get_rng_state(), random_state)


@pytest.mark.parametrize("key", KEYS)
def test_a_useless_image_spoils_only_its_own_map(key: str) -> None:
    classifier = tiny_classifier()
    images = photographs()
    expected = create_method(key, classifier).explain(images, TARGETS)
    images[2] = float("nan")
    explanation = create_method(key, classifier).explain(images, TARGETS)
    assert explanation.degenerate[2]
    assert explanation.maps[2].eq(0).all()
    others = [0, 1, 3]
    torch.testing.assert_close(explanation.maps[others], expected.maps[others], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("key", KEYS)
def test_other_networks_are_refused(key: str, tiny_classifier: Classifier) -> None:
    without = Classifier(
        _without_class_token(), name="pooled ViT", preprocessing=tiny_classifier.preprocessing
    )
    for classifier in (tiny_classifier, without):
        with pytest.raises(ParameterError, match=classifier.title):
            create_method(key, classifier)
    # The method itself refuses too, where it is made without the registry.
    with pytest.raises(
        ParameterError, match="cannot explain tiny: the network is no vision transformer of timm"
    ):
        method_class(key)(tiny_classifier)
    with pytest.raises(ParameterError, match="cannot explain pooled ViT: the network has no class token"):
        method_class(key)(without)


def _without_class_token() -> torch.nn.Module:
    from tests.core.transformers.tiny import tiny_transformer

    return tiny_transformer(class_token=False, global_pool="avg")
