"""A folder of images: one folder per class, or flat with labels.csv, or flat without labels."""

from __future__ import annotations

import csv
import hashlib
import os
from pathlib import Path

from PIL import Image

from saliency_core.datasets.base import Dataset, Sample
from saliency_core.datasets.images import IMAGE_SUFFIXES, read_image
from saliency_core.errors import DatasetError, ImageError

LABEL_FILE = "labels.csv"


class ImageFolder(Dataset):
    """Images below a folder, sorted by relative path, which is also their identifier.

    With ``labels.csv`` (header ``image,label``) in the folder, labels come from there. Otherwise an image
    in a subfolder is labelled with the name of the folder it lies in. Hidden files and folders are passed
    over; linked files are read, linked folders are not entered.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.exists():
            raise DatasetError(f"The folder {self.folder} does not exist.")
        if not self.folder.is_dir():
            raise DatasetError(f"{self.folder} is not a folder.")
        self._label_problems: list[dict[str, str]] = []
        identifiers = self._find_images()
        if not identifiers:
            raise DatasetError(
                f"The folder {self.folder} contains no images ({', '.join(sorted(IMAGE_SUFFIXES))})."
            )
        labels = self._labels(identifiers)
        self._samples = [Sample(name, self.folder / name, labels.get(name)) for name in identifiers]
        self.ground_truth = frozenset({"label"} if labels else ())

    def __len__(self) -> int:
        return len(self._samples)

    def sample(self, index: int) -> Sample:
        return self._samples[index]

    def image(self, index: int) -> Image.Image:
        return read_image(self._samples[index].path)

    def fingerprint(self) -> str:
        """sha256 over every image's relative path, size in bytes and label (not over the pixels)."""
        digest = hashlib.sha256()
        for sample in self._samples:
            try:
                size = sample.path.stat().st_size
            except OSError:
                size = -1
            digest.update(f"{sample.identifier}\0{size}\0{sample.label or ''}\n".encode())
        return digest.hexdigest()

    def problems(self) -> list[dict[str, str]]:
        found = list(self._label_problems)
        for index, sample in enumerate(self._samples):
            try:
                self.image(index)
            except ImageError as error:
                found.append({"file": sample.identifier, "problem": str(error)})
        return found

    def _find_images(self) -> list[str]:
        found = []
        for folder, subfolders, files in os.walk(self.folder):
            subfolders[:] = [name for name in subfolders if not name.startswith((".", "__"))]
            relative = Path(folder).relative_to(self.folder)
            found += [
                (relative / name).as_posix()
                for name in files
                if Path(name).suffix.lower() in IMAGE_SUFFIXES and not name.startswith(".")
            ]
        return sorted(found)

    def _labels(self, identifiers: list[str]) -> dict[str, str]:
        file = self.folder / LABEL_FILE
        if not file.exists():
            return {name: Path(name).parent.name for name in identifiers if "/" in name}
        known, labels = set(identifiers), {}
        try:
            with file.open(encoding="utf-8-sig", newline="") as lines:
                reader = csv.DictReader(lines)
                if not {"image", "label"} <= set(reader.fieldnames or ()):
                    raise DatasetError(
                        f"{file} must begin with a line that names the columns image and label."
                    )
                for row in reader:
                    name, label = (row["image"] or "").strip(), (row["label"] or "").strip()
                    if name not in known:
                        self._complain(
                            name or f"line {reader.line_num}", f"named in {LABEL_FILE} but not found"
                        )
                    elif name in labels:
                        self._complain(name, f"named more than once in {LABEL_FILE}; the first line counts")
                    elif label:
                        labels[name] = label
        except (UnicodeDecodeError, csv.Error) as error:
            raise DatasetError(f"{file} is not a CSV file in UTF-8: {error}.") from error
        for name in identifiers:
            if name not in labels:
                self._complain(name, f"has no label in {LABEL_FILE}")
        return labels

    def _complain(self, file: str, problem: str) -> None:
        self._label_problems.append({"file": file, "problem": problem})
