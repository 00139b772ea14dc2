"""Randomised copies of classifiers: order of the layers, nested draws, an original that never changes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch.nn import functional

from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.describe import describe_architecture
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.classifiers.randomisation import WorkingCopy, evenly_spread, layer_seed, randomised
from saliency_core.classifiers.weighted_layers import output_layers, weighted_layers
from saliency_core.errors import LayerError
from tests.core.every_method import SIZE, network, random_states, state_of


class Plain(torch.nn.Module):
    """As VGG: convolutions, then two linear layers; the hidden one is registered last."""

    def __init__(self) -> None:
        super().__init__()
        self.features = torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3, stride=4), torch.nn.ReLU(), torch.nn.Conv2d(4, 6, 3, stride=2)
        )
        self.head = torch.nn.Linear(7, 5)
        self.hidden = torch.nn.Linear(6, 7)
        self.unused = torch.nn.Linear(2, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.hidden(self.features(images).mean((2, 3))).relu())


class Residual(torch.nn.Module):
    """As ResNet: the shortcut is registered last and runs before the sum; BatchNorm through a function too, a
    convolution that runs twice, an auxiliary head that does not run.
    """

    def __init__(self) -> None:
        super().__init__()
        self.head = torch.nn.Linear(4, 5)
        self.auxiliary = torch.nn.Linear(4, 5)
        self.twice = torch.nn.Conv2d(4, 4, 3, padding=1)
        self.stem = torch.nn.Conv2d(3, 4, 3, stride=4)
        self.norm = torch.nn.BatchNorm2d(4)
        self.scale = torch.nn.Parameter(torch.full((4, 1, 1), 0.5))
        self.shortcut = torch.nn.Conv2d(4, 4, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.twice(self.stem(images)).relu()
        normalised = functional.batch_norm(
            self.twice(features),
            self.norm.running_mean,
            self.norm.running_var,
            self.norm.weight,
            self.norm.bias,
        )
        features = (self.shortcut(features) + self.scale * normalised).relu()
        return self.head(features.mean((2, 3)))


class Attending(torch.nn.Module):
    """torch's attention, which reads the weights of its projection without calling it."""

    def __init__(self) -> None:
        super().__init__()
        self.position = torch.nn.Parameter(torch.zeros(1, 16, 8))
        self.stem = torch.nn.Conv2d(3, 8, 8, stride=8)
        self.attention = torch.nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = torch.nn.Linear(8, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        tokens = self.stem(images).flatten(2).transpose(1, 2) + self.position
        return self.head(self.attention(tokens, tokens, tokens, need_weights=False)[0].mean(1))


class Tied(torch.nn.Module):
    """Two layers with one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = torch.nn.Conv2d(3, 4, 3, stride=4)
        self.first = torch.nn.Linear(4, 4, bias=False)
        self.second = torch.nn.Linear(4, 4, bias=False)
        self.second.weight = self.first.weight

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(self.stem(images).mean((2, 3))))


def classifier_of(kind: Any) -> Classifier:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = kind()
    return Classifier(model.requires_grad_(False), name="x", preprocessing=Preprocessing(size=SIZE))


def names_of(classifier: Classifier) -> list[str]:
    return [layer.name for layer in weighted_layers(classifier)]


def weights_of(classifier: Classifier) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in classifier.model.state_dict().items()}


def changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_order_of_a_plain_network() -> None:
    assert names_of(classifier_of(Plain)) == ["head", "hidden", "features.2", "features.0"]


def test_order_is_that_of_the_last_use() -> None:
    classifier = classifier_of(Residual)
    assert names_of(classifier) == ["head", "scale", "shortcut", "norm", "twice", "stem"]
    kinds = {layer.name: layer.kind for layer in weighted_layers(classifier)}
    assert (kinds["scale"], kinds["norm"], kinds["twice"]) == ("Parameter", "BatchNorm2d", "Conv2d")


def test_order_of_torch_attention() -> None:
    layers = weighted_layers(classifier_of(Attending))
    assert [layer.name for layer in layers] == ["head", "attention.out_proj", "attention", "position", "stem"]
    assert layers[2].parameters == ("attention.in_proj_weight", "attention.in_proj_bias")


def test_order_of_a_vision_transformer() -> None:
    block = ["mlp.fc2", "mlp.fc1", "norm2", "attn.proj", "attn.qkv", "norm1"]
    blocks = [f"blocks.{number}.{name}" for number in (2, 1, 0) for name in block]
    expected = ["head", "norm", *blocks, "pos_embed", "cls_token", "patch_embed.proj"]
    assert names_of(network("transformer")) == expected


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("torchvision:vgg19", 19),
        ("torchvision:resnet18", 41),  # 20 convolutions with a norm each, a linear layer
        ("torchvision:squeezenet1_1", 26),
        ("timm:deit_tiny_patch16_224", 77),
    ],
)
def test_how_many_layers_an_architecture_has(name: str, count: int) -> None:
    library, architecture = name.split(":")
    assert describe_architecture(library, architecture)["facts"]["weighted_layers"] == count


def test_a_classifier_counts_the_layers_that_are_listed() -> None:
    for kind in (Plain, Residual, Attending, Tied):
        classifier = classifier_of(kind)
        assert classifier.facts.weighted_layers == len(weighted_layers(classifier))


def test_the_head() -> None:
    for classifier, expected in (
        (classifier_of(Plain), ["head"]),
        (network("transformer"), ["head"]),
    ):
        assert [layer.name for layer in output_layers(classifier, weighted_layers(classifier))] == expected


def test_both_heads_of_a_distilled_transformer() -> None:
    from saliency_core.lazy import timm

    model = timm.models.deit.VisionTransformerDistilled(
        img_size=SIZE, patch_size=8, embed_dim=12, depth=1, num_heads=2, num_classes=5
    )
    classifier = Classifier(model, name="x", preprocessing=Preprocessing(size=SIZE))
    layers = weighted_layers(classifier)
    assert {layer.name for layer in output_layers(classifier, layers)} == {"head", "head_dist"}


@pytest.mark.parametrize("kind", [Plain, Residual, Attending, Tied])
def test_only_the_named_layers_change_and_the_original_never(kind: Any) -> None:
    classifier = classifier_of(kind)
    before, states = state_of(classifier.model), random_states()
    trained = weights_of(classifier)
    layers = weighted_layers(classifier)
    for layer in layers:
        copied = randomised(classifier, layers, [layer.name])
        tied = {"second.weight"} if layer.name == "first" else set()
        constant = {"attention.in_proj_bias", "attention.out_proj.bias", "norm.bias", "norm.weight"}
        expected = set(layer.parameters) | tied
        found = changed(trained, weights_of(copied))
        assert found <= expected
        assert expected - found <= constant
    after = state_of(classifier.model)
    assert after.keys() == before.keys()
    for key in before.keys() - {"values"}:
        assert after[key] == before[key]
    assert not changed(trained, weights_of(classifier))
    assert random_states() == states


def test_untouched_layers_are_shared_and_the_modules_are_not() -> None:
    classifier = classifier_of(Plain)
    copied = randomised(classifier, weighted_layers(classifier), ["head"])
    own, other = classifier.model, copied.model
    assert other.hidden.weight is own.hidden.weight
    assert other.head.weight is not own.head.weight
    assert not {id(module) for module in own.modules()} & {id(module) for module in other.modules()}
    assert not other.head.weight.requires_grad


def test_a_layer_is_drawn_as_its_type_does() -> None:
    classifier = classifier_of(Residual)
    classifier.model.norm.weight.fill_(3.0)
    classifier.model.norm.bias.fill_(2.0)
    classifier.model.norm.running_mean.fill_(0.7)
    layers = weighted_layers(classifier)
    copied = randomised(classifier, layers, seed=4)
    expected = torch.nn.Conv2d(4, 4, 3, padding=1)
    with torch.random.fork_rng():
        torch.manual_seed(layer_seed(4, "twice"))
        expected.reset_parameters()
    assert torch.equal(copied.model.twice.weight, expected.weight)
    assert torch.equal(copied.model.twice.bias, expected.bias)
    assert copied.model.norm.weight.tolist() == [1.0] * 4
    assert copied.model.norm.bias.tolist() == [0.0] * 4
    # Statistics are no weights.
    assert torch.equal(copied.model.norm.running_mean, torch.full((4,), 0.7))


def test_tokens_are_drawn_from_a_truncated_normal_distribution() -> None:
    classifier = network("transformer")
    copied = randomised(classifier, weighted_layers(classifier), ["pos_embed"])
    values = copied.model.pos_embed
    assert 0.018 < float(values.std()) < 0.022
    assert abs(float(values.mean())) < 0.003
    assert not torch.equal(values, classifier.model.pos_embed)


def test_stages_of_a_cascade_are_nested() -> None:
    classifier = network("transformer")
    layers = weighted_layers(classifier)
    names = [layer.name for layer in layers]
    blocks = evenly_spread(names, 6)
    parameters = {layer.name: layer.parameters for layer in layers}
    working = WorkingCopy(classifier, layers, seed=2)
    trained, full = weights_of(classifier), weights_of(randomised(classifier, layers, seed=2))
    done: list[str] = []
    for block, copied in zip(blocks, working.cascade(blocks), strict=True):
        done += block
        drawn = {name for layer in done for name in parameters[layer]}
        weights = weights_of(copied)
        assert not changed({name: full[name] for name in drawn}, {name: weights[name] for name in drawn})
        rest = trained.keys() - drawn
        assert not changed({name: trained[name] for name in rest}, {name: weights[name] for name in rest})
    assert done == names
    working.restore()
    assert not changed(trained, weights_of(working.classifier))


def test_one_by_one_restores_the_others() -> None:
    classifier = classifier_of(Plain)
    layers = weighted_layers(classifier)
    trained = weights_of(classifier)
    working = WorkingCopy(classifier, layers)
    single = {layer.name: weights_of(randomised(classifier, layers, [layer.name])) for layer in layers}
    for name, copied in zip(single, working.one_by_one([[name] for name in single]), strict=True):
        weights = weights_of(copied)
        assert changed(trained, weights) == {f"{name}.weight", f"{name}.bias"}
        assert not changed(single[name], weights)


def test_a_tied_weight_is_replaced_wherever_it_is_held() -> None:
    classifier = classifier_of(Tied)
    layers = weighted_layers(classifier)
    working = WorkingCopy(classifier, layers)
    working.randomise(["first"])
    assert working.classifier.model.second.weight is working.classifier.model.first.weight
    assert working.classifier.model.first.weight is not classifier.model.first.weight
    working.restore()
    assert working.classifier.model.second.weight is classifier.model.first.weight


def test_seeds() -> None:
    classifier = classifier_of(Plain)
    layers = weighted_layers(classifier)
    first, same, other = (weights_of(randomised(classifier, layers, seed=seed)) for seed in (0, 0, 1))
    assert not changed(first, same)
    assert changed(first, other) == {name for layer in layers for name in layer.parameters}
    # The first eight bytes of the sha256 of "0:head", halved: no hash that differs from process to process.
    assert layer_seed(0, "head") == 0xBEFCBE5F81EB7D14 // 2
    assert len({layer_seed(0, "head"), layer_seed(0, "hidden"), layer_seed(1, "head")}) == 3


def test_channels_last_stays() -> None:
    classifier = classifier_of(Residual)
    classifier.model.to(memory_format=torch.channels_last)
    copied = randomised(classifier, weighted_layers(classifier))
    assert copied.model.stem.weight.stride() == classifier.model.stem.weight.stride()
    plain = randomised(classifier_of(Residual), weighted_layers(classifier))
    assert torch.equal(copied.model.stem.weight, plain.model.stem.weight)


def test_half_precision_gets_the_same_numbers_rounded() -> None:
    classifier = classifier_of(Plain)
    half = copy.copy(classifier)
    half.model = copy.deepcopy(classifier.model).to(torch.bfloat16)
    layers = weighted_layers(classifier)
    drawn = randomised(half, layers).model.hidden.weight
    assert drawn.dtype == torch.bfloat16
    assert torch.equal(drawn, randomised(classifier, layers).model.hidden.weight.to(torch.bfloat16))


def test_unknown_layer() -> None:
    classifier = classifier_of(Plain)
    with pytest.raises(LayerError, match="no layer 'haed' that can be randomised"):
        randomised(classifier, weighted_layers(classifier), ["haed"])


@pytest.mark.parametrize(
    ("count", "most", "sizes"),
    [(3, 20, [1, 1, 1]), (5, 5, [1] * 5), (7, 3, [1, 3, 3]), (26, 20, None), (77, 20, None), (4, 1, [4])],
)
def test_stages_are_evenly_spread(count: int, most: int, sizes: list[int] | None) -> None:
    names = [str(number) for number in range(count)]
    blocks = evenly_spread(names, most)
    assert [name for block in blocks for name in block] == names
    lengths = [len(block) for block in blocks]
    if sizes is not None:
        assert lengths == sizes
    else:
        assert len(blocks) == most
        assert lengths[0] == 1
        assert max(lengths[1:]) - min(lengths[1:]) <= 1


def test_no_layers_no_stages() -> None:
    assert evenly_spread([], 20) == []
