from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saliency_core.datasets.base import Box, open_dataset
from saliency_core.errors import DatasetError, ImageError

Saver = Callable[..., Path]

OBJECT = (
    "<object><name>{name}</name><difficult>{difficult}</difficult><part><name>head</name><bndbox><xmin>9</xmin>"
    "<ymin>9</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></part><bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin>"
    "<xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox></object>"
)
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha">'
    + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">'
        for before, name in zip("abcdefghi", "bcdefghij", strict=True)
    )
    + "]><annotation><object><name>&j;</name></object></annotation>"
)
FOREIGN = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><annotation><object><name>&a;</name></object></annotation>'


def write_xml(folder: Path, name: str, objects: list[str], size: tuple[int, int] | None = (10, 8)) -> None:
    file = folder / "Annotations" / f"{name}.xml"
    file.parent.mkdir(parents=True, exist_ok=True)
    width, height = size or (0, 0)
    text = f"<annotation><size><width>{width}</width><height>{height}</height></size>{''.join(objects)}</annotation>"
    file.write_text(text, encoding="utf-8")


def write_set(folder: Path, name: str, images: list[str], kind: str = "Main") -> Path:
    file = folder / "ImageSets" / kind / f"{name}.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(images) + "\n", encoding="utf-8")
    return file


def box(name: str, *edges: float, difficult: int = 0) -> str:
    return OBJECT.format(name=name, box=edges, difficult=difficult)


@pytest.fixture
def year(tmp_path: Path, save_image: Saver) -> Path:
    """VOC2007 with two images of 10 × 8 pixels."""
    folder = tmp_path / "VOCdevkit" / "VOC2007"
    for name in ("000001", "000002"):
        save_image(folder / "JPEGImages" / f"{name}.jpg")
    write_set(folder, "test", ["000001", "000002"])
    write_xml(folder, "000001", [box("dog", 1, 1, 10, 8), box("cat", 3, 2, 5, 4, difficult=1)])
    write_xml(folder, "000002", [box("cat", 2, 2, 2, 2)])
    return folder


def test_kangaroos(shared_data: Path) -> None:
    dataset = open_dataset("voc", shared_data / "kangaroo-voc")
    assert len(dataset) == 56
    assert dataset.ground_truth == {"boxes"}
    assert dataset.class_labels == ("kangaroo",)
    assert dataset.sample(0).identifier == "JPEGImages/00001.jpg"
    first = dataset.annotations(0)
    assert (first.width, first.height) == (450, 319)
    # The file says 233 89 386 262 and 134 105 341 253, counted from 1.
    assert first.boxes == (Box("kangaroo", 232, 88, 386, 262), Box("kangaroo", 133, 104, 341, 253))
    described = dataset.describe()
    assert (described["boxes"], described["boxes_per_class"]) == (85, {"kangaroo": 85})
    assert [item["file"] for item in dataset.problems()] == ["JPEGImages/00090.jpg"]
    assert "truncated" in dataset.problems()[0]["problem"]


def test_boxes_count_from_one_and_parts_are_no_objects(year: Path) -> None:
    dataset = open_dataset("voc", year)
    annotations = dataset.annotations(0)
    assert annotations.boxes == (
        Box("dog", 0, 0, 10, 8),
        Box("cat", 2, 1, 5, 4, difficult=True),
    )
    assert annotations.labels == ("dog", "cat")
    assert annotations.masks == {} and annotations.flags == {}
    assert dataset.annotations(1).boxes == (Box("cat", 1, 1, 2, 2),)
    assert dataset.class_labels == ("cat", "dog")
    assert dataset.problems() == []


def test_devkit_and_single_lists(year: Path) -> None:
    assert len(open_dataset("voc", year.parent)) == 2
    assert len(open_dataset("voc", year.parent.parent)) == 2
    chosen = write_set(year, "cat_test", ["000002  1"])
    assert [open_dataset("voc", chosen).sample(0).identifier] == ["JPEGImages/000002.jpg"]
    (year.parent / "VOC2012" / "JPEGImages").mkdir(parents=True)
    with pytest.raises(DatasetError, match=r"several years \(VOC2007, VOC2012\): give the path of one"):
        open_dataset("voc", year.parent)


def test_a_test_set_without_annotations_is_passed_over(year: Path) -> None:
    write_set(year, "test", ["2012_000001"])
    write_set(year, "val", ["000002"])
    assert open_dataset("voc", year).sample(0).identifier == "JPEGImages/000002.jpg"
    (year / "ImageSets" / "Main" / "val.txt").unlink()
    write_set(year, "cows", ["000001"])
    with pytest.raises(DatasetError, match=r"no list of annotated images \(test\.txt, val\.txt"):
        open_dataset("voc", year)


def test_masks_of_classes_leave_the_border_out(year: Path) -> None:
    picture = np.zeros((8, 10), np.uint8)
    picture[1:4, 2:5] = 8  # cat
    picture[1, 2] = 255
    picture[5:, :] = 12  # dog
    (year / "SegmentationClass").mkdir()
    for name, pixels in (("000001", picture), ("000002", np.zeros((8, 10), np.uint8))):
        image = Image.fromarray(pixels)
        image.putpalette([value for value in range(256) for _ in range(3)])
        image.save(year / "SegmentationClass" / f"{name}.png")
    dataset = open_dataset("voc", year)
    assert dataset.ground_truth == {"boxes", "masks"}
    masks = dataset.annotations(0).masks
    assert {label: int(mask.sum()) for label, mask in masks.items()} == {"cat": 8, "dog": 30}
    assert masks["cat"][2, 3] and not masks["cat"][1, 2] and masks["dog"][7, 0]
    assert dataset.annotations(1).masks == {}
    assert dataset.describe()["masks_per_class"] == {"cat": 1, "dog": 1}
    before = dataset.fingerprint()
    (year / "classes.txt").write_text("\n".join(f"kind {number}" for number in range(1, 12)))
    with pytest.raises(ImageError, match=r"class number 12, but there are only 11 classes; classes\.txt"):
        open_dataset("voc", year).annotations(0)
    (year / "classes.txt").write_text("\n".join(f"kind {number}" for number in range(1, 13)))
    dataset = open_dataset("voc", year)
    assert set(dataset.annotations(0).masks) == {"kind 8", "kind 12"}
    assert dataset.fingerprint() != before
    Image.fromarray(picture[:, :9]).save(year / "SegmentationClass" / "000001.png")
    with pytest.raises(ImageError, match=r"000001\.png has 9 × 8 pixels, but 000001\.xml is for 10 × 8"):
        dataset.annotations(0)
    Image.new("RGB", (10, 8)).save(year / "SegmentationClass" / "000001.png")
    with pytest.raises(ImageError, match=r"must hold class numbers .*not RGB"):
        dataset.annotations(0)


def test_the_difficult_subset_of_the_pointing_game(year: Path, save_image: Saver) -> None:
    save_image(year / "JPEGImages" / "000003.jpg")
    write_xml(year, "000003", [box("cat", 1, 1, 5, 5)])
    write_set(year, "test", ["000001", "000002", "000003"])
    (year / "pointing_difficult.csv").write_text(
        "image,label\n000001,dog\n000001.jpg,cat\n000002,\n000001,cat\n"
    )
    dataset = open_dataset("voc", year)
    assert [dataset.annotations(index).flags for index in range(3)] == [
        {"difficult": frozenset({"dog", "cat"})},
        {"difficult": frozenset()},
        {},
    ]


def test_annotations_of_a_turned_photograph(year: Path, save_image: Saver) -> None:
    save_image(year / "JPEGImages" / "000001.jpg", orientation=6)  # stored 10 × 8, upright 8 × 10
    dataset = open_dataset("voc", year)
    assert dataset.image(0).size == (8, 10)
    assert dataset.annotations(0).boxes[1] == Box("cat", 4, 2, 7, 5, difficult=True)
    assert dataset.problems() == []


BROKEN = {
    "text": ("no xml", r"000001\.xml is not a readable XML file: syntax error"),
    "cut": ("<annotation><object>", r"not a readable XML file: no element found"),
    "laughs": (LAUGHS, r"document type declaration"),
    "foreign": (FOREIGN, r"document type declaration"),
    "laughs in UTF-16": (LAUGHS.replace("?>", ' encoding="utf-16"?>'), r"document type declaration"),
    "nameless": ("<annotation><object/></annotation>", r"object 1 has no name"),
    "no numbers": (
        "<annotation><object><name>cow</name><bndbox><xmin>a</xmin></bndbox></object></annotation>",
        r"object 1 \(cow\) has no complete bndbox",
    ),
    "not finite": (f"<annotation>{box('cow', 'nan', 1, 2, 'inf')}</annotation>", r"no complete bndbox"),  # type: ignore[arg-type]
    "size": (
        f"<annotation><size><width>99</width><height>8</height></size>{box('cow', 1, 1, 2, 2)}</annotation>",
        r"for an image of 99 × 8 pixels, but the image has 10 × 8",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_annotations(kind: str, year: Path) -> None:
    text, message = BROKEN[kind]
    encoding = "utf-16" if "UTF-16" in kind else "utf-8"
    (year / "Annotations" / "000001.xml").write_bytes(text.encode(encoding))
    dataset = open_dataset("voc", year)
    with pytest.raises(ImageError, match=message):
        dataset.annotations(0)
    problems = dataset.problems()
    assert [item["file"] for item in problems] == ["JPEGImages/000001.jpg"]
    assert len(dataset.annotations(1).boxes) == 1
    assert dataset.class_labels in (("cat",), ("cat", "cow"))


def test_everything_wrong_is_said_at_once(year: Path, save_image: Saver) -> None:
    for name in ("000003", "000004", "000005", "大 熊 猫"):
        save_image(year / "JPEGImages" / f"{name}.jpg")
        write_xml(year, name, [])
    write_set(year, "test", ["000001", "000002", "000003", "000004", "000005", "000006", "000001"])
    (year / "JPEGImages" / "000002.jpg").write_bytes((year / "JPEGImages" / "000002.jpg").read_bytes()[:400])
    write_xml(year, "000004", [box("cat", 4, 4, 12, 8), box("cat", 20, 4, 30, 8), box("cat", 5, 5, 4, 8)])
    (year / "Annotations" / "000005.xml").unlink()
    problems = [(item["file"], item["problem"]) for item in open_dataset("voc", year).problems()]
    assert problems[0] == ("test.txt", "Names 1 images more than once.")
    assert problems[1][0] == "JPEGImages/000002.jpg"
    assert problems[2:] == [
        ("JPEGImages/000003.jpg", "000003.xml has no boxes."),
        (
            "JPEGImages/000004.jpg",
            "The box 'cat' (3, 3) to (12, 8) sticks out of the image of 10 × 8 pixels; it is cut.",
        ),
        (
            "JPEGImages/000004.jpg",
            "The box 'cat' (19, 3) to (30, 8) lies outside the image of 10 × 8 pixels; it is left out.",
        ),
        ("JPEGImages/000004.jpg", "The box 'cat' (4, 4) to (4, 8) has no area; it is left out."),
        ("JPEGImages/000005.jpg", "000005.xml does not exist or cannot be read."),
        ("JPEGImages/000006.jpg", "000006.jpg does not exist."),
    ]


def test_names_with_blanks_and_chinese(year: Path, save_image: Saver) -> None:
    for name in ("大熊猫 1", "a b"):
        save_image(year / "JPEGImages" / f"{name}.jpg")
        write_xml(year, name, [box("熊猫", 1, 1, 4, 4)])
    dataset = open_dataset("voc", write_set(year, "熊猫", ["大熊猫 1", "a b -1"]))
    assert [dataset.sample(index).identifier for index in range(2)] == [
        "JPEGImages/大熊猫 1.jpg",
        "JPEGImages/a b.jpg",
    ]
    assert dataset.annotations(0).boxes == (Box("熊猫", 0, 0, 4, 4),)
    assert dataset.problems() == []


def test_the_fingerprint_covers_annotations(year: Path) -> None:
    seen = {open_dataset("voc", year).fingerprint(), open_dataset("voc", year).fingerprint()}
    assert len(seen) == 1
    write_xml(year, "000002", [box("cat", 2, 2, 2, 3)])
    seen.add(open_dataset("voc", year).fingerprint())
    write_set(year, "test", ["000002", "000001"])
    seen.add(open_dataset("voc", year).fingerprint())
    (year / "pointing_difficult.csv").write_text("image,label\n000001,dog\n")
    seen.add(open_dataset("voc", year).fingerprint())
    assert len(seen) == 4


def test_what_is_no_voc_folder(tmp_path: Path, year: Path) -> None:
    with pytest.raises(DatasetError, match=r"has no JPEGImages"):
        open_dataset("voc", year / "Annotations")
    write_set(year, "test", ["../../secret"])
    with pytest.raises(DatasetError, match=r"no list of annotated|not in JPEGImages"):
        open_dataset("voc", year)
    with pytest.raises(DatasetError, match=r"not in JPEGImages"):
        open_dataset("voc", year / "ImageSets" / "Main" / "test.txt")
