from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saliency_core.datasets.base import open_dataset
from saliency_core.errors import DatasetError, ImageError

Saver = Callable[..., Path]


def save_mask(path: Path, white: int = 255, size: tuple[int, int] = (10, 8)) -> None:
    """The object covers columns 2 to 4 of rows 1 and 2."""
    pixels = np.zeros((size[1], size[0]), np.uint8)
    pixels[1:3, 2:5] = white
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_ecssd(shared_data: Path) -> None:
    dataset = open_dataset("masked-folder", shared_data / "ecssd-200")
    assert len(dataset) == 200
    assert dataset.ground_truth == {"object_mask"}
    assert dataset.describe()["object_masks"] == 200
    known = dataset.annotations(0)
    assert dataset.sample(0).identifier == "images/0001.jpg"
    pixels = np.asarray(Image.open(shared_data / "ecssd-200" / "masks" / "0001.png").convert("L"))
    assert known.object_mask is not None
    assert known.object_mask.dtype == bool
    assert (known.width, known.height) == dataset.image(0).size
    assert int(known.object_mask.sum()) == int((pixels == 255).sum()) > 1000


def test_folders_side_by_side_with_labels(tmp_path: Path, save_image: Saver) -> None:
    for name in ("大 熊猫", "b", "sub/c", "bare"):
        save_image(tmp_path / "images" / f"{name}.jpg")
        if name != "bare":
            save_mask(tmp_path / "masks" / f"{name}.png")
    save_mask(tmp_path / "masks" / "lonely.png")
    save_mask(tmp_path / "masks" / "b.webp")
    (tmp_path / "labels.csv").write_text(
        "image,label\nb.jpg,dog\nimages/大 熊猫.jpg,panda\nx.jpg,y\n", encoding="utf-8"
    )
    dataset = open_dataset("masked-folder", tmp_path)
    samples = [dataset.sample(index) for index in range(len(dataset))]
    assert [(sample.identifier, sample.label) for sample in samples] == [
        ("images/b.jpg", "dog"),
        ("images/bare.jpg", None),
        ("images/sub/c.jpg", None),
        ("images/大 熊猫.jpg", "panda"),
    ]
    assert dataset.ground_truth == {"label", "object_mask"}
    mask = dataset.annotations(2).object_mask
    assert mask is not None
    assert np.argwhere(mask).tolist() == [[1, 2], [1, 3], [1, 4], [2, 2], [2, 3], [2, 4]]
    with pytest.raises(ImageError, match=r"bare\.jpg has no mask"):
        dataset.annotations(1)
    assert [(item["file"], item["problem"]) for item in dataset.problems()] == [
        ("masks/b.webp", "A second mask of the same name as masks/b.png; left out."),
        ("masks/lonely.png", "A mask without an image; left out."),
        ("x.jpg", "named in labels.csv but not found"),
        ("images/bare.jpg", "has no label in labels.csv"),
        ("images/sub/c.jpg", "has no label in labels.csv"),
        ("images/bare.jpg", "bare.jpg has no mask."),
    ]
    assert dataset.describe()["broken_annotations"] == 1


def test_masks_beside_images(tmp_path: Path, save_image: Saver) -> None:
    save_image(tmp_path / "cats" / "a.b.jpg")
    save_mask(tmp_path / "cats" / "a.b_mask.png")
    dataset = open_dataset("masked-folder", tmp_path)
    assert [dataset.sample(index).identifier for index in range(len(dataset))] == ["cats/a.b.jpg"]
    mask = dataset.annotations(0).object_mask
    assert mask is not None and int(mask.sum()) == 6


def test_the_threshold_is_127(tmp_path: Path, save_image: Saver) -> None:
    save_image(tmp_path / "a.jpg")
    save_mask(tmp_path / "a_mask.png", white=128)
    dataset = open_dataset("masked-folder", tmp_path)
    mask = dataset.annotations(0).object_mask
    assert mask is not None and int(mask.sum()) == 6
    for white in (1, 127):  # masks of 0 and 1 would silently be empty
        save_mask(tmp_path / "a_mask.png", white=white)
        with pytest.raises(ImageError, match=rf"no pixel above 127 \(the brightest is {white}\)"):
            dataset.annotations(0)
    save_mask(tmp_path / "a_mask.png", white=0)
    assert dataset.problems() == [{"file": "a.jpg", "problem": "a_mask.png is black: no object."}]


def test_masks_of_another_size_and_turned_ones(tmp_path: Path, save_image: Saver) -> None:
    save_image(tmp_path / "a.jpg")
    save_mask(tmp_path / "a_mask.png", size=(10, 9))
    dataset = open_dataset("masked-folder", tmp_path)
    with pytest.raises(ImageError, match=r"for an image of 10 × 9 pixels, but the image has 10 × 8"):
        dataset.annotations(0)
    save_image(tmp_path / "a.jpg", orientation=6)
    save_mask(tmp_path / "a_mask.png")
    mask = dataset.annotations(0).object_mask
    assert mask is not None
    assert np.argwhere(mask).tolist() == [[2, 5], [2, 6], [3, 5], [3, 6], [4, 5], [4, 6]]
    assert dataset.problems() == []


def test_the_fingerprint_covers_masks(tmp_path: Path, save_image: Saver) -> None:
    save_image(tmp_path / "a.jpg")
    save_mask(tmp_path / "a_mask.png", white=255)
    before = open_dataset("masked-folder", tmp_path).fingerprint()
    save_mask(tmp_path / "a_mask.png", white=254)
    assert open_dataset("masked-folder", tmp_path).fingerprint() != before


def test_a_folder_without_masks(tmp_path: Path, save_image: Saver) -> None:
    save_image(tmp_path / "a.jpg")
    with pytest.raises(DatasetError, match=r"no images with masks"):
        open_dataset("masked-folder", tmp_path)
