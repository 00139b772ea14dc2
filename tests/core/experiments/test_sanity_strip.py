"""The strip of maps over the stages of a sanity check, as a picture and on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from saliency_core.classifiers.architectures import Architecture, build
from saliency_core.cli import main as cli
from saliency_core.cli import sanity_strip
from saliency_core.rendering import randomisation_strip as rendering
from saliency_core.rendering.overlay import overlay
from saliency_core.rendering.randomisation_strip import RandomisedMap, StripRow, randomisation_strip


def test_rows_are_methods_and_columns_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    photograph = Image.new("RGB", (64, 64), (200, 100, 0))
    low, high = np.zeros((64, 64), np.float32), np.ones((64, 64), np.float32)
    rows = [
        StripRow("One", low, [RandomisedMap("head", high, -0.126), RandomisedMap("conv1", low, -0.001)]),
        StripRow("Two", high, [RandomisedMap("head", low, 1.0), RandomisedMap("conv1", high, None)]),
    ]
    titles: list[str] = []
    original = rendering.contact_sheet

    def watched(tiles: list[tuple[str, Image.Image]], **options: int) -> Image.Image:
        titles.extend(title for title, _ in tiles)
        return original(tiles, **options)

    monkeypatch.setattr(rendering, "contact_sheet", watched)
    sheet = randomisation_strip(photograph, rows, tile=64)
    assert titles == ["One", "head ρ=−0.13", "conv1 ρ=0.00", "Two", "head ρ=1.00", "conv1 no contrast"]
    tile = 64 + 8
    assert sheet.width == 3 * tile + 8
    height = (sheet.height - 8) // 2
    expected = [[low, high, low], [high, low, high]]
    for row, maps in enumerate(expected):
        for column, values in enumerate(maps):
            corner = (8 + column * tile + 32, 8 + row * height + 32)
            assert sheet.getpixel(corner) == overlay(photograph, values).getpixel((32, 32))


def test_rows_must_have_the_same_stages() -> None:
    photograph, blank = Image.new("RGB", (32, 32)), np.zeros((32, 32), np.float32)
    with pytest.raises(ValueError, match="at least one row"):
        randomisation_strip(photograph, [])
    with pytest.raises(ValueError, match="rows of the same length"):
        randomisation_strip(
            photograph, [StripRow("a", blank, []), StripRow("b", blank, [RandomisedMap("x", blank, 0.0)])]
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


def arguments(weights: Path, image: Path, out: Path, *more: str) -> list[str]:
    return [
        *("sanity-strip", "--model", "torchvision:squeezenet1_1", "--weights", str(weights)),
        *("--image", str(image), "--out", str(out), *more),
    ]


def test_command(
    weights: Path,
    tmp_path: Path,
    write_image: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[StripRow] = []

    def watched(image: Image.Image, rows: list[StripRow], tile: int) -> Image.Image:
        drawn.extend(rows)
        return randomisation_strip(image, rows, tile)

    monkeypatch.setattr(sanity_strip, "randomisation_strip", watched)
    out = tmp_path / "new" / "strip.png"
    image = write_image(tmp_path / "image.png")
    more = ("--method", "grad_cam", "--method", "edge_detector", "--target", "1", "--protocol", "group-cam@1")
    code = cli.main(
        arguments(weights, image, out, *more, "--mode", "independent", "--stages", "3", "--tile", "40")
    )
    captured = capsys.readouterr()
    assert (code, captured.err.count("Error")) == (0, 0)
    assert captured.out == f"class 1 (1), independent, 3 stages; written to {out}\n"
    assert [row.title for row in drawn] == ["Grad-CAM", "Edge detector"]
    layers = ["features.12.expand3x3", "features.7.expand3x3", "features.0"]
    assert [[stage.layer for stage in row.stages] for row in drawn] == [layers, layers]
    assert [stage.similarity for stage in drawn[1].stages] == [1.0, 1.0, 1.0]
    with Image.open(out) as picture:
        assert picture.width == 4 * 48 + 8


@pytest.mark.parametrize(
    ("more", "out", "message"),
    [
        (["--protocol", "thesis@1"], "a.png", "sanity_check has no protocol 'thesis@1'"),
        (["--target", "3"], "a.png", "--target must lie between 0 and 2; got 3."),
        ([], "a.text", "a.text is no name for a picture"),
    ],
)
def test_what_it_refuses(
    more: list[str],
    out: str,
    message: str,
    weights: Path,
    tmp_path: Path,
    write_image: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    image = write_image(tmp_path / "image.png")
    assert cli.main(arguments(weights, image, tmp_path / out, "--method", "grad_cam", *more)) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / out).exists()
