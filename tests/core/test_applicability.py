"""Facts of networks, and which methods apply; all on the meta device or tiny, without weights."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.describe import describe_architecture
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.errors import ParameterError
from saliency_core.methods.applicability import why_not
from saliency_core.methods.registry import method_description, method_descriptions
from tests.core.every_method import SIZE, network

CONVOLUTIONAL = (
    "torchvision:vgg16",
    "torchvision:vgg19",
    "torchvision:resnet18",
    "torchvision:resnet50",
    "torchvision:mobilenet_v2",
    "torchvision:mobilenet_v3_small",
    "torchvision:efficientnet_b0",
    "torchvision:convnext_tiny",
    "torchvision:densenet121",
    "torchvision:squeezenet1_1",
    "torchvision:googlenet",
    "timm:tf_efficientnet_lite0",
)
# Kind of head, ReLU in the head.
HEADS = {
    "torchvision:vgg16": ("other", False),
    "torchvision:resnet18": ("linear", False),
    "torchvision:resnet50": ("linear", False),
    "torchvision:mobilenet_v2": ("linear", False),
    "torchvision:mobilenet_v3_small": ("other", False),
    "torchvision:efficientnet_b0": ("linear", False),
    "torchvision:convnext_tiny": ("other", False),
    "torchvision:densenet121": ("linear", True),
    "torchvision:squeezenet1_1": ("class_maps", True),
    "torchvision:googlenet": ("linear", False),
    "timm:tf_efficientnet_lite0": ("linear", False),
}


@cache
def described(name: str) -> dict[str, Any]:
    library, architecture = name.split(":")
    return {**describe_architecture(library, architecture), "title": architecture}


def reason(key: str, name: str) -> str | None:
    return why_not(method_description(key), described(name))


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_convolutional_networks(name: str) -> None:
    for key in ("grad_cam", "score_cam", "rise", "gradient"):
        assert reason(key, name) is None
    assert "is a convolutional model" in (reason("raw_attention", name) or "")
    assert described(name)["facts"]["differentiable"] is True


@pytest.mark.parametrize("name", HEADS)
def test_heads(name: str) -> None:
    facts = described(name)["facts"]
    assert (facts["head"], facts["head_relu"]) == HEADS[name]
    assert (reason("cam", name) is None) == (facts["head"] != "other")


@pytest.mark.parametrize(
    ("name", "modules", "functional", "inplace", "reused", "kinds"),
    [
        ("torchvision:vgg16", 15, 0, 15, 0, ["ReLU"]),
        ("torchvision:resnet18", 17, 0, 9, 8, ["ReLU"]),
        ("torchvision:densenet121", 120, 1, 120, 0, ["ReLU"]),
        ("torchvision:googlenet", 0, 57, 0, 0, ["ReLU"]),
        ("torchvision:mobilenet_v2", 0, 0, 0, 0, ["ReLU6"]),
        ("torchvision:convnext_tiny", 0, 0, 0, 0, ["GELU"]),
        ("timm:deit_tiny_patch16_224", 0, 0, 0, 0, ["GELU"]),
    ],
)
def test_activations(
    name: str, modules: int, functional: int, inplace: int, reused: int, kinds: list[str]
) -> None:
    facts = described(name)["facts"]
    found = [facts[key] for key in ("relu_modules", "functional_relus", "inplace_relus", "reused_relus")]
    assert found == [modules, functional, inplace, reused]
    assert facts["activations"] == kinds
    assert (reason("guided_backpropagation", name) is None) == bool({"ReLU", "ReLU6"} & set(kinds))


def test_vision_transformers() -> None:
    for name in ("timm:deit_tiny_patch16_224", "timm:vit_base_patch16_224", "timm:vit_large_patch32_384"):
        assert reason("transformer_attribution", name) is None
        assert reason("rise", name) is None
        assert reason("grad_cam", name) == (
            f"Grad-CAM needs a convolutional layer, and {described(name)['title']} is a transformer. "
            "Choose a convolutional model."
        )
    attention = described("timm:vit_large_patch32_384")["facts"]["attention"]
    assert (attention["blocks"], attention["heads"], attention["grid"]) == (24, 16, [12, 12])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("timm:deit_tiny_distilled_patch16_224", "has two: its distillation token"),
        ("torchvision:vit_b_16", "built differently"),
        ("timm:vit_base_patch16_clip_quickgelu_224", None),
        ("timm:vit_base_patch16_siglip_gap_224", "does not classify by one"),
    ],
)
def test_transformers_whose_attention_cannot_be_followed(name: str, words: str | None) -> None:
    found = reason("raw_attention", name)
    assert found is None if words is None else words in (found or "")
    assert described(name)["family"] == "vit"


def test_a_real_network_has_the_facts_of_its_architecture() -> None:
    """Averages of tensors with channels last are other nodes of the graph than those on the meta device."""
    from saliency_core.classifiers.architectures import Architecture, build

    for name in ("torchvision:squeezenet1_1", "torchvision:resnet18"):
        library, architecture = name.split(":")
        model = build(Architecture(library, architecture), classes=3).to(memory_format=torch.channels_last)
        classifier = Classifier(model.requires_grad_(False), name="x", preprocessing=Preprocessing(size=64))
        assert classifier.facts.to_dict() == described(name)["facts"]
        assert classifier.facts == Classifier(model.requires_grad_(True), name="x").facts


def test_description_is_plain_data_and_decides_as_the_classifier_does() -> None:
    for name in ("batch_norm", "tangled", "transformer"):
        classifier = network(name, "sigmoid")
        stored = json.loads(json.dumps(classifier.describe()))
        assert stored["facts"] == json.loads(json.dumps(classifier.traits()["facts"]))
        for description in method_descriptions():
            assert why_not(description, stored) == why_not(description, classifier.traits())


def test_what_only_the_network_can_tell_is_kept_with_its_description() -> None:
    class Product(torch.nn.Module):
        """Features multiplied with each other, for which LRP has no rule."""

        def __init__(self) -> None:
            super().__init__()
            self.features = torch.nn.Conv2d(3, 4, 3, stride=2)
            self.head = torch.nn.Linear(4, 5)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            flat = self.features(images).flatten(2)
            return self.head((flat @ flat.transpose(1, 2)).mean(1))

    classifier = Classifier(Product(), name="100 % product", preprocessing=Preprocessing(size=SIZE))
    stored = json.loads(json.dumps(classifier.describe()))
    assert "has no rule for" in stored["refusals"]["lrp"]
    assert why_not(method_description("lrp"), stored) == stored["refusals"]["lrp"]
    assert "grad_cam" not in stored["refusals"]
    assert why_not(method_description("grad_cam"), stored) is None


def test_without_facts_the_family_decides() -> None:
    assert why_not(method_description("grad_cam"), {"family": "cnn"}) is None
    assert why_not(method_description("grad_cam"), {}) is None
    assert why_not(method_description("raw_attention"), {"family": "vit"}) is None
    refused = why_not(method_description("grad_cam"), {"family": "vit"})
    assert refused is not None
    assert "the model is a transformer" in refused


def test_networks_that_offer_little() -> None:
    class Pixels(torch.nn.Module):
        """No convolution, no gradient."""

        def __init__(self) -> None:
            super().__init__()
            self.head = torch.nn.Linear(3 * SIZE * SIZE, 4)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                return self.head(images.flatten(1))

    classifier = Classifier(Pixels(), name="pixels", preprocessing=Preprocessing(size=SIZE))
    with pytest.raises(ParameterError, match="no layer of pixels gives feature maps"):
        create_method("grad_cam", classifier)
    with torch.no_grad():
        images = torch.randn(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
        assert create_method("occlusion", classifier).explain(images, torch.tensor([1])).maps.isfinite().all()


def test_needs_no_torch() -> None:
    code = (
        "import sys; from saliency_core.methods.applicability import why_not; "
        "from saliency_core.methods.registry import method_descriptions; "
        "[why_not(item, {'family': 'vit', 'facts': {'attention': None}}) for item in method_descriptions()]; "
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
