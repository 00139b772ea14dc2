"""python -m saliency_core dataset."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from saliency_core.cli.main import main
from saliency_core.datasets.base import FORMATS, open_dataset

Saver = Callable[..., Path]


def test_description_problems_and_mapping(
    tmp_path: Path, save_image: Saver, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("circle/a.jpg", "circle/b.jpg", "cow/c.jpg", "star/d.jpg"):
        save_image(tmp_path / "data" / name)
    (tmp_path / "data" / "star" / "d.jpg").write_text("x")
    arguments = ["dataset", str(tmp_path / "data"), "--model", "shapes_cnn"]
    assert main(arguments) == 1
    printed = capsys.readouterr()
    fingerprint = open_dataset("image-folder", tmp_path / "data").fingerprint()
    assert printed.out.splitlines()[:10] == [
        "Images: 4, 4 of them labelled",
        "Ground truth: label",
        "Classes: 3 that occur, 3 named",
        f"Fingerprint: {fingerprint}",
        "  circle: 2 images",
        "  cow: 1 images",
        "  star: 1 images",
        "Problems: 1",
        "  star/d.jpg: d.jpg is not a JPEG, PNG or WebP image.",
        "Classes with an output in shapes_cnn: 2, without: 1",
    ]
    assert "These classes have no output in this model: cow." in printed.err
    (tmp_path / "classes.csv").write_text("label,class\ncow,\nyak,star\n")
    assert main([*arguments, "--quick", "--classes", str(tmp_path / "classes.csv")]) == 0
    printed = capsys.readouterr()
    assert "Problems" not in printed.out
    assert "Left out by the mapping file: cow" in printed.out
    assert "In the mapping file, but not in the data set: yak" in printed.out


def test_imagenet_names_without_weights(
    tmp_path: Path, save_image: Saver, capsys: pytest.CaptureFixture[str]
) -> None:
    save_image(tmp_path / "n02879718" / "a.jpg")
    save_image(tmp_path / "tench" / "a.jpg")
    assert main(["dataset", str(tmp_path), "--quick", "--model", "squeezenet1_1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["  n02879718: 456 bow", "  tench: 0 tench"]


def test_a_mapping_file_needs_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", str(tmp_path), "--classes", "x.csv"]) == 1
    assert "give --model as well" in capsys.readouterr().err


def test_descriptions_are_plain_values(shared_data: Path) -> None:
    """They are kept as JSON with the data set."""
    described = open_dataset("coco", shared_data / "coco128").describe()
    assert json.loads(json.dumps(described)) == described
    assert list(described["boxes_per_class"])[:2] == ["person", "bicycle"]
    assert (described["class_masks"], described["masks_per_class"]["person"]) == (362, 61)
    assert (described["labelled"], described["object_masks"], described["classes_named"]) == (0, 0, 80)


def test_every_format_opens(tmp_path: Path) -> None:
    keys = [item.key for item in FORMATS]
    assert len(keys) == len(set(keys))
    assert {"image-folder", "masked-folder", "ilsvrc", "tiny-imagenet"} <= set(keys)
    assert {"imagenet-segmentation", "voc", "coco"} <= set(keys)
