"""What a data set says it is read from: enough to open it elsewhere as the same, and nothing that lies beside it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from saliency_core.datasets.base import Dataset, open_dataset
from saliency_core.datasets.shapes import write_shapes
from tests.core.datasets.test_coco import annotation, content, write_json
from tests.core.datasets.test_ilsvrc import write_box, write_devkit
from tests.core.datasets.test_imagenet_segmentation import pair, write_gtsegs
from tests.core.datasets.test_masked_folder import save_mask
from tests.core.datasets.test_voc import box, write_set, write_xml

Saver = Callable[..., Path]
BESIDE = ("model.pt", "notes/secret.txt", "raw.tar", "images.zip", ".hidden.jpg")


def image_folder(root: Path, save: Saver) -> None:
    for name in ("cat/1.png", "dog/2.png"):
        save(root / name)
    (root / "labels.csv").write_text("image,label\ncat/1.png,a cat\n")


def masked_folder(root: Path, save: Saver) -> None:
    save(root / "images" / "a.jpg")
    save(root / "images" / "b.jpg")
    save_mask(root / "masks" / "a.png")
    (root / "labels.csv").write_text("image,label\na.jpg,cat\nb.jpg,dog\n")


def ilsvrc(root: Path, save: Saver) -> None:
    for number in (1, 2):
        save(root / "val" / f"ILSVRC2012_val_0000000{number}.JPEG")
    write_devkit(root / "ILSVRC2012_devkit_t12" / "data", [2, 1])
    write_box(root / "Annotations/CLS-LOC/val", "ILSVRC2012_val_00000001", "n02100735", 0, 0, 10, 8)


def tiny_imagenet(root: Path, save: Saver) -> None:
    save(root / "val" / "images" / "val_0.JPEG", (64, 64))
    save(root / "train" / "images" / "train_0.JPEG", (64, 64))
    (root / "val" / "val_annotations.txt").write_text("val_0.JPEG\tn01443537\t0\t0\t63\t63\n")


def imagenet_segmentation(root: Path, save: Saver) -> None:
    write_gtsegs(root / "gtsegs_ijcv.mat", [pair()])


def voc(root: Path, save: Saver) -> None:
    year = root / "VOCdevkit" / "VOC2012"
    for name in ("1", "2", "3"):
        save(year / "JPEGImages" / f"{name}.jpg")
    for name in ("1", "2"):
        write_xml(year, name, [box("dog", 1, 1, 10, 8)])
        save_mask(year / "SegmentationClass" / f"{name}.png", white=12)
    write_set(year, "test", ["3"])
    write_set(year, "val", ["1", "2"])
    (year / "pointing_difficult.csv").write_text("image,label\n1,dog\n")


def coco(root: Path, save: Saver) -> None:
    for name in ("a.jpg", "b.jpg"):
        save(root / "val2017" / name)
    save(root / "train2017" / "c.jpg")
    write_json(root, content(annotation(1)))
    write_json(root, content(annotation(1)), "instances_train2017.json")
    (root / "pointing_difficult.csv").write_text("image,label\na.jpg,dog\n")


def shapes(root: Path, save: Saver) -> None:
    write_shapes(root, images=3, size=32, files=True)


KINDS: dict[str, tuple[Callable[[Path, Saver], None], list[str]]] = {
    "image-folder": (image_folder, ["cat/1.png", "dog/2.png", "labels.csv"]),
    "masked-folder": (masked_folder, ["images/a.jpg", "images/b.jpg", "labels.csv", "masks/a.png"]),
    "ilsvrc": (
        ilsvrc,
        [
            "Annotations/CLS-LOC/val/ILSVRC2012_val_00000001.xml",
            "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt",
            "ILSVRC2012_devkit_t12/data/meta.mat",
            "val/ILSVRC2012_val_00000001.JPEG",
            "val/ILSVRC2012_val_00000002.JPEG",
        ],
    ),
    "tiny-imagenet": (tiny_imagenet, ["val/images/val_0.JPEG", "val/val_annotations.txt"]),
    "imagenet-segmentation": (imagenet_segmentation, ["gtsegs_ijcv.mat"]),
    "voc": (
        voc,
        [
            f"VOCdevkit/VOC2012/{name}"
            for name in (
                "Annotations/1.xml",
                "Annotations/2.xml",
                "ImageSets/Main/val.txt",
                "JPEGImages/1.jpg",
                "JPEGImages/2.jpg",
                "SegmentationClass/1.png",
                "SegmentationClass/2.png",
                "pointing_difficult.csv",
            )
        ],
    ),
    "coco": (
        coco,
        ["annotations/instances_val2017.json", "pointing_difficult.csv", "val2017/a.jpg", "val2017/b.jpg"],
    ),
    "shapes": (shapes, ["shapes.json"]),
}


def facts(dataset: Dataset) -> list[object]:
    samples = [dataset.sample(index) for index in range(len(dataset))]
    return [
        dataset.fingerprint(),
        dataset.ground_truth,
        dataset.class_labels,
        [(sample.identifier, sample.label) for sample in samples],
        [dataset.image(index).tobytes() for index in range(len(dataset))],
    ]


@pytest.mark.parametrize("format", KINDS)
def test_its_files_alone_are_the_same_data_set(format: str, tmp_path: Path, save_image: Saver) -> None:
    root, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    root.mkdir()
    make, expected = KINDS[format]
    make(root, save_image)
    for name in BESIDE:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"no part of it")
    original = open_dataset(format, root)
    files = sorted({file.relative_to(root).as_posix() for file in original.files() if file.is_file()})
    assert files == expected
    for name in files:
        (elsewhere / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, elsewhere / name)
    assert facts(open_dataset(format, elsewhere)) == facts(original)
