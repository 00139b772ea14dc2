"""The command line as its user meets it."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from saliency_core import create_method, load_classifier
from saliency_core.classifiers.architectures import Architecture, build
from saliency_core.cli import main as cli
from saliency_core.datasets.base import Dataset
from saliency_core.datasets.images import read_image
from saliency_core.experiments.columns import Columns
from saliency_core.methods.registry import method_description, methods_by_family

REPOSITORY = Path(__file__).parents[2]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """A real process: ``python -m saliency_core …``."""
    return subprocess.run(
        [sys.executable, "-m", "saliency_core", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "OMP_NUM_THREADS": "2"},
    )


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SqueezeNet with random weights for three classes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = build(Architecture("torchvision", "squeezenet1_1"), classes=3).state_dict()
    path = tmp_path_factory.mktemp("weights") / "squeezenet.safetensors"
    save_file(state, path)
    return path


@pytest.fixture
def photographs(tmp_path: Path, write_image: Callable[..., Path]) -> Path:
    for number in range(3):
        write_image(tmp_path / "photographs" / f"{number}.png", seed=number, size=(60, 50))
    (tmp_path / "photographs" / "1.png").write_text("hello")
    return tmp_path / "photographs"


def test_explain(weights: Path, photographs: Path, tmp_path: Path) -> None:
    image, out = photographs / "0.png", tmp_path / "out" / "deep"
    done = run(
        "explain", "--model", "squeezenet1_1", "--weights", weights, "--image", image, "--method", "grad_cam",
        "--set", "layer=features.12", "--target", "2", "--out", out,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("class 2 (2), probability 0.")
    classifier = load_classifier("squeezenet1_1", weights=weights)
    images = classifier.preprocessing.prepare(read_image(image))[None]
    expected = create_method("grad_cam", classifier, layer="features.12").explain(images, torch.tensor([2]))
    saliency = np.load(out / "map.npy")
    assert (saliency.shape, saliency.dtype) == ((224, 224), np.float32)
    np.testing.assert_allclose(saliency, expected.maps[0].numpy(), atol=1e-6)
    with Image.open(out / "overlay.png") as picture:
        assert picture.size == (224, 224)
    record = json.loads((out / "explanation.json").read_text())
    assert record["parameters"] == {"layer": "features.12"}
    assert (record["method"], record["target"], record["target_name"]) == ("grad_cam", 2, "class 2")
    probabilities = classifier.probabilities(classifier.logits(images))[0]
    assert record["probability"] == pytest.approx(float(probabilities[2]), abs=1e-6)
    assert [item["target"] for item in record["top"]] == probabilities.argsort(descending=True).tolist()
    assert record["weights_sha256"] == classifier.weights_sha256
    assert record["degenerate"] is False
    assert record["versions"]["torch"] == torch.__version__
    assert record["preprocessing"]["name"] == "squash224"


@pytest.mark.slow
def test_benchmark(weights: Path, photographs: Path, tmp_path: Path) -> None:
    out = tmp_path / "results" / "out.csv"
    done = run(
        "benchmark", "--model", "squeezenet1_1", "--weights", weights, "--dataset", photographs, "--format",
        "image-folder", "--method", "grad_cam", "--experiment", "insertion_deletion", "--protocol", "thesis@1",
        "--device", "cpu", "--precision", "fp32", "--limit", "2", "--subset-seed", "1", "--out", out,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Grad-CAM" in done.stderr
    assert "2/2" in done.stderr
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["image"], row["status"]) for row in rows] == [("0.png", "done"), ("1.png", "failed")]
    assert float(rows[0]["overall"]) == pytest.approx(
        float(rows[0]["insertion_auc"]) - float(rows[0]["deletion_auc"]), abs=2e-8
    )
    assert 0 < float(rows[0]["probability"]) < 1
    assert "not a JPEG" in rows[1]["reason"]
    words = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "insertion-deletion/thesis@1" in words
    (line,) = [line for line in words if line.startswith("Grad-CAM ")]
    assert f" {100 * float(rows[0]['insertion_auc']):.2f} " in f" {line} "
    assert line.endswith(" 1 1 0")  # images, failed, constant maps
    assert "subset seed: 1" in words
    assert "1.png: 1.png is not a JPEG, PNG or WebP image." in words


def benchmark_arguments(photographs: Path, tmp_path: Path, *more: str) -> list[str]:
    chosen = ["--dataset", str(photographs), "--method", "grad_cam", "--out", str(tmp_path / "o.csv")]
    return ["benchmark", "--model", "efficientnet_lite0", *chosen, *more]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--limit", "0"], "--limit: must be at least 1, not 0"),
        (["--limit", "many"], "'many' is not a whole number"),
        (["--precision", "fp8"], "invalid choice: 'fp8'"),
        (["--mean", "0.5"], "not three numbers"),
        (["--no-such-option"], "unrecognized arguments"),
    ],
)
def test_wrong_usage_exits_with_2(
    more: list[str], message: str, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(benchmark_arguments(photographs, tmp_path, *more))
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "o.csv").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--dataset", "/no/such/folder"], "The folder /no/such/folder does not exist."),
        (["--protocol", "thesis@9"], "no protocol 'thesis@9'"),
        (["--set", "layer"], "--set takes KEY=VALUE; got 'layer'."),
        (["--set", "layers=a"], "no parameter 'layers'"),
        (["--set", "layer=bn9"], "EfficientNet-Lite0 has no layer 'bn9'. Did you mean 'bn2'"),
        (["--weights", "/no/such/file"], "The weights file /no/such/file does not exist."),
        (["--model", "efficientnet_lite9"], "Did you mean 'efficientnet_lite"),
        (["--method", "grad_cm"], "Did you mean 'grad_cam' or"),
    ],
)
def test_errors_exit_with_1_and_one_sentence(
    more: list[str], message: str, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(benchmark_arguments(photographs, tmp_path, *more)) == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: ")
    assert message in error
    assert "Traceback" not in error
    assert not (tmp_path / "o.csv").exists()


def test_a_target_that_does_not_exist(
    weights: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = ["--weights", str(weights), "--image", str(photographs / "0.png"), "--out", str(tmp_path / "o")]
    arguments = ["explain", "--model", "squeezenet1_1", "--method", "grad_cam", "--target", "3", *chosen]
    assert cli.main(arguments) == 1
    assert capsys.readouterr().err == "Error: --target must lie between 0 and 2; got 3.\n"


def test_ctrl_c_keeps_what_is_finished(
    weights: Path,
    tmp_path: Path,
    write_image: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for number in range(3):
        write_image(tmp_path / "many" / f"{number}.png", seed=number)

    def measure_one_then_stop(
        classifier: object, dataset: Dataset, part: list[int], *_: object, **__: object
    ) -> list[Columns]:
        if part != [0]:
            raise KeyboardInterrupt
        return [Columns(np.array(part), [dataset.sample(0).identifier], {"overall": np.array([0.5])})]

    monkeypatch.setattr("saliency_core.experiments.session.IMAGES_PER_PART", 1)
    monkeypatch.setattr("saliency_core.experiments.session.run_benchmark", measure_one_then_stop)
    out = tmp_path / "o.csv"
    arguments = ["--weights", str(weights), "--dataset", str(tmp_path / "many"), "--out", str(out)]
    assert cli.main(["benchmark", "--model", "squeezenet1_1", "--method", "grad_cam", *arguments]) == 130
    assert "The 1 images finished so far are in" in capsys.readouterr().err
    assert not out.exists()
    with (tmp_path / "o.csv.partial").open(newline="") as file:
        assert [(row["image"], row["overall"]) for row in csv.DictReader(file)] == [("0.png", "0.50000000")]


def test_lists(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["experiments"]) == 0
    assert cli.main(["classifiers"]) == 0
    assert cli.main(["classifiers", "vgg16"]) == 0
    text = capsys.readouterr().out
    assert "  thesis@1: 112 steps of 448 pixels" in text
    assert "vgg16: VGG16 (torchvision:vgg16), vgg16-397923af.pth" in text
    assert "  features.29: ReLU, 512 × 14 × 14  (default)" in text


def test_list_of_methods(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["methods"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["key", "title", "family", "needs", "cost", "per", "image", "paper"]
    assert [line.split()[0] for line in lines[1:]] == [item.key for item in methods_by_family()]
    row = next(line for line in lines if line.startswith("grad_cam "))
    assert "convolutional_layer, gradients" in row
    assert "1 forward, 1 backward" in row
    assert "Selvaraju" in row


def test_list_of_methods_for_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["methods", "--model", "timm:vit_tiny_patch16_224"]) == 0
    text = capsys.readouterr().out
    assert (
        "grad_cam: Grad-CAM needs a convolutional layer, and vit_tiny_patch16_224 is a transformer." in text
    )
    assert any("not applicable" in line for line in text.splitlines() if line.startswith("grad_cam "))
    assert cli.main(["methods", "score_cam", "--model", "squeezenet1_1"]) == 0
    assert "Cost per image: 513 forwards" in capsys.readouterr().out


def test_list_of_methods_says_what_only_the_network_itself_tells(capsys: pytest.CaptureFixture[str]) -> None:
    """By its facts this network has readable attention and a class token; its blocks are another kind."""
    assert cli.main(["methods", "attention_rollout", "--model", "timm:vit_small_patch16_18x2_224"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert (
        "Not applicable: Attention rollout cannot explain vit_small_patch16_18x2_224: the network has blocks of "
        "another kind, ParallelThingsBlock (blocks.0)."
    ) in text


def test_one_method(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["methods", "rise"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("RISE (rise), family perturbation\n")
    description = method_description("rise")
    for parameter in description.parameters:
        assert f"  {parameter.name} ({parameter.kind}, default " in text
    assert "Quick: " in text
    assert ">>>" not in text
    assert cli.main(["methods", "ris"]) == 1
    assert "Did you mean 'rise'" in capsys.readouterr().err


def test_explain_by_several_methods(
    weights: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "several"
    chosen = ["--weights", str(weights), "--image", str(photographs / "0.png"), "--out", str(out), "--quick"]
    arguments = [
        "explain",
        "--model",
        "squeezenet1_1",
        "--method",
        "grad_cam",
        "--method",
        "smooth_grad",
        *chosen,
    ]
    settings = ["--set", "layer=features.9", "--set", "smooth_grad.samples=2"]
    assert cli.main([*arguments, *settings]) == 0
    assert "2 methods, about" in capsys.readouterr().err
    record = json.loads((out / "explanation.json").read_text())
    assert [item["method"] for item in record["methods"]] == ["grad_cam", "smooth_grad"]
    assert record["methods"][0]["parameters"] == {"layer": "features.9"}
    assert record["methods"][1]["parameters"]["samples"] == 2
    assert record["not_applicable"] == []
    for item in record["methods"]:
        assert np.load(out / item["map"]).shape == (224, 224)
        assert (out / item["overlay"]).exists()
    with Image.open(out / "contact_sheet.png") as sheet:
        assert sheet.width > 3 * 224


def test_explain_by_all_methods_names_those_that_do_not_apply(
    weights: Path,
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    few = [method_description(key) for key in ("grad_cam", "raw_attention", "random_map")]
    monkeypatch.setattr("saliency_core.cli.several.methods_by_family", lambda: tuple(few))
    out = tmp_path / "all"
    chosen = ["--weights", str(weights), "--image", str(photographs / "0.png"), "--out", str(out)]
    assert cli.main(["explain", "--model", "squeezenet1_1", "--method", "all", *chosen]) == 0
    record = json.loads((out / "explanation.json").read_text())
    assert [item["method"] for item in record["methods"]] == ["grad_cam", "random_map"]
    assert [item["method"] for item in record["not_applicable"]] == ["raw_attention"]
    reason = record["not_applicable"][0]["reason"]
    assert "squeezenet1_1 is a convolutional model" in reason
    assert f"raw_attention: {reason}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--method", "grad_cam", "--method", "raw_attention"], "squeezenet1_1 is a convolutional model"),
        (
            ["--method", "grad_cam", "--method", "rise", "--set", "lair=a"],
            "None of these methods has a parameter",
        ),
        (
            ["--method", "grad_cam", "--method", "rise", "--set", "lime.seed=1"],
            "'lime' is not among the chosen",
        ),
        (
            ["--method", "grad_cam", "--method", "rise", "--set", "rise.layer=1"],
            "RISE has no parameter 'layer'",
        ),
        (["--method", "grad_cam", "--set", "lair=a"], "Grad-CAM has no parameter 'lair'"),
    ],
)
def test_explain_refuses_before_any_work(
    more: list[str],
    message: str,
    weights: Path,
    photographs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    chosen = ["--weights", str(weights), "--image", str(photographs / "0.png"), "--out", str(tmp_path / "o")]
    assert cli.main(["explain", "--model", "squeezenet1_1", *chosen, *more]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "o" / "explanation.json").exists()
