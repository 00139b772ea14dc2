"""Pixels that are kept: exactly those that decoding gives, and never those of another file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.datasets.base import Dataset, open_dataset
from saliency_core.datasets.packed import PackedImages, Pixels, packed_images

FRAME = Preprocessing(size=16)


@pytest.fixture
def photographs(tmp_path: Path) -> Dataset:
    folder = tmp_path / "photographs"
    folder.mkdir()
    noise = np.random.default_rng(0)
    for number in range(3):
        pixels = noise.integers(0, 256, (20 + number, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return open_dataset("image-folder", folder)


class Decoder:
    """Decodes as a benchmark does, and counts."""

    def __init__(self, dataset: Dataset, frame: Preprocessing = FRAME) -> None:
        self.dataset, self.frame, self.decoded = dataset, frame, []

    def read(self, packed: PackedImages, index: int) -> Pixels:
        def decode() -> Pixels:
            self.decoded.append(index)
            return np.asarray(self.frame.framed(self.dataset.image(index)))

        return packed.pixels(index, decode)


def test_an_image_is_decoded_once_and_stays_exactly_the_same(photographs: Dataset, tmp_path: Path) -> None:
    decoder = Decoder(photographs)
    first = PackedImages(tmp_path, photographs, FRAME)
    before = [decoder.read(first, index).copy() for index in (2, 0)]
    again = PackedImages(tmp_path, photographs, FRAME)  # as another process would
    after = [decoder.read(again, index) for index in (2, 0)]
    assert decoder.decoded == [2, 0]
    for kept, index, fresh in zip(after, (2, 0), before, strict=True):
        assert np.array_equal(kept, fresh)
        assert np.array_equal(kept, np.asarray(FRAME.framed(photographs.image(index))))
    decoder.read(again, 1)
    assert decoder.decoded == [2, 0, 1]


def test_a_changed_file_and_damaged_pixels_are_decoded_again(photographs: Dataset, tmp_path: Path) -> None:
    decoder = Decoder(photographs)
    packed = PackedImages(tmp_path, photographs, FRAME)
    decoder.read(packed, 0)
    path = photographs.sample(0).path
    Image.new("RGB", (30, 20), "red").save(path)
    os.utime(path, ns=(1, 1))
    assert decoder.read(packed, 0).tolist() == [[[255, 0, 0]] * 16] * 16
    [kept] = tmp_path.glob("*.pixels")
    with kept.open("r+b") as file:
        file.seek(3 * 16 * 3)
        file.write(b"\7")
    assert decoder.read(packed, 0).tolist() == [[[255, 0, 0]] * 16] * 16
    assert decoder.decoded == [0, 0, 0]
    decoder.read(packed, 0)
    assert decoder.decoded == [0, 0, 0]


def test_other_pipelines_have_other_files(photographs: Dataset, tmp_path: Path) -> None:
    frames = [
        FRAME,
        Preprocessing(size=24),
        Preprocessing(size=16, pipeline="resize_crop"),
        Preprocessing(size=16, interpolation="bicubic"),
    ]
    for frame in frames:
        decoder = Decoder(photographs, frame)
        decoder.read(PackedImages(tmp_path, photographs, frame), 0)
        assert decoder.decoded == [0]
    assert len(list(tmp_path.glob("*.pixels"))) == 4
    # Normalisation comes after: it does not matter here.
    other = Decoder(photographs)
    other.read(PackedImages(tmp_path, photographs, Preprocessing(size=16, mean=(0.5, 0.5, 0.5))), 0)
    assert other.decoded == []


def test_what_was_used_longest_ago_makes_room(photographs: Dataset, tmp_path: Path) -> None:
    each = 3 * 16 * 16 * 3
    folder = tmp_path / "kept"
    names = []
    for number, interpolation in enumerate(("bilinear", "bicubic")):
        frame = Preprocessing(size=16, interpolation=interpolation)
        assert packed_images(folder, photographs, frame, most_bytes=2 * each) is not None
        newest = max(folder.glob("*.pixels"), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (number, number))
        names.append(newest)
    third = Preprocessing(size=16, pipeline="resize_crop")
    assert packed_images(folder, photographs, third, most_bytes=2 * each) is not None
    assert not names[0].exists()
    assert names[1].exists()
    assert len(list(folder.iterdir())) == 4  # two of each kind


def test_nothing_is_kept_without_a_folder_or_room(photographs: Dataset, tmp_path: Path) -> None:
    assert packed_images(None, photographs, FRAME) is None
    assert packed_images(tmp_path / "kept", photographs, FRAME, most_bytes=100) is None
    assert list((tmp_path / "kept").iterdir()) == []


def test_pixels_that_were_read_take_no_memory(photographs: Dataset, tmp_path: Path) -> None:
    """Pages of a mapped file would count as the worker's own: 50,000 images are 7.5 GB."""

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    large = Preprocessing(size=1024)  # 3 MB an image
    packed = PackedImages(tmp_path, photographs, large)
    pixels = np.ones((1024, 1024, 3), dtype=np.uint8)
    packed.pixels(0, lambda: pixels)
    before = resident()
    for index in (0, 1, 2, 0, 1, 2):
        assert packed.pixels(index, lambda: pixels)[5, 5, 0] == 1
    assert resident() - before < 1.5 * pixels.nbytes  # the one that was read last
