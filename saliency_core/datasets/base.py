"""What every data set offers, and the list of known layouts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from saliency_core.errors import DatasetError, suggestion


@dataclass(frozen=True)
class Sample:
    """One image: ``identifier`` is stable across machines (a relative path), ``label`` is as the data set
    writes it.
    """

    identifier: str
    path: Path
    label: str | None = None


class Dataset(ABC):
    """Images with whatever ground truth they have, in a fixed order."""

    ground_truth: frozenset[str] = frozenset()
    _positions: dict[str, int] | None = None

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def sample(self, index: int) -> Sample:
        """Sample ``index`` (0-based) without reading its pixels."""

    def index_of(self, identifier: str) -> int:
        """The position of the sample with that identifier. Raises DatasetError."""
        if self._positions is None:
            self._positions = {self.sample(index).identifier: index for index in range(len(self))}
        if identifier not in self._positions:
            raise DatasetError(f"The data set has no image {identifier!r}.")
        return self._positions[identifier]

    @abstractmethod
    def image(self, index: int) -> Image.Image:
        """The pixels of sample ``index`` as RGB. Raises ImageError."""

    @abstractmethod
    def fingerprint(self) -> str:
        """A sha256 (hex) that changes when files are added, removed, renamed, resized or relabelled."""

    @abstractmethod
    def problems(self) -> list[dict[str, str]]:
        """Everything wrong in the whole data set: [{"file": identifier, "problem": sentence}]. Reads every
        image.
        """


@dataclass(frozen=True)
class FormatDescription:
    """A layout on disk, for lists and help texts."""

    key: str
    title: str
    help: str


def _open_image_folder(path: Path) -> Dataset:
    from saliency_core.datasets.image_folder import ImageFolder

    return ImageFolder(path)


FORMATS: tuple[FormatDescription, ...] = (
    FormatDescription(
        key="image-folder",
        title="Folder of images",
        help="Images in one folder per class, or in one folder with or without labels.csv (image,label).",
    ),
)

_OPENERS: dict[str, Callable[[Path], Dataset]] = {"image-folder": _open_image_folder}


def open_dataset(format: str, path: str | Path) -> Dataset:
    """Open the data set at ``path``. Raises DatasetError when the format is unknown or nothing usable is
    there.
    """
    if format not in _OPENERS:
        raise DatasetError(
            f"There is no data set format {format!r}; there are {', '.join(_OPENERS)}."
            f"{suggestion(format, _OPENERS)}"
        )
    return _OPENERS[format](Path(path))
