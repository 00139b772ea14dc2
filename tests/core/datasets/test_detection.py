"""What a folder looks like is what it is opened as."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from saliency_core.datasets.detection import data_root, detect
from saliency_core.datasets.survey import survey
from saliency_core.errors import DatasetError
from tests.core.datasets.archive_builders import picture

VOC_XML = (
    "<annotation><size><width>8</width><height>6</height></size><object><name>cat</name><bndbox><xmin>1</xmin>"
    "<ymin>1</ymin><xmax>4</xmax><ymax>4</ymax></bndbox></object></annotation>"
)


def write(folder: Path, **files: bytes | str) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def coco(names: list[str]) -> str:
    images = [
        {"id": number, "file_name": name, "width": 8, "height": 6} for number, name in enumerate(names, 1)
    ]
    annotation = {"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 1, 4, 4], "area": 16, "iscrowd": 0}
    return json.dumps(
        {"images": images, "annotations": [annotation], "categories": [{"id": 3, "name": "dog"}]}
    )


CASES = {
    "coco": {"annotations/instances_val2017.json": coco(["1.png"]), "val2017/1.png": picture()},
    "voc": {
        "JPEGImages/1.png": picture(),
        "Annotations/1.xml": VOC_XML,
        "ImageSets/Main/val.txt": "1\n",
    },
    "tiny-imagenet": {"val_annotations.txt": "1.png\tn01443537\t0\t0\t3\t3\n", "images/1.png": picture()},
    "masked-folder": {"images/1.png": picture(), "masks/1.png": picture(colour="white")},
    "ilsvrc": {"n01440764/1.png": picture(), "n01443537/2.png": picture()},
    "image-folder": {"cat/1.png": picture(), "dog/2.png": picture()},
}


@pytest.mark.parametrize("format", CASES)
def test_layouts_are_known_by_their_files(tmp_path: Path, format: str) -> None:
    found = detect(write(tmp_path / "outer" / "inner", **CASES[format]).parent)
    assert (found.format, found.path, len(found.dataset) > 0) == (format, tmp_path / "outer/inner", True)
    assert found.rejected == ()


def test_a_coco_table_of_any_name(tmp_path: Path) -> None:
    found = detect(write(tmp_path, **{"labels.json": coco(["a.png"]), "a.png": picture()}))
    assert (found.format, found.path.name) == ("coco", "labels.json")


def test_what_it_only_looks_like_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path, **{"JPEGImages/1.png": picture(), "Annotations/1.xml": VOC_XML})
    found = detect(folder)
    assert found.format == "image-folder"
    assert [format for format, _reason in found.rejected] == ["voc"]


def test_a_folder_of_nothing(tmp_path: Path) -> None:
    write(tmp_path, **{"readme.txt": "nothing"})
    with pytest.raises(DatasetError, match="no images"):
        detect(tmp_path)


def test_the_folder_that_holds_everything(tmp_path: Path) -> None:
    write(tmp_path, **{"a/b/1.png": picture(), "a/b/2.png": picture(), "__MACOSX/x": b""})
    assert data_root(tmp_path) == tmp_path / "a" / "b"


def test_a_survey_tells_what_is_on_every_image(tmp_path: Path) -> None:
    table = {"annotations/instances_val2017.json": coco(["1.png", "2.png"])}
    folder = write(tmp_path, **table, **{"val2017/1.png": picture(), "val2017/2.png": picture()})
    found = survey(detect(folder).dataset)
    assert found.classes_of_images == [("dog",), ()]
    assert (found.images, found.boxes, found.masks) == ({"dog": 1}, {"dog": 1}, {})
    assert (found.images_with_boxes, found.images_with_masks, found.broken) == (1, 0, 0)
