"""A folder of images: one folder per class, or flat with labels.csv, or flat without labels."""

from __future__ import annotations

from pathlib import Path

from saliency_core.datasets.base import Sample
from saliency_core.datasets.files import ImageFiles, existing_folder, find_images
from saliency_core.datasets.images import IMAGE_SUFFIXES
from saliency_core.datasets.labels_csv import read_label_file
from saliency_core.errors import DatasetError

LABEL_FILE = "labels.csv"


class ImageFolder(ImageFiles):
    """Images below a folder, sorted by relative path, which is also their identifier.

    With ``labels.csv`` (header ``image,label``) in the folder, labels come from there. Otherwise an image
    in a subfolder is labelled with the name of the folder it lies in. Hidden files and folders are passed
    over; linked files are read, linked folders are not entered.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = existing_folder(folder)
        identifiers, passed_over = find_images(self.folder)
        if not identifiers:
            raise DatasetError(
                f"The folder {self.folder} contains no images ({', '.join(sorted(IMAGE_SUFFIXES))})."
            )
        file = self.folder / LABEL_FILE
        if file.exists():
            labels, self._found = read_label_file(file, {name: name for name in identifiers})
        else:
            labels, self._found = {name: Path(name).parent.name for name in identifiers if "/" in name}, []
        self._found += passed_over
        self._samples = [Sample(name, self.folder / name, labels.get(name)) for name in identifiers]
        self.ground_truth = frozenset({"label"} if labels else ())

    def _label_sources(self) -> tuple[Path, ...]:
        return (self.folder / LABEL_FILE,)
