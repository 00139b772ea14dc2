from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.errors import LayerError, ParameterError
from saliency_core.lazy import timm
from saliency_core.methods._class_weights import class_weights
from saliency_core.methods.cam import Cam
from tests.core.methods.literal_cam import TARGETS, Doubled, combined


class Network(torch.nn.Module):
    """Feature maps [B, 6, 8, 8] and one of the heads that networks have."""

    def __init__(self, head: str) -> None:
        super().__init__()
        self.features = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 3, stride=2, padding=1))
        self.head = head
        self.hidden = torch.nn.Linear(6, 6)
        self.normalisation = torch.nn.LayerNorm(6)
        self.last = torch.nn.Linear(6, 5)
        self.convolution = torch.nn.Conv2d(6, 5, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.features(images)
        if self.head == "relu":  # DenseNet
            return self.last(functional.relu(features, inplace=True).mean((2, 3)))
        if self.head == "class maps":  # SqueezeNet
            maps = functional.relu(self.convolution(features), inplace=True)
            return functional.adaptive_avg_pool2d(maps, 1).flatten(1)
        averages = features.mean((2, 3))
        if self.head == "hidden":  # MobileNetV3
            return self.last(self.hidden(averages).relu())
        if self.head == "normalised":  # ConvNeXt
            return self.last(self.normalisation(averages))
        return self.last(averages)


def classifier_with(head: str) -> Classifier:
    with torch.random.fork_rng():
        torch.manual_seed(4)
        model = Network(head)
    return Classifier(
        model,
        name=head,
        title=f"Net ({head})",
        preprocessing=Preprocessing(size=16),
        default_layer="features.0",
    )


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def test_equals_the_equation(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    network = Doubled(tiny_classifier.model, 4)
    maps = create_method("cam", tiny_classifier).explain(tiny_images, TARGETS).maps.double()
    weights = tiny_classifier.model.head.weight.detach().double()
    expected = torch.from_numpy(
        np.stack(
            [
                combined(weights[target].tolist(), network.features(image), 32, 32)
                for image, target in zip(tiny_images.double().numpy(), TARGETS.tolist(), strict=True)
            ]
        )
    )
    assert expected.max() > 0.1
    torch.testing.assert_close(maps, expected, atol=1e-6 * float(expected.max()), rtol=1e-5)


def test_is_grad_cam_times_the_number_of_places(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    cam = create_method("cam", tiny_classifier).explain(tiny_images, TARGETS)
    grad_cam = create_method("grad_cam", tiny_classifier).explain(tiny_images, TARGETS)
    torch.testing.assert_close(cam.maps, 64 * grad_cam.maps, atol=1e-4, rtol=1e-4)


def test_unrectified_the_average_of_the_map_is_the_score_without_its_bias(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    method = create_method("cam", tiny_classifier, rectify=False)
    maps = method.explain(tiny_images, TARGETS).maps
    assert maps.min() < 0
    with torch.no_grad():
        scores = tiny_classifier.logits(tiny_images).gather(1, TARGETS[:, None])[:, 0]
    bias = tiny_classifier.model.head.bias.detach()[TARGETS]
    # A factor of four is whole, so that linear upsampling keeps the average.
    torch.testing.assert_close(maps.mean((1, 2)) + bias, scores, atol=1e-5, rtol=1e-5)


def test_all_negative_gives_a_flagged_zero_map(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    tiny_classifier.model.head.weight.data[0] = -1
    explanation = create_method("cam", tiny_classifier).explain(tiny_images[:1], torch.tensor([0]))
    assert explanation.degenerate.tolist() == [True]
    assert explanation.maps.abs().sum() == 0


def test_a_relu_between_layer_and_average_is_put_in(images: torch.Tensor) -> None:
    classifier = classifier_with("relu")
    assert class_weights(classifier, "features.0").rectified
    maps = create_method("cam", classifier, rectify=False).explain(images, torch.tensor([0, 1, 2])).maps
    with torch.no_grad():
        scores = classifier.logits(images)[range(3), range(3)] - classifier.model.last.bias[:3]
    torch.testing.assert_close(maps.mean((1, 2)), scores, atol=1e-5, rtol=1e-5)


def test_class_maps_of_a_convolution_are_weighted_alike(images: torch.Tensor) -> None:
    classifier = classifier_with("class maps")
    maps = create_method("cam", classifier).explain(images, torch.tensor([2, 2, 4])).maps
    model = classifier.model
    with torch.no_grad():
        every = functional.conv2d(model.features(images), model.convolution.weight).relu()
    expected = every[range(3), [2, 2, 4]]
    expected = functional.interpolate(expected[:, None], size=(16, 16), mode="bilinear")[:, 0]
    torch.testing.assert_close(maps, expected)


@pytest.mark.parametrize("head", ["hidden", "normalised"])
def test_other_heads_are_refused(head: str) -> None:
    classifier = classifier_with(head)
    with pytest.raises(ParameterError, match="linear layer"):
        create_method("cam", classifier)
    with pytest.raises(LayerError, match=rf"Net \({head}\).*Grad-CAM"):
        Cam(classifier)


def test_another_layer_than_the_averaged_one_is_refused(tiny_classifier: Classifier) -> None:
    with pytest.raises(LayerError, match=r"'features.1' is not that layer"):
        create_method("cam", tiny_classifier, layer="features.1")
    with pytest.raises(LayerError, match=r"'head' of tiny gives no feature maps"):
        create_method("cam", tiny_classifier, layer="head")
    assert not any(module._forward_hooks for module in tiny_classifier.model.modules())


def test_transformers_are_refused() -> None:
    model = timm.models.vision_transformer.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=24, depth=1, num_heads=3, num_classes=5
    )
    classifier = Classifier(model, name="vit", preprocessing=Preprocessing(size=32))
    for key in (
        "cam",
        "grad_cam_plus_plus",
        "xgrad_cam",
        "layer_cam",
        "smooth_grad_cam_plus_plus",
        "cameras",
        "msg_cam",
    ):
        with pytest.raises(ParameterError, match="vit is a transformer"):
            create_method(key, classifier)
