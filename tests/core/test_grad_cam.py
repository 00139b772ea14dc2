from __future__ import annotations

import copy

import pytest
import torch

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.classifiers.recording import forward_recording
from saliency_core.errors import LayerError, ParameterError
from saliency_core.lazy import torchvision


class Fixed(torch.nn.Module):
    """A layer that always gives A = [[1, 2], [3, 4]], whose score has the gradient g = [[.1, −.1], [.3, .4]]."""

    def __init__(self, sign: float = 1.0) -> None:
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 1, 1)
        torch.nn.init.zeros_(self.layer.weight)
        torch.nn.init.ones_(self.layer.bias)
        self.scale = torch.nn.Parameter(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        self.sign = sign
        self.features = Multiply(self.scale)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.features(self.layer(images))
        gradient = self.sign * torch.tensor([[0.1, -0.1], [0.3, 0.4]])
        score = (features * gradient).sum((1, 2, 3))
        return torch.stack([score, -score], dim=1)


class Multiply(torch.nn.Module):
    def __init__(self, factor: torch.Tensor) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if values.shape[-1] != 2:  # the dry run at construction uses another image size
            return values.mean((2, 3), keepdim=True).expand(-1, -1, 2, 2).clone()
        return values * self.factor


def fixed_classifier() -> Classifier:
    return Classifier(Fixed(), name="fixed", preprocessing=Preprocessing(size=8), default_layer="features")


def test_weight_of_the_conformance_vector() -> None:
    features, logits = forward_recording(fixed_classifier(), "features", torch.zeros(1, 3, 2, 2))
    assert features[0, 0].tolist() == [[1, 2], [3, 4]]
    (gradient,) = torch.autograd.grad(logits[0, 0], features)
    torch.testing.assert_close(gradient[0, 0], torch.tensor([[0.1, -0.1], [0.3, 0.4]]))
    assert gradient.mean().item() == pytest.approx(0.175)


def test_map_by_hand_positive_and_all_negative() -> None:
    method = create_method("grad_cam", fixed_classifier())
    explanation = method.explain(torch.zeros(2, 3, 2, 2), torch.tensor([0, 1]))
    torch.testing.assert_close(explanation.maps[0], 0.175 * torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    torch.testing.assert_close(explanation.normalised()[0], torch.tensor([[0, 1 / 3], [2 / 3, 1]]))
    # The other class has the weight −.175: every location is negative, so the map is zero and says so.
    assert explanation.maps[1].tolist() == [[0, 0], [0, 0]]
    assert explanation.normalised()[1].tolist() == [[0, 0], [0, 0]]
    assert explanation.degenerate.tolist() == [False, True]


def test_linear_interpolation_to_the_input_uses_half_pixel_centres() -> None:
    class Wide(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pool = torch.nn.AvgPool2d(2)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.pool(images).mean((2, 3))

    classifier = Classifier(Wide(), name="wide", preprocessing=Preprocessing(size=8), default_layer="pool")
    images = torch.zeros(1, 3, 4, 4)
    images[0, 0, :, 2:] = 4.0  # pooled red channel: [0, 4] in each row; its weight is 1/4
    saliency = create_method("grad_cam", classifier).explain(images, torch.tensor([0])).maps[0]
    torch.testing.assert_close(saliency, torch.tensor([0.0, 0.25, 0.75, 1.0]).expand(4, 4))


@pytest.mark.parametrize("layer", [2, 3])
def test_inplace_relu_after_and_at_the_layer_gives_right_values(
    layer: int, tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    """Layer 3 is an in-place ReLU; it overwrites the output of the convolution, layer 2."""
    reference = copy.deepcopy(tiny_classifier.model)
    for module in reference.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    targets = torch.tensor([0, 1, 2, 3, 4, 0])
    activations = reference.features[: layer + 1](tiny_images)
    assert (activations.min() < 0) == (layer == 2)
    logits = reference.head(reference.features[layer + 1 :](activations).mean((2, 3)))
    (gradients,) = torch.autograd.grad(logits.gather(1, targets[:, None]).sum(), activations)
    cam = (gradients.mean((2, 3), keepdim=True) * activations).sum(1).relu()
    expected = torch.nn.functional.interpolate(cam[:, None], size=(32, 32), mode="bilinear")[:, 0]
    method = create_method("grad_cam", tiny_classifier, layer=f"features.{layer}")
    torch.testing.assert_close(method.explain(tiny_images, targets).maps, expected.detach())
    assert expected.max() > 0.01


def test_vgg16_features_29_holds_the_values_after_the_relu() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = torchvision.models.vgg16(weights=None, init_weights=False)
    classifier = Classifier(model, name="vgg16", preprocessing=Preprocessing(size=64))
    assert classifier.default_layer == "features.29"
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    features, _ = forward_recording(classifier, "features.29", images)
    with torch.no_grad():
        before = torch.nn.Sequential(*list(model.features)[:29])(images)
    assert before.min() < 0
    torch.testing.assert_close(features.detach(), before.relu())


def test_layers_without_feature_maps_are_refused(tiny_classifier: Classifier) -> None:
    method = create_method("grad_cam", tiny_classifier, layer="head")
    with pytest.raises(LayerError, match=r"'head' of tiny gives no feature maps.*convolutional layer"):
        method.explain(torch.zeros(1, 3, 32, 32), torch.tensor([0]))
    assert not tiny_classifier.model.head._forward_hooks


def test_a_layer_that_does_not_exist_names_close_ones(tiny_classifier: Classifier) -> None:
    with pytest.raises(LayerError, match=r"no layer 'feature.2'. Did you mean 'features.2'"):
        create_method("grad_cam", tiny_classifier, layer="feature.2")
    with pytest.raises(ParameterError, match="no parameter 'layers'"):
        create_method("grad_cam", tiny_classifier, layers="features.2")


def test_unknown_methods_are_refused(tiny_classifier: Classifier) -> None:
    with pytest.raises(ParameterError, match=r"no method 'gradcam'.*Did you mean 'grad_cam'"):
        create_method("gradcam", tiny_classifier)
