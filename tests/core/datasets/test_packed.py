"""Pixels that are kept: exactly those that decoding gives, and never those of another file."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
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


def test_a_file_that_is_there_already_needs_no_room_of_its_own(photographs: Dataset, tmp_path: Path) -> None:
    folder, each = tmp_path / "kept", 3 * 16 * 16 * 3
    frames = [FRAME, Preprocessing(size=16, interpolation="bicubic")]
    for frame in (*frames, *frames):
        assert packed_images(folder, photographs, frame, most_bytes=2 * each) is not None
        assert packed_images(folder, photographs, FRAME, most_bytes=2 * each) is not None
    assert len(list(folder.glob("*.pixels"))) == 2
    decoder = Decoder(photographs)
    for _ in range(3):
        packed = packed_images(folder, photographs, FRAME, most_bytes=each)  # all the room there is
        assert packed is not None
        decoder.read(packed, 0)
    assert decoder.decoded == [0]


def test_a_data_set_is_walked_over_once_while_it_is_open(
    photographs: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks = []
    fingerprint = photographs.fingerprint
    monkeypatch.setattr(photographs, "fingerprint", lambda: walks.append(1) or fingerprint())
    for frame in (FRAME, Preprocessing(size=24), FRAME):
        assert packed_images(tmp_path / "kept", photographs, frame) is not None
    assert len(walks) == 1


def test_a_full_disk_only_means_that_no_more_is_kept(photographs: Dataset, tmp_path: Path) -> None:
    """A limit on the size of files refuses writing as a full disk does: a part first, then nothing."""
    script = """
import logging, resource, signal, sys
import numpy as np
from pathlib import Path
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.datasets.base import open_dataset
from saliency_core.datasets.packed import packed_images
logging.basicConfig(format="%(levelname)s %(message)s", stream=sys.stdout)
dataset, folder, frame = open_dataset("image-folder", sys.argv[1]), Path(sys.argv[2]), Preprocessing(size=16)
decoded = []
def read(packed, index):
    def decode():
        decoded.append(index)
        return np.full((16, 16, 3), index + 1, dtype=np.uint8)
    assert packed.pixels(index, decode).tolist() == [[[index + 1] * 3] * 16] * 16
packed = packed_images(folder, dataset, frame)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
for index in (0, 1, 2, 0, 1, 2):
    read(packed, index)
again = packed_images(folder, dataset, frame)
for index in (0, 1, 2):
    read(again, index)
print(decoded)
"""
    folder = tmp_path / "kept"
    said = subprocess.run(
        [sys.executable, "-c", script, str(photographs.sample(0).path.parent), str(folder)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    # An image is 768 bytes: the first fits, the second does not.
    assert said == [
        f"WARNING Decoded pixels are not kept in {folder}: File too large. Images are decoded again each time.",
        "[0, 1, 2, 1, 2, 1, 2]",
    ]


@pytest.mark.parametrize("kind", ["pixels", "proofs"])
def test_files_that_somebody_has_shortened_are_filled_again(
    kind: str, photographs: Dataset, tmp_path: Path
) -> None:
    decoder = Decoder(photographs)
    packed = PackedImages(tmp_path, photographs, FRAME)
    before = decoder.read(packed, 2).copy()
    [file] = tmp_path.glob(f"*.{kind}")
    os.truncate(file, 0)
    assert np.array_equal(decoder.read(packed, 2), before)
    assert np.array_equal(decoder.read(packed, 2), before)
    assert decoder.decoded == [2, 2]


def test_a_folder_that_cannot_be_written_to_is_named_once(
    photographs: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "kept").write_text("not a folder")
    with caplog.at_level(logging.WARNING):
        assert packed_images(tmp_path / "kept", photographs, FRAME) is None
        assert packed_images(tmp_path / "kept", photographs, FRAME) is None
    assert caplog.messages == [
        f"Decoded pixels are not kept in {tmp_path / 'kept'}: File exists. Images are decoded again each time."
    ]


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
