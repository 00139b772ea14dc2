from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from saliency_core.datasets.base import FORMATS, open_dataset
from saliency_core.datasets.image_folder import ImageFolder
from saliency_core.datasets.sample_photographs import PHOTOGRAPHS, write_sample_photographs
from saliency_core.datasets.subset import subset_indices
from saliency_core.errors import DatasetError, ParameterError

Writer = Callable[..., Path]


def test_class_folders(tmp_path: Path, write_image: Writer) -> None:
    for name in ("n02/b.JPEG", "n01/z.png", "n01/a.jpg", "train/n03/c.webp", ".hidden/x.jpg", "n01/.y.jpg"):
        write_image(tmp_path / name)
    (tmp_path / "n01" / "notes.txt").write_text("x")
    dataset = open_dataset("image-folder", tmp_path)
    samples = [dataset.sample(index) for index in range(len(dataset))]
    assert [(sample.identifier, sample.label) for sample in samples] == [
        ("n01/a.jpg", "n01"),
        ("n01/z.png", "n01"),
        ("n02/b.JPEG", "n02"),
        ("train/n03/c.webp", "n03"),
    ]
    assert samples[0].path == tmp_path / "n01" / "a.jpg"
    assert dataset.ground_truth == {"label"}
    assert dataset.image(0).size == (40, 30)
    assert dataset.problems() == []


def test_flat_folder_without_labels(tmp_path: Path, write_image: Writer) -> None:
    write_image(tmp_path / "a.jpg")
    dataset = ImageFolder(tmp_path)
    assert dataset.sample(0).label is None
    assert dataset.ground_truth == frozenset()


def test_label_file_and_its_problems(tmp_path: Path, write_image: Writer) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        write_image(tmp_path / name)
    (tmp_path / "b.jpg").write_text("no photograph")
    (tmp_path / "labels.csv").write_text(
        "\ufeffimage,label\na.jpg,tench\nb.jpg, 7\nmissing.jpg,1\na.jpg,goldfish\n", encoding="utf-8"
    )
    dataset = ImageFolder(tmp_path)
    assert [dataset.sample(index).label for index in range(3)] == ["tench", "7", None]
    assert [(item["file"], item["problem"]) for item in dataset.problems()] == [
        ("missing.jpg", "named in labels.csv but not found"),
        ("a.jpg", "named more than once in labels.csv; the first line counts"),
        ("c.jpg", "has no label in labels.csv"),
        ("b.jpg", "b.jpg is not a JPEG, PNG or WebP image."),
    ]


def test_a_label_file_without_header_is_refused(tmp_path: Path, write_image: Writer) -> None:
    write_image(tmp_path / "a.jpg")
    (tmp_path / "labels.csv").write_text("a.jpg,tench\n")
    with pytest.raises(DatasetError, match=r"names the columns image and label"):
        ImageFolder(tmp_path)
    (tmp_path / "labels.csv").write_bytes(b"image,label\n\xff\xfe,1\n")
    with pytest.raises(DatasetError, match=r"not a CSV file in UTF-8"):
        ImageFolder(tmp_path)


def test_missing_empty_and_unknown(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere does not exist"):
        open_dataset("image-folder", tmp_path / "nowhere")
    with pytest.raises(DatasetError, match=r"contains no images"):
        open_dataset("image-folder", tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(DatasetError, match=r"file is not a folder"):
        open_dataset("image-folder", tmp_path / "file")
    with pytest.raises(DatasetError, match=r"no data set format 'imagefolder'.*Did you mean 'image-folder'"):
        open_dataset("imagefolder", tmp_path)
    assert {item.key for item in FORMATS} == {
        "image-folder",
        "masked-folder",
        "ilsvrc",
        "voc",
        "coco",
        "imagenet-segmentation",
        "tiny-imagenet",
        "shapes",
    }


def test_fingerprint_follows_names_sizes_and_labels(tmp_path: Path, write_image: Writer) -> None:
    write_image(tmp_path / "a.png")
    first = ImageFolder(tmp_path).fingerprint()
    assert first == ImageFolder(tmp_path).fingerprint()
    seen = {first}
    (tmp_path / "labels.csv").write_text("image,label\na.png,1\n")
    seen.add(ImageFolder(tmp_path).fingerprint())
    (tmp_path / "labels.csv").write_text("image,label\na.png,2\n")
    seen.add(ImageFolder(tmp_path).fingerprint())
    write_image(tmp_path / "a.png", size=(41, 30))
    seen.add(ImageFolder(tmp_path).fingerprint())
    write_image(tmp_path / "b.png")
    seen.add(ImageFolder(tmp_path).fingerprint())
    assert len(seen) == 5


def test_subsets_are_seeded_sorted_and_without_repetition() -> None:
    chosen = subset_indices(200, 40, seed=7)
    assert len(set(chosen)) == 40
    assert chosen == sorted(chosen)
    assert 0 <= chosen[0] <= chosen[-1] < 200
    assert chosen == subset_indices(200, 40, seed=7)
    assert chosen != subset_indices(200, 40, seed=8)
    assert subset_indices(10, 4) == [2, 4, 5, 7]  # the same photographs everywhere, today and later
    assert subset_indices(5, None) == subset_indices(5, 5) == subset_indices(5, 9) == [0, 1, 2, 3, 4]
    with pytest.raises(ParameterError, match=r"at least 1; got 0"):
        subset_indices(5, 0)


def test_sample_photographs_are_readable(tmp_path: Path) -> None:
    written = write_sample_photographs(tmp_path / "samples")
    assert [path.name for path in written] == list(PHOTOGRAPHS)
    dataset = ImageFolder(tmp_path / "samples")
    assert len(dataset) == len(PHOTOGRAPHS)
    assert dataset.problems() == []
