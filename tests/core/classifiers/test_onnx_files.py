"""ONNX files: the same scores and gradients as the network they were exported from, and why others are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from saliency_core import create_method, load_classifier
from saliency_core.classifiers.onnx_files import check_onnx, load_onnx, store_checked, store_onnx
from saliency_core.classifiers.onnx_plain import plain_name
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.errors import SaliscopeError, UnsafeFileError, WeightsError
from tests.core.classifiers.onnx_networks import EXPORTERS, SIZE, export, small_cnn


@pytest.fixture(scope="module", params=EXPORTERS)
def exported(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(small_cnn(), tmp_path_factory.mktemp("onnx") / "small.onnx", request.param)


def test_scores_and_gradients_are_those_of_the_original(exported: Path) -> None:
    original, network = small_cnn(), load_onnx(exported)
    images = torch.randn(5, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    gradients = []
    for model in (original, network):
        leaf = images.clone().requires_grad_()
        scores = model(leaf)
        scores[:, 1].sum().backward()
        gradients.append((scores.detach(), leaf.grad))
    (scores, gradient), (converted_scores, converted_gradient) = gradients
    assert torch.allclose(scores, converted_scores, atol=1e-6)
    assert torch.allclose(gradient, converted_gradient, atol=1e-6)


def test_a_classifier_with_layers_that_people_recognise(exported: Path) -> None:
    classifier = load_classifier("onnx:Mine", weights=exported, preprocessing=Preprocessing(size=SIZE))
    described = classifier.describe()
    assert (described["library"], described["architecture"], described["family"]) == ("onnx", "Mine", "cnn")
    assert described["class_names"] == ["class 0", "class 1", "class 2", "class 3"]
    assert [(layer["kind"], layer["channels"], layer["height"]) for layer in described["layers"]] == [
        ("Conv2d", 8, 32),
        ("ReLU", 8, 32),
        ("Conv2d", 16, 16),
        ("ReLU", 16, 16),
    ]
    assert "_output_0" not in " ".join(layer["name"] for layer in described["layers"])
    assert described["default_layer"] == described["layers"][-1]["name"]
    assert described["fixed_size"] is False
    # 8·3·9 + 8 and 16·8·9 + 16 and 4·16 + 4; BatchNorm is folded into the first convolution by the exporter.
    assert 1460 <= described["parameters"] <= 1464
    assert len(described["weights_sha256"]) == 64


def test_convolutions_are_laid_out_once_and_their_values_stay(exported: Path) -> None:
    classifier = load_classifier("onnx:Mine", weights=exported, preprocessing=Preprocessing(size=SIZE))
    plain = [each for each in load_onnx(exported).modules() if isinstance(each, torch.nn.Conv2d)]
    ready = [each for each in classifier.model.modules() if isinstance(each, torch.nn.Conv2d)]
    assert len(ready) == len(plain) == 2
    for before, after in zip(plain, ready, strict=True):
        assert after.weight.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(after.weight, before.weight)
        assert not after.weight.requires_grad


@pytest.mark.parametrize("key", ["grad_cam", "lrp", "integrated_gradients", "msg_cam", "rise"])
def test_methods_explain_it_as_the_original(exported: Path, key: str) -> None:
    from saliency_core.classifiers.classifier import Classifier

    given = {"rise": {"masks": 16}}.get(key, {})
    images = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(2))
    preprocessing, targets = Preprocessing(size=SIZE), torch.tensor([0, 3])
    converted = load_classifier("onnx", weights=exported, preprocessing=preprocessing)
    original = Classifier(small_cnn(), name="original", preprocessing=preprocessing)
    layers = {"grad_cam": original.layers[-1].name, "msg_cam": original.layers[-1].name}
    maps = [create_method(key, converted, **given).explain(images, targets).maps]
    if key in layers:
        # The original's ReLUs are functions, so that its last layer is the convolution before one.
        given = {**given, "layer": layers[key]}
        maps[0] = (
            create_method(key, converted, **{**given, "layer": converted.layers[2].name})
            .explain(images, targets)
            .maps
        )
    maps.append(create_method(key, original, **given).explain(images, targets).maps)
    assert torch.allclose(maps[0], maps[1], atol=2e-4)


def test_it_is_stored_under_its_digest(exported: Path, tmp_path: Path) -> None:
    stored, digest = store_onnx(exported, tmp_path)
    assert (stored.name, stored.read_bytes()) == (f"{digest}.onnx", exported.read_bytes())
    check_onnx(stored, SIZE)
    assert load_classifier("onnx", weights=stored).weights_sha256 == digest


def plain_form(exported: Path, folder: Path, size: int = SIZE) -> Path:
    stored, digest = store_checked(exported, size, folder)
    assert [path.name for path in folder.iterdir()] == [f"{digest}.safetensors"]
    return stored.rename(folder / plain_name(digest))


def test_the_plain_form_is_the_same_network(exported: Path, tmp_path: Path) -> None:
    plain = plain_form(exported, tmp_path / "plain")
    network, again = load_onnx(exported), load_onnx(plain)
    images = torch.randn(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(3))
    assert torch.equal(network(images), again(images))
    assert [name for name, _ in network.named_modules()] == [name for name, _ in again.named_modules()]
    described = [
        load_classifier("onnx:Mine", weights=path, preprocessing=Preprocessing(size=SIZE)).describe()
        for path in (exported, plain)
    ]
    assert described[0] == described[1]


def test_the_plain_form_is_read_without_parsing_onnx(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnx

    plain = plain_form(exported, tmp_path / "plain")

    def parsed(*_: Any, **__: Any) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr(onnx, "load", parsed)
    monkeypatch.setattr(onnx.checker, "check_model", parsed)
    assert load_onnx(plain)(torch.zeros(1, 3, SIZE, SIZE)).shape == (1, 4)
    with pytest.raises(WeightsError, match="no ONNX file, or a damaged one"):
        load_onnx(exported)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda graph: graph["nodes"][0].update(operation="Load"), "not part of ONNX (Load)"),
        (lambda graph: graph["nodes"][0].update(operation="If"), "branches or loops (If)"),
        (lambda graph: graph["nodes"][0]["attributes"].append(["then", "GRAPH", {}]), "or a damaged one"),
        (lambda graph: graph["initializers"].append(["twice", graph["initializers"][0][1]]), "or a damaged one"),
        (lambda graph: graph.update(sha256="../evil"), "or a damaged one"),
        (lambda graph: graph.pop("nodes"), "or a damaged one"),
        (lambda graph: graph.update(inputs=[]), "has 0 inputs and 1 outputs"),
    ],
)  # fmt: skip
def test_a_plain_form_that_a_hostile_file_had_written_is_refused(
    tmp_path: Path, change: Any, expected: str
) -> None:
    from safetensors.torch import load_file, save_file

    plain = plain_form(export(small_cnn(), tmp_path / "small.onnx"), tmp_path / "plain")
    tensors = load_file(plain)
    graph = json.loads(bytes(tensors["graph"].tolist()))
    change(graph)
    tensors["graph"] = torch.tensor(list(json.dumps(graph).encode()), dtype=torch.uint8)
    save_file(tensors, plain)
    with pytest.raises(WeightsError) as refused:
        load_onnx(plain)
    assert expected in str(refused.value)


def test_another_size_than_the_file_names_is_refused(exported: Path) -> None:
    with pytest.raises(WeightsError, match="give 32 as the input size instead of 224"):
        check_onnx(exported, 224)


class WithSoftmax(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.network = small_cnn()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(images).softmax(-1)


class TwoOutputs(WithSoftmax):
    def forward(self, images: torch.Tensor) -> Any:
        scores = self.network(images)
        return scores, scores + 1


def test_refusals_say_what_to_do(tmp_path: Path) -> None:
    fixed = export(small_cnn(), tmp_path / "fixed.onnx", dynamic_axes=None)
    softmax = export(WithSoftmax().eval(), tmp_path / "softmax.onnx")
    two = export(TwoOutputs().eval(), tmp_path / "two.onnx")
    (tmp_path / "text.onnx").write_text("no network")
    for path, expected in [
        (fixed, "takes exactly 2 images at a time. Export it with a batch of any size"),
        (softmax, "ends with Softmax: it gives probabilities, and logits are needed"),
        (two, "has 1 inputs and 2 outputs"),
        (tmp_path / "text.onnx", "is no ONNX file, or a damaged one. Export it with"),
        (tmp_path / "none.onnx", "does not exist"),
    ]:
        with pytest.raises(SaliscopeError) as refused:
            check_onnx(path, SIZE)
        assert expected in str(refused.value)


def test_weights_in_other_files_are_refused(tmp_path: Path) -> None:
    import onnx

    content = onnx.load(export(small_cnn(), tmp_path / "small.onnx"))
    onnx.save_model(
        content,
        tmp_path / "outside.onnx",
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    with pytest.raises(UnsafeFileError, match="Export it as one file"):
        load_onnx(tmp_path / "outside.onnx")


def test_operations_of_others_and_branches_are_refused(tmp_path: Path) -> None:
    import onnx

    for change, expected in [
        ({"domain": "com.microsoft"}, "not part of ONNX itself (com.microsoft)"),
        ({"op_type": "If"}, "branches or loops (If)"),
    ]:
        content = onnx.load(export(small_cnn(), tmp_path / "small.onnx"))
        for name, value in change.items():
            setattr(content.graph.node[1], name, value)
        onnx.save_model(content, tmp_path / "changed.onnx")
        with pytest.raises(WeightsError) as refused:
            load_onnx(tmp_path / "changed.onnx")
        assert expected in str(refused.value)


@pytest.mark.slow
# Of the converter, about what the exporter wrote; the scores below say whether it did any harm.
@pytest.mark.filterwarnings(
    "ignore:Using a non-tuple sequence:UserWarning", "ignore:Truncating the start:UserWarning"
)
@pytest.mark.parametrize("exporter", EXPORTERS)
def test_a_vision_transformer_is_told_by_its_attention(tmp_path: Path, exporter: str) -> None:
    from saliency_core.lazy import timm

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = timm.create_model("test_vit", num_classes=5).eval()
    exported = export(model, tmp_path / "vit.onnx", exporter, size=160)
    network = load_onnx(plain_form(exported, tmp_path / "plain", size=160))
    assert network.onnx_traits.family == "vit"
    images = torch.randn(2, 3, 160, 160)
    assert torch.allclose(network(images), model(images), atol=1e-4)
    described = load_classifier(
        "onnx", weights=tmp_path / "vit.onnx", preprocessing=Preprocessing(size=160)
    ).describe()
    assert (described["family"], described["layers"], described["fixed_size"]) == ("vit", [], True)
