"""Labels for ILSVRC2012's validation images where they lie side by side.

Looked for in the data set's folder, in the devkit's folder in it and beside the images; the first of these that
exists counts:

1. ``ILSVRC2012_validation_ground_truth.txt`` with ``meta.mat`` (the devkit): line i is the ILSVRC id (1 … 1000) of
   image i, and meta.mat says which synset that is. These ids are *not* the class numbers of the usual networks.
2. ``LOC_val_solution.csv`` (Kaggle): "image,synset x y x y …" below a line of column names.
3. ``val.txt``: "image synset" or "image number", the number being the class 0 … 999 in the order of the sorted
   synsets, as Caffe's list has it.
4. ``imagenet_2012_validation_synset_labels.txt`` (TensorFlow): line i is the synset of image i.

Image i is the one whose name ends in that number: ILSVRC2012_val_00000001.JPEG.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from saliency_core.datasets.files import read_lines
from saliency_core.errors import DatasetError

GROUND_TRUTH, META, SYNSET_LINES = (
    "ILSVRC2012_validation_ground_truth.txt",
    "meta.mat",
    "imagenet_2012_validation_synset_labels.txt",
)
KAGGLE_LIST, CAFFE_LIST = "LOC_val_solution.csv", "val.txt"
_PLACES = (
    "",
    "ILSVRC2012_devkit_t12/data",
    "devkit/data",
    "data",
    "ILSVRC2012_devkit_t12",
    "devkit",
    "ILSVRC",
)
_CLASSES = 1000
_NUMBER_IN_NAME = re.compile(r"(?:^|_)(\d{1,8})$")
_SYNSET = re.compile(r"n\d{8}")

Labels = tuple[dict[str, str], tuple[Path, ...], list[dict[str, str]]]


def find_labels(root: Path, folder: Path, names: list[str]) -> Labels:
    """Labels by image name, the files they came from, and what is wrong. Raises DatasetError where there is no
    list or it cannot be used.
    """
    places = list(dict.fromkeys([*(root / place for place in _PLACES), folder]))
    readers: tuple[tuple[str, Callable[[Path], dict[str, str]]], ...] = (
        (GROUND_TRUTH, lambda file: _by_number(_devkit_synsets(file, places), names)),
        (KAGGLE_LIST, lambda file: _by_name(_pairs(file, after_heading=True), names)),
        (CAFFE_LIST, lambda file: _by_name(_pairs(file), names)),
        (SYNSET_LINES, lambda file: _by_number(read_lines(file), names)),
    )
    for file_name, read in readers:
        file = _first(places, file_name)
        if file is None:
            continue
        labels = read(file)
        wrong = sorted(
            {label for label in labels.values() if not _SYNSET.fullmatch(label) and not label.isdigit()}
        )
        if wrong:
            raise DatasetError(
                f"{file} has labels that are neither synsets nor numbers: {', '.join(wrong[:3])}."
            )
        complaints = [
            {"file": name, "problem": f"has no label in {file.name}"} for name in names if name not in labels
        ]
        if len(complaints) == len(names):
            raise DatasetError(f"{file} labels none of the images in {folder}.")
        meta = _first(places, META) if file_name == GROUND_TRUTH else None
        return labels, (file,) if meta is None else (file, meta), complaints
    raise DatasetError(
        f"The images in {folder} have no labels: put them into folders named by synsets, or add "
        f"{GROUND_TRUTH} with {META} from the devkit, or {CAFFE_LIST} with lines such as "
        "'ILSVRC2012_val_00000001.JPEG n01751748'."
    )


def _first(places: list[Path], name: str) -> Path | None:
    return next((place / name for place in places if (place / name).is_file()), None)


def _devkit_synsets(file: Path, places: list[Path]) -> list[str]:
    meta = _first(places, META)
    if meta is None:
        raise DatasetError(
            f"{file} holds ILSVRC ids; {META} from the same devkit, which says what they mean, is missing."
        )
    synsets = _synsets_by_id(meta)
    lines = [line.strip() for line in read_lines(file)]
    unknown = [line for line in lines if not line.isdigit() or int(line) not in synsets]
    if unknown:
        raise DatasetError(f"{file} has the id {unknown[0]!r}, which {META} does not have.")
    return [synsets[int(line)] for line in lines]


def _synsets_by_id(meta: Path) -> dict[int, str]:
    """ILSVRC id → synset, of the devkit's meta.mat (struct array "synsets")."""
    import numpy as np
    from scipy import io

    try:
        table = io.loadmat(meta, squeeze_me=True)["synsets"]
        pairs = zip(np.atleast_1d(table["ILSVRC2012_ID"]), np.atleast_1d(table["WNID"]), strict=True)
        return {int(number): str(synset) for number, synset in pairs if int(number) <= _CLASSES}
    except Exception as error:  # MATLAB files are read by scipy, which has many ways to fail
        raise DatasetError(f"{meta} is not the devkit's {META}: {error}.") from error


def _pairs(file: Path, after_heading: bool = False) -> dict[str, str]:
    """Stem of the image → label, of lines "image label …" separated by blanks or commas."""
    pairs: dict[str, str] = {}
    lines = read_lines(file)[1 if after_heading else 0 :]
    for number, line in enumerate(lines, 2 if after_heading else 1):
        if not line.strip():
            continue
        fields = re.split(r"[\s,]+", line.strip())
        if len(fields) < 2:
            raise DatasetError(
                f"{file}, line {number}: expected an image and its label, found {line[:60]!r}."
            )
        pairs.setdefault(PurePosixPath(fields[0]).name.partition(".")[0], fields[1])
    too_large = [label for label in pairs.values() if label.isdigit() and int(label) >= _CLASSES]
    if too_large:
        raise DatasetError(
            f"{file} has the class number {too_large[0]}: numbers must be 0 … 999 in the order of the sorted "
            f"synsets. ILSVRC ids (1 … 1000) need the devkit's {META} and {GROUND_TRUTH}."
        )
    return pairs


def _by_name(labels: dict[str, str], names: list[str]) -> dict[str, str]:
    found = ((name, labels.get(PurePosixPath(name).name.partition(".")[0])) for name in names)
    return {name: label for name, label in found if label is not None}


def _by_number(lines: list[str], names: list[str]) -> dict[str, str]:
    labels = {}
    for name in names:
        match = _NUMBER_IN_NAME.search(PurePosixPath(name).stem)
        if match and 1 <= int(match[1]) <= len(lines):
            labels[name] = lines[int(match[1]) - 1].strip()
    return labels
