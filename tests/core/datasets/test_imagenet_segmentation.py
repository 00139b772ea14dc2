"""Files in the layout of gtsegs_ijcv.mat, written here from synthetic pixels and from ECSSD's photographs."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from saliency_core.datasets.base import open_dataset
from saliency_core.errors import DatasetError, ImageError

Pair = tuple[NDArray[np.uint8], NDArray]


def write_gtsegs(path: Path, pairs: Sequence[Pair]) -> Path:
    """``pairs``: images [H, W, 3] and masks [H, W], stored as MATLAB stores them: axes the other way round."""
    with h5py.File(path, "w", userblock_size=512) as file:
        references = file.create_group("#refs#")
        value = file.create_group("value")
        images = value.create_dataset("img", (len(pairs), 1), h5py.ref_dtype)
        masks = value.create_dataset("gt", (len(pairs), 1), h5py.ref_dtype)
        for number, (image, mask) in enumerate(pairs):
            pixels = references.create_dataset(f"image{number}", data=image.transpose(2, 1, 0))
            drawn = references.create_dataset(f"mask{number}", data=mask.T, compression="gzip")
            cell = references.create_dataset(f"cell{number}", (1, 1), h5py.ref_dtype)
            cell[0, 0] = drawn.ref
            images[number, 0], masks[number, 0] = pixels.ref, cell.ref
    return path


def pair(height: int = 3, width: int = 5, seed: int = 0) -> Pair:
    generator = np.random.default_rng(seed)
    return (
        generator.integers(0, 256, (height, width, 3), dtype=np.uint8),
        generator.integers(0, 2, (height, width), dtype=np.uint8),
    )


def test_pixels_and_masks_come_back(tmp_path: Path) -> None:
    pairs = [pair(3, 5, 0), pair(6, 4, 1)]
    write_gtsegs(tmp_path / "gtsegs_ijcv.mat", pairs)
    for path in (tmp_path, tmp_path / "gtsegs_ijcv.mat"):
        dataset = open_dataset("imagenet-segmentation", path)
        assert len(dataset) == 2
        assert dataset.ground_truth == {"object_mask"}
        assert [dataset.sample(index).identifier for index in range(2)] == ["0001", "0002"]
        for index, (image, mask) in enumerate(pairs):
            np.testing.assert_array_equal(np.asarray(dataset.image(index)), image)
            known = dataset.annotations(index)
            assert (known.height, known.width) == mask.shape
            np.testing.assert_array_equal(known.object_mask, mask == 1)
        assert dataset.problems() == []
        assert dataset.describe()["object_masks"] == 2
        assert dataset.class_labels == dataset.present_labels() == ()
    with pytest.raises(IndexError):
        dataset.sample(2)


def test_a_file_made_from_ecssd(tmp_path: Path, shared_data: Path) -> None:
    folder = open_dataset("masked-folder", shared_data / "ecssd-200")
    expected = [
        (np.asarray(folder.image(index)), folder.annotations(index).object_mask) for index in range(12)
    ]
    path = write_gtsegs(
        tmp_path / "ecssd.mat",
        [(image, mask.astype(np.float64)) for image, mask in expected if mask is not None],
    )
    dataset = open_dataset("imagenet-segmentation", path)
    assert len(dataset) == 12
    for index, (image, mask) in enumerate(expected):
        np.testing.assert_array_equal(np.asarray(dataset.image(index)), image)
        np.testing.assert_array_equal(dataset.annotations(index).object_mask, mask)


def test_threads_and_processes_may_share_it(tmp_path: Path) -> None:
    pairs = [pair(20 + number, 30, number) for number in range(16)]
    dataset = open_dataset("imagenet-segmentation", write_gtsegs(tmp_path / "a.mat", pairs))
    with ThreadPoolExecutor(4) as pool:
        images = list(pool.map(dataset.image, list(range(16)) * 4))
    for number, image in enumerate(images):
        np.testing.assert_array_equal(np.asarray(image), pairs[number % 16][0])
    copy = pickle.loads(pickle.dumps(dataset))  # noqa: S301  # what a worker process receives
    np.testing.assert_array_equal(np.asarray(copy.image(3)), pairs[3][0])


def test_broken_images_are_named(tmp_path: Path) -> None:
    image, mask = pair()
    other = mask.copy()
    other[0, 0] = 2
    floats = np.zeros((3, 5, 3))
    path = write_gtsegs(
        tmp_path / "a.mat",
        [(image, mask), (image, other), (image, mask[:2]), (floats, mask), (image[..., :2], mask)],  # type: ignore[list-item]
    )
    with h5py.File(path, "r+") as file:
        file["/value/gt"][0, 0] = h5py.Reference()
    dataset = open_dataset("imagenet-segmentation", path)
    values = sorted({*other.ravel().tolist()})
    assert [(item["file"], item["problem"].partition("cannot be read: ")[2]) for item in dataset.problems()][
        1:
    ] == [
        ("0002", f"its mask must hold 0 and 1, but holds {values}."),
        ("0003", "its mask has 5 × 2 pixels, the image has 5 × 3."),
        ("0004", "its image has shape (3, 5, 3) and type float64."),
        ("0005", "its image has shape (2, 5, 3) and type uint8."),
    ]
    assert dataset.problems()[0]["file"] == "0001"
    with pytest.raises(ImageError, match=r"Image 0001 of a\.mat cannot be read"):
        dataset.annotations(0)
    np.testing.assert_array_equal(np.asarray(dataset.image(0)), image)


def test_data_in_other_files_is_not_followed(tmp_path: Path) -> None:
    path = write_gtsegs(tmp_path / "a.mat", [pair()])
    (tmp_path / "secret").write_bytes(b"x" * 45)
    with h5py.File(path, "r+") as file:
        foreign = file["#refs#"].create_dataset(
            "foreign", (3, 5, 3), np.uint8, external=[(str(tmp_path / "secret"), 0, 45)]
        )
        file["/value/img"][0, 0] = foreign.ref
    with pytest.raises(ImageError, match=r"its image lies in another file"):
        open_dataset("imagenet-segmentation", path).image(0)


def test_files_in_another_layout(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"gtsegs_ijcv\.mat does not exist"):
        open_dataset("imagenet-segmentation", tmp_path)
    (tmp_path / "a.mat").write_text("no HDF5")
    with pytest.raises(DatasetError, match=r"a\.mat is not in the layout of gtsegs_ijcv\.mat"):
        open_dataset("imagenet-segmentation", tmp_path / "a.mat")
    with h5py.File(tmp_path / "b.mat", "w") as file:
        file["value/img"] = np.zeros((2, 1))
    with pytest.raises(DatasetError, match=r"b\.mat is not in the layout"):
        open_dataset("imagenet-segmentation", tmp_path / "b.mat")
    write_gtsegs(tmp_path / "c.mat", [])
    with pytest.raises(DatasetError, match=r"equally many"):
        open_dataset("imagenet-segmentation", tmp_path / "c.mat")


def test_the_fingerprint_is_that_of_the_file(tmp_path: Path) -> None:
    path = write_gtsegs(tmp_path / "a.mat", [pair()])
    before = open_dataset("imagenet-segmentation", path).fingerprint()
    write_gtsegs(path, [pair(seed=1)])
    assert open_dataset("imagenet-segmentation", path).fingerprint() != before
