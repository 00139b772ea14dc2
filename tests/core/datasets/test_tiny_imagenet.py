from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from saliency_core.datasets.base import Box, open_dataset
from saliency_core.errors import DatasetError

Saver = Callable[..., Path]


def test_five_thousand_photographs(shared_data: Path) -> None:
    dataset = open_dataset("tiny-imagenet", shared_data / "tiny-imagenet-val")
    assert len(dataset) == 5000
    assert dataset.ground_truth == {"label", "boxes"}
    assert len(dataset.class_labels) == 200
    first = dataset.index_of("images/val_0.JPEG")
    assert dataset.sample(first).label == "n03444034"
    known = dataset.annotations(first)
    assert (known.width, known.height) == (64, 64)
    assert known.boxes == (Box("n03444034", 0, 32, 45, 63),)  # the file: 0 32 44 62, inclusive
    described = dataset.describe()
    assert described["boxes"] == described["labelled"] == 5000
    edges = [dataset.annotations(index).boxes[0] for index in range(200)]
    assert all(0 <= box.left < box.right <= 64 and 0 <= box.top < box.bottom <= 64 for box in edges)


@pytest.mark.slow
def test_none_of_them_has_a_problem(shared_data: Path) -> None:
    assert open_dataset("tiny-imagenet", shared_data / "tiny-imagenet-val").problems() == []


def test_official_layout_and_problems(tmp_path: Path, save_image: Saver) -> None:
    for name in ("val_0.JPEG", "val_1.JPEG", "val_9.JPEG"):
        save_image(tmp_path / "val" / "images" / name, (64, 64))
    (tmp_path / "val" / "val_annotations.txt").write_text(
        "val_1.JPEG\tn01443537\t0\t0\t63\t63\t\nval_0.JPEG\tn01443537\t5\t6\t5\t6\nval_2.JPEG\tn01443537\t1\t1\t2\t2\n"
        "val_0.JPEG\tn01443537\t0\t0\t1\t1\nval_3.JPEG\tn01443537\t0\t0\t1\nval_1.JPEG\n"
    )
    dataset = open_dataset("tiny-imagenet", tmp_path)
    assert [dataset.sample(index).identifier for index in range(3)] == [
        "images/val_0.JPEG",
        "images/val_1.JPEG",
        "images/val_2.JPEG",
    ]
    assert dataset.annotations(0).boxes == (Box("n01443537", 5, 6, 6, 7),)
    assert dataset.annotations(1).boxes == (Box("n01443537", 0, 0, 64, 64),)
    assert [(item["file"], item["problem"]) for item in dataset.problems()] == [
        ("images/val_0.JPEG", "Named more than once in val_annotations.txt; the first line counts."),
        ("val_annotations.txt, line 5", "Is not: image, wnid, x0, y0, x1, y1; passed over."),
        ("val_annotations.txt, line 6", "Is not: image, wnid, x0, y0, x1, y1; passed over."),
        ("images/val_9.JPEG", "Not named in val_annotations.txt; left out."),
        ("images/val_2.JPEG", "val_2.JPEG does not exist."),
    ]
    before = dataset.fingerprint()
    text = (tmp_path / "val" / "val_annotations.txt").read_text()
    (tmp_path / "val" / "val_annotations.txt").write_text(text.replace("\t5\t6\t5\t6", "\t5\t6\t5\t7"))
    assert open_dataset("tiny-imagenet", tmp_path).fingerprint() != before


def test_without_the_file_of_annotations(tmp_path: Path, save_image: Saver) -> None:
    save_image(tmp_path / "images" / "val_0.JPEG")
    with pytest.raises(DatasetError, match=r"has no val_annotations\.txt"):
        open_dataset("tiny-imagenet", tmp_path)
    (tmp_path / "val_annotations.txt").write_text("val_7.JPEG\tn01443537\t0\t0\t63\t63\n")
    with pytest.raises(DatasetError, match=r"None of the images"):
        open_dataset("tiny-imagenet", tmp_path)
