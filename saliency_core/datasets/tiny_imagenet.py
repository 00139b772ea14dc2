"""Tiny-ImageNet's validation images: a class and one box each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from saliency_core.datasets.base import Annotations, Box, Contents, Sample
from saliency_core.datasets.files import (
    ImageFiles,
    existing_folder,
    find_images,
    first_existing,
    read_lines,
    stays_inside,
)
from saliency_core.datasets.images import read_header
from saliency_core.datasets.upright import upright_annotations
from saliency_core.errors import DatasetError

ANNOTATION_FILE = "val_annotations.txt"


class TinyImageNet(ImageFiles):
    """``path`` holds ``val_annotations.txt`` and ``images``, or is the whole tiny-imagenet-200.

    Each line of the file is: image, wnid, x0, y0, x1, y1, separated by tabs; the box's first and last pixels,
    counted from 0, so that it covers [x0, x1 + 1). The samples are the images of that file, sorted.
    """

    def __init__(self, path: str | Path) -> None:
        folder = existing_folder(path)
        file = first_existing(folder, (ANNOTATION_FILE, f"val/{ANNOTATION_FILE}"))
        if file is None:
            raise DatasetError(f"{folder} has no {ANNOTATION_FILE}: give Tiny-ImageNet's folder val.")
        self.folder, self._file = file.parent, file
        self._found = []
        self._boxes: dict[str, Box] = {}
        for number, line in enumerate(read_lines(file), 1):
            self._add_line(number, line)
        existing, passed_over = find_images(self.folder)
        if not self._boxes.keys() & set(existing):
            raise DatasetError(f"None of the images of {file} is in {self.folder / 'images'}.")
        self._found += passed_over
        for name in existing:
            if name not in self._boxes:
                self._complain(name, f"Not named in {ANNOTATION_FILE}; left out.")
        self._samples = [
            Sample(name, self.folder / name, self._boxes[name].label) for name in sorted(self._boxes)
        ]
        self.ground_truth = frozenset({"label", "boxes"})

    def contents(self, index: int) -> Contents:
        return Contents((self._boxes[self._samples[index].identifier].label,))

    def _read_annotations(self, index: int) -> tuple[Annotations, list[str]]:
        sample = self._samples[index]
        return upright_annotations(read_header(sample.path), None, [self._boxes[sample.identifier]])

    def _annotation_files(self) -> Iterator[Path]:
        yield self._file

    def _add_line(self, number: int, line: str) -> None:
        fields = line.rstrip().split("\t") if "\t" in line else line.rsplit(maxsplit=5)
        try:
            label, *edges = (field.strip() for field in fields[1:])
            left, top, right, bottom = (float(edge) for edge in edges)
        except ValueError:
            label, left, top, right, bottom = "", 0, 0, 0, 0
        identifier = f"images/{fields[0].strip()}" if fields else ""
        if not label or not math.isfinite(left + top + right + bottom) or not stays_inside(identifier):
            self._complain(
                f"{ANNOTATION_FILE}, line {number}", "Is not: image, wnid, x0, y0, x1, y1; passed over."
            )
        elif identifier in self._boxes:
            self._complain(identifier, f"Named more than once in {ANNOTATION_FILE}; the first line counts.")
        else:
            self._boxes[identifier] = Box(label, left, top, right + 1, bottom + 1)
