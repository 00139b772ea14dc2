from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import io

from saliency_core.datasets.base import Box, open_dataset
from saliency_core.errors import DatasetError, ImageError

Saver = Callable[..., Path]
SYNSETS = ("n02119789", "n02100735", "n02110185")  # ILSVRC ids 1, 2, 3


@pytest.fixture
def flat(tmp_path: Path, save_image: Saver) -> Path:
    """Four images in val."""
    for number in (1, 2, 3, 5):
        save_image(tmp_path / "val" / f"ILSVRC2012_val_0000000{number}.JPEG")
    return tmp_path


def write_devkit(folder: Path, ids: list[int]) -> None:
    folder.mkdir(parents=True)
    (folder / "ILSVRC2012_validation_ground_truth.txt").write_text("".join(f"{number}\n" for number in ids))
    synsets = np.zeros((4, 1), dtype=[("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O")])
    for number, name in enumerate([*SYNSETS, "n00001740"]):
        synsets[number, 0] = (float(number + 1 if number < 3 else 1001), name, "…")
    io.savemat(folder / "meta.mat", {"synsets": synsets})


def labels(dataset: object) -> list[str | None]:
    return [dataset.sample(index).label for index in range(len(dataset))]  # type: ignore


def test_two_hundred_photographs_in_synset_folders(shared_data: Path) -> None:
    dataset = open_dataset("ilsvrc", shared_data / "imagenet-samples")
    assert len(dataset) == 200
    assert dataset.ground_truth == {"label"}
    assert len(dataset.class_labels) == 200
    assert dataset.sample(0).identifier == "n01440764/n01440764_tench.JPEG"
    assert dataset.sample(0).label == "n01440764"
    assert dataset.problems() == []
    with pytest.raises(DatasetError, match=r"no boxes and no masks"):
        dataset.annotations(0)


def test_synset_folders_and_what_lies_beside(tmp_path: Path, save_image: Saver) -> None:
    for name in ("n01440764/a.JPEG", "n01443537/b.JPEG", "loose.JPEG", "others/c.JPEG"):
        save_image(tmp_path / "val" / name)
    dataset = open_dataset("ilsvrc", tmp_path)
    assert [dataset.sample(index).identifier for index in range(2)] == [
        "n01440764/a.JPEG",
        "n01443537/b.JPEG",
    ]
    assert labels(dataset) == ["n01440764", "n01443537"]
    assert [(item["file"], item["problem"]) for item in dataset.problems()] == [
        ("loose.JPEG", "Not in a folder named by a synset; left out."),
        ("others/c.JPEG", "Not in a folder named by a synset; left out."),
    ]


def test_the_devkits_ids_are_translated(flat: Path) -> None:
    write_devkit(flat / "ILSVRC2012_devkit_t12" / "data", [3, 1, 1, 2, 2])
    dataset = open_dataset("ilsvrc", flat)
    assert labels(dataset) == ["n02110185", "n02119789", "n02119789", "n02100735"]  # images 1, 2, 3 and 5
    assert dataset.sample(3).identifier == "ILSVRC2012_val_00000005.JPEG"
    assert dataset.problems() == []


def test_a_list_that_is_too_short_leaves_images_without_label(flat: Path) -> None:
    write_devkit(flat / "devkit" / "data", [3, 1, 1])
    dataset = open_dataset("ilsvrc", flat)
    assert labels(dataset)[3] is None
    assert dataset.problems() == [
        {
            "file": "ILSVRC2012_val_00000005.JPEG",
            "problem": "has no label in ILSVRC2012_validation_ground_truth.txt",
        }
    ]


def test_the_devkit_without_its_meaning_or_with_unknown_ids(flat: Path) -> None:
    write_devkit(flat / "data", [3, 1, 1, 2, 4])
    with pytest.raises(DatasetError, match=r"has the id '4', which meta\.mat does not have"):
        open_dataset("ilsvrc", flat)
    (flat / "data" / "meta.mat").write_bytes(b"nothing")
    with pytest.raises(DatasetError, match=r"is not the devkit's meta\.mat"):
        open_dataset("ilsvrc", flat)
    (flat / "data" / "meta.mat").unlink()
    with pytest.raises(DatasetError, match=r"holds ILSVRC ids; meta\.mat .* is missing"):
        open_dataset("ilsvrc", flat)


LISTS = {
    "val.txt": "".join(f"ILSVRC2012_val_0000000{number}.JPEG n0144376{number}\n" for number in (5, 3, 2, 1)),
    "LOC_val_solution.csv": "ImageId,PredictionString\n"
    + "".join(
        f"ILSVRC2012_val_0000000{number},n0144376{number} 1 2 3 4 n01440764 1 2 3 4\n"
        for number in (1, 2, 3, 5)
    ),
    "imagenet_2012_validation_synset_labels.txt": "".join(
        f"n0144376{number}\n" for number in (1, 2, 3, 4, 5)
    ),
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("place", ["", "val"])
def test_lists(name: str, place: str, flat: Path) -> None:
    (flat / place / name).write_text(LISTS[name])
    assert labels(open_dataset("ilsvrc", flat)) == ["n01443761", "n01443762", "n01443763", "n01443765"]


def test_numbers_in_val_txt_are_classes_from_0_to_999(flat: Path) -> None:
    lines = [f"ILSVRC2012_val_0000000{number}.JPEG {number * 199}\n" for number in (1, 2, 3, 5)]
    (flat / "val.txt").write_text("".join(lines))
    assert labels(open_dataset("ilsvrc", flat)) == ["199", "398", "597", "995"]
    (flat / "val.txt").write_text("".join(lines).replace("995", "1000"))
    with pytest.raises(DatasetError, match=r"class number 1000: numbers must be 0 … 999"):
        open_dataset("ilsvrc", flat)
    (flat / "val.txt").write_text("ILSVRC2012_val_00000001.JPEG tench\n")
    with pytest.raises(DatasetError, match=r"neither synsets nor numbers: tench"):
        open_dataset("ilsvrc", flat)
    (flat / "val.txt").write_text("ILSVRC2012_val_00000001.JPEG\n")
    with pytest.raises(DatasetError, match=r"val\.txt, line 1: expected an image and its label"):
        open_dataset("ilsvrc", flat)


def test_without_any_labels(flat: Path) -> None:
    with pytest.raises(DatasetError, match=r"have no labels: put them into folders named by synsets, or add"):
        open_dataset("ilsvrc", flat)
    with pytest.raises(DatasetError, match=r"has neither images nor folders named by synsets"):
        (flat / "empty").mkdir()
        open_dataset("ilsvrc", flat / "empty")


def write_box(folder: Path, name: str, synset: str, *edges: int, size: tuple[int, int] = (10, 8)) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    keys = ("xmin", "ymin", "xmax", "ymax")
    box = "".join(f"<{key}>{edge}</{key}>" for key, edge in zip(keys, edges, strict=True))
    (folder / f"{name}.xml").write_text(
        f"<annotation><size><width>{size[0]}</width><height>{size[1]}</height></size>"
        f"<object><name>{synset}</name><bndbox>{box}</bndbox></object></annotation>"
    )


@pytest.mark.parametrize("place", ["Annotations/CLS-LOC/val", "ILSVRC2012_bbox_val_v3/val"])
def test_boxes(place: str, flat: Path) -> None:
    (flat / "val.txt").write_text(LISTS["val.txt"])
    without = open_dataset("ilsvrc", flat).fingerprint()
    write_box(flat / place, "ILSVRC2012_val_00000001", "n01443761", 0, 0, 10, 8)
    write_box(flat / place, "ILSVRC2012_val_00000002", "n01440764", 2, 1, 5, 4)
    write_box(flat / place, "ILSVRC2012_val_00000003", "n01443763", 2, 1, 5, 4, size=(500, 375))
    dataset = open_dataset("ilsvrc", flat)
    assert dataset.ground_truth == {"label", "boxes"}
    assert dataset.annotations(0).boxes == (Box("n01443761", 0, 0, 10, 8),)
    assert dataset.annotations(1).boxes == (Box("n01440764", 2, 1, 5, 4),)
    with pytest.raises(ImageError, match=r"for an image of 500 × 375"):
        dataset.annotations(2)
    assert [item["problem"] for item in dataset.problems()] == [
        "ILSVRC2012_val_00000002.xml has boxes of n01440764, but the label is n01443762.",
        "Its annotation is for an image of 500 × 375 pixels, but the image has 10 × 8.",
        "ILSVRC2012_val_00000005.xml does not exist or cannot be read.",
    ]
    assert dataset.fingerprint() != without


def test_boxes_of_images_in_synset_folders(tmp_path: Path, save_image: Saver) -> None:
    for number in (1, 2):
        save_image(tmp_path / "val" / "n01440764" / f"ILSVRC2012_val_0000000{number}.JPEG")
    write_box(tmp_path / "Annotations", "ILSVRC2012_val_00000001", "n01440764", 1, 1, 3, 3)
    write_box(tmp_path / "Annotations" / "n01440764", "ILSVRC2012_val_00000002", "n01440764", 2, 2, 4, 4)
    dataset = open_dataset("ilsvrc", tmp_path)
    assert [dataset.annotations(index).boxes[0].left for index in (0, 1)] == [1, 2]
