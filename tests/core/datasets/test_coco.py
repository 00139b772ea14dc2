from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saliency_core.datasets.base import Box, open_dataset
from saliency_core.errors import DatasetError, ImageError

Saver = Callable[..., Path]
SQUARE = [1, 1, 4, 1, 4, 3, 1, 3]  # columns 1 … 3, rows 1 and 2


def annotation(number: int, image: int = 1, category: int = 3, **more: Any) -> dict[str, Any]:
    usual = {"bbox": [1, 1, 3, 2], "iscrowd": 0, "segmentation": [SQUARE]}
    return {"id": number, "image_id": image, "category_id": category, **usual, **more}


def content(*annotations: dict[str, Any]) -> dict[str, Any]:
    return {
        "images": [
            {"id": 2, "file_name": "b.jpg", "width": 10, "height": 8},
            {"id": 1, "file_name": "a.jpg", "width": 10, "height": 8},
        ],
        "categories": [{"id": 3, "name": "dog"}, {"id": 1, "name": "cat"}, {"id": 9, "name": "cow"}],
        "annotations": list(annotations),
    }


def write_json(folder: Path, whole: Any, name: str = "instances_val2017.json") -> Path:
    file = folder / "annotations" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(whole), encoding="utf-8")
    return file


@pytest.fixture
def folder(tmp_path: Path, save_image: Saver) -> Path:
    for name in ("a.jpg", "b.jpg"):
        save_image(tmp_path / "val2017" / name)
    write_json(tmp_path, content(annotation(1), annotation(2, category=1, bbox=[0, 0, 2.5, 8])))
    return tmp_path


def test_coco128(shared_data: Path) -> None:
    dataset = open_dataset("coco", shared_data / "coco128")
    assert len(dataset) == 128
    assert dataset.ground_truth == {"boxes", "masks"}
    assert len(dataset.class_labels) == 80
    assert dataset.class_labels[:3] == ("person", "bicycle", "car")
    described = dataset.describe()
    assert described["boxes"] == 939
    assert described["images_with_boxes"] == described["images_with_class_masks"] == 126
    assert len(described["classes"]) == len(dataset.present_labels()) == 71
    assert described["boxes_per_class"]["person"] == 259
    assert described["broken_annotations"] == 0
    first = dataset.index_of("val2017/000000000009.jpg")
    known = dataset.annotations(first)
    assert (known.width, known.height) == dataset.image(first).size == (640, 480)
    assert dataset.problems() == []


def test_masks_of_coco128_have_the_areas_written_in_the_file(shared_data: Path) -> None:
    """``area`` is that of the outline; where a class has one object the mask comes near it."""
    dataset = open_dataset("coco", shared_data / "coco128")
    file = shared_data / "coco128" / "annotations" / "instances_val2017.json"
    whole = json.loads(file.read_text())
    names = {item["id"]: item["name"] for item in whole["categories"]}
    files = {item["id"]: item["file_name"] for item in whole["images"]}
    crowds, ratios = 0, []
    for index in range(len(dataset)):
        image = dataset.sample(index).path.name
        items = [item for item in whole["annotations"] if files[item["image_id"]] == image]
        known = dataset.annotations(index)
        assert [box.crowd for box in known.boxes] == [item["iscrowd"] == 1 for item in items]
        crowds += sum(box.crowd for box in known.boxes)
        labels = [names[item["category_id"]] for item in items]
        for item, label in zip(items, labels, strict=True):
            if labels.count(label) == 1 and not item["iscrowd"] and item["area"] > 2000:
                ratios.append(known.masks[label].sum() / item["area"])
    assert crowds == 10
    assert len(ratios) == 150
    assert np.median(ratios) == pytest.approx(1, abs=0.002)
    assert 0.95 < min(ratios) <= max(ratios) < 1.05


def test_boxes_and_masks(folder: Path) -> None:
    dataset = open_dataset("coco", folder)
    assert [dataset.sample(index).identifier for index in range(2)] == ["val2017/a.jpg", "val2017/b.jpg"]
    assert dataset.class_labels == ("dog", "cat", "cow")
    assert dataset.present_labels() == ("cat", "dog")
    known = dataset.annotations(0)
    assert known.boxes == (Box("dog", 1, 1, 4, 3), Box("cat", 0, 0, 2.5, 8))
    expected = np.zeros((8, 10), bool)
    expected[1:3, 1:4] = True
    np.testing.assert_array_equal(known.masks["dog"], expected)
    np.testing.assert_array_equal(known.masks["cat"], expected)
    assert dataset.sample(0).label is None


def test_images_without_annotations(folder: Path) -> None:
    known = open_dataset("coco", folder).annotations(1)
    assert (known.width, known.height, known.boxes, dict(known.masks)) == (10, 8, (), {})


def test_a_class_mask_is_the_union_with_its_crowds(folder: Path) -> None:
    # Column by column, 8 high: 77 off, 3 on is the lower end of the last column. Compressed: 77 = 00010 01101 → 13 with
    # "more" (48 + 13 + 32 = "]"), then 2 → "2"; 3 → "3".
    for counts in ([77, 3], "]23"):
        crowd = {"counts": counts, "size": [8, 10]}
        write_json(
            folder, content(annotation(1), annotation(2, iscrowd=1, bbox=[9, 5, 1, 3], segmentation=crowd))
        )
        known = open_dataset("coco", folder).annotations(0)
        assert [box.crowd for box in known.boxes] == [False, True]
        expected = np.zeros((8, 10), bool)
        expected[1:3, 1:4] = True
        expected[5:8, 9] = True
        np.testing.assert_array_equal(known.masks["dog"], expected)


def test_boxes_alone(folder: Path) -> None:
    write_json(folder, content(annotation(1, segmentation=[]), annotation(2, image=2, segmentation=None)))
    dataset = open_dataset("coco", folder)
    assert dataset.ground_truth == {"boxes"}
    assert dataset.annotations(0).masks == {}
    assert dataset.problems() == []


def test_annotations_of_a_turned_photograph(folder: Path, save_image: Saver) -> None:
    save_image(folder / "val2017" / "a.jpg", orientation=6)  # stored 10 × 8, as the file says; upright 8 × 10
    known = open_dataset("coco", folder).annotations(0)
    assert (known.width, known.height) == (8, 10)
    assert known.boxes[0] == Box("dog", 5, 1, 7, 4)
    assert np.argwhere(known.masks["dog"]).tolist() == [[1, 5], [1, 6], [2, 5], [2, 6], [3, 5], [3, 6]]


def test_which_file_is_read(folder: Path) -> None:
    only_cat = content(annotation(1, category=1))
    train = write_json(folder, only_cat, "instances_train2017.json")
    assert open_dataset("coco", folder).present_labels() == ("cat", "dog")  # val2017 before others
    (folder / "train2017").symlink_to(folder / "val2017")
    chosen = open_dataset("coco", train)
    assert chosen.present_labels() == ("cat",)
    assert chosen.sample(0).identifier == "train2017/a.jpg"
    (folder / "annotations" / "instances_val2017.json").rename(folder / "annotations" / "instances_test.json")
    with pytest.raises(
        DatasetError, match=r"several files .*\(instances_test\.json, instances_train2017\.json\)"
    ):
        open_dataset("coco", folder)
    train.unlink()
    with pytest.raises(DatasetError, match=r"None of the 2 images .* expected test/b\.jpg"):
        (folder / "val2017").rename(folder / "elsewhere")
        open_dataset("coco", folder)
    (folder / "elsewhere").rename(folder / "images")
    assert open_dataset("coco", folder).sample(0).identifier == "images/a.jpg"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"not a readable JSON file"),
        ("[" * 100_000, r"not a readable JSON file"),
        ("[]", r"not a COCO instances file"),
        ('{"images": [], "annotations": []}', r"must have the lists images, categories, annotations"),
        ('{"images": [], "annotations": [], "categories": []}', r"names no images"),
        (json.dumps(content()), r"has no annotations"),
        (json.dumps({**content(annotation(1)), "categories": [{"id": 3}]}), r"a category without a name"),
    ],
)
def test_what_is_no_instances_file(text: str, message: str, folder: Path) -> None:
    (folder / "annotations" / "instances_val2017.json").write_text(text)
    with pytest.raises(DatasetError, match=message):
        open_dataset("coco", folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bbox": [1, 2, 3]}, r"Annotation 1 \('dog'\) has no bbox of four numbers"),
        ({"bbox": [1, 2, 3, "4"]}, r"has no bbox of four numbers"),
        ({"bbox": [1, 2, 3, float("nan")]}, r"has no bbox of four numbers"),
        ({"bbox": None}, r"has no bbox of four numbers"),
        ({"segmentation": [[1, 1, 4, 4]]}, r"cannot be drawn: its polygon is not"),
        ({"segmentation": [["a"] * 6]}, r"cannot be drawn"),
        ({"segmentation": [[0, 0, 1e12, 0, 0, 1]]}, r"cannot be drawn: its polygon has points far outside"),
        ({"segmentation": {"counts": [1], "size": [8, 10]}}, r"its RLE counts add up to 1 instead of 8 × 10"),
        (
            {"segmentation": {"counts": [80], "size": [10, 8]}},
            r"run lengths are for \[10, 8\], not \[8, 10\]",
        ),
        ({"segmentation": {"counts": ["a"], "size": [8, 10]}}, r"cannot be drawn"),
        ({"segmentation": {"size": [8, 10]}}, r"cannot be drawn: it lacks 'counts'"),
        ({"segmentation": "x"}, r"cannot be drawn"),
    ],
)
def test_broken_annotations_concern_their_image(change: dict[str, Any], message: str, folder: Path) -> None:
    write_json(folder, content(annotation(1, **change), annotation(2, image=2)))
    dataset = open_dataset("coco", folder)
    with pytest.raises(ImageError, match=message):
        dataset.annotations(0)
    assert [item["file"] for item in dataset.problems()] == ["val2017/a.jpg"]
    assert dataset.annotations(1).labels == ("dog",)


def test_everything_wrong_is_said_at_once(folder: Path, save_image: Saver) -> None:
    whole = content(
        annotation(1, category=77),
        annotation(2, category=77),
        annotation(3, image=99),
        annotation(4, bbox=[20, 1, 4, 4]),
        annotation(5, bbox=[1, 1, 0, 4]),
        annotation(6, image=4, segmentation=[]),
        annotation(7, category=[]),
        {},
    )
    whole["images"] += [
        {"id": 3, "file_name": "gone.jpg", "width": 10, "height": 8},
        {"id": 4, "file_name": "大 熊猫.jpg", "width": 9, "height": 8},
        {"id": 4, "file_name": "other.jpg", "width": 9, "height": 8},
        {"id": 5, "file_name": "../../secret.jpg", "width": 9, "height": 8},
    ]
    whole["categories"].append({"id": 4, "name": "dog"})
    write_json(folder, whole)
    save_image(folder / "val2017" / "大 熊猫.jpg")
    (folder / "val2017" / "b.jpg").write_text("x")
    found = [(item["file"], item["problem"]) for item in open_dataset("coco", folder).problems()]
    name = "instances_val2017.json"
    assert found[0] == (name, "Two categories are named 'dog'; they count as one.")
    assert found[1] == (name, "The image other.jpg (id 4) is named more than once; the first counts.")
    assert found[2][1].startswith("An image has no id or no usable file_name: {'id': 5")
    assert found[3:7] == [
        (name, "1 annotations are for image 99, which the file does not have; left out."),
        (name, "1 annotations are for image None, which the file does not have; left out."),
        (name, "2 annotations are of category 77, which the file does not have; left out."),
        (name, "1 annotations are of category [], which the file does not have; left out."),
    ]
    assert found[7:] == [
        (
            "val2017/a.jpg",
            "The box 'dog' (20, 1) to (24, 5) lies outside the image of 10 × 8 pixels; it is left out.",
        ),
        ("val2017/a.jpg", "The box 'dog' (1, 1) to (1, 5) has no area; it is left out."),
        ("val2017/b.jpg", "b.jpg is not a JPEG, PNG or WebP image."),
        ("val2017/gone.jpg", "gone.jpg does not exist."),
        ("val2017/大 熊猫.jpg", "Its annotation is for an image of 9 × 8 pixels, but the image has 10 × 8."),
    ]


def test_the_fingerprint_covers_the_json(folder: Path) -> None:
    before = open_dataset("coco", folder).fingerprint()
    assert before == open_dataset("coco", folder).fingerprint()
    write_json(folder, content(annotation(1), annotation(2, category=1, bbox=[0, 0, 2.5, 7])))
    assert open_dataset("coco", folder).fingerprint() != before


def test_the_difficult_subset_of_the_pointing_game(folder: Path) -> None:
    (folder / "pointing_difficult.csv").write_text("image,label\na,dog\n")
    dataset = open_dataset("coco", folder)
    assert dataset.annotations(0).flags == {"difficult": frozenset({"dog"})}
    assert dataset.annotations(1).flags == {}
