"""ImageNet-Segmentation: photographs and object masks in one MATLAB file (gtsegs_ijcv.mat)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from saliency_core.datasets.base import Annotations, Contents, Dataset, Sample
from saliency_core.datasets.files import file_sha256
from saliency_core.datasets.images import MAX_PIXELS
from saliency_core.errors import DatasetError, ImageError

FILE_NAME = "gtsegs_ijcv.mat"
_IMAGES, _MASKS = "/value/img", "/value/gt"


class ImageNetSegmentation(Dataset):
    """``path`` is the file, or a folder with gtsegs_ijcv.mat. Identifiers are "0001", "0002", …

    Layout (MATLAB v7.3, which is HDF5): /value/img[i, 0] refers to an image, uint8 [3, W, H]; /value/gt[i, 0] to
    a cell whose [0, 0] refers to the mask [W, H], 0 background and 1 object (other values are refused). One
    image is read at a time. Every process opens the file for itself, and one thread reads at a time.
    """

    ground_truth = frozenset({"object_mask"})

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path) / FILE_NAME if Path(path).is_dir() else Path(path)
        if not self.path.exists():
            raise DatasetError(f"{self.path} does not exist.")
        self._lock = threading.Lock()
        self._opened: tuple[int, Any] | None = None  # a process id and its h5py.File
        try:
            file = self._file()
            shapes = [tuple(file[name].shape) for name in (_IMAGES, _MASKS)]
        except (OSError, KeyError, AttributeError, RuntimeError) as error:
            raise DatasetError(
                f"{self.path} is not in the layout of {FILE_NAME} (HDF5 with {_IMAGES} and {_MASKS}): {error}."
            ) from error
        if shapes[0] != shapes[1] or len(shapes[0]) != 2 or shapes[0][1] != 1 or not shapes[0][0]:
            raise DatasetError(
                f"{self.path} must have images and masks in one column each, equally many; they are of {shapes[0]} "
                f"and {shapes[1]}."
            )
        self._count = int(shapes[0][0])

    def __len__(self) -> int:
        return self._count

    def sample(self, index: int) -> Sample:
        return Sample(f"{range(self._count)[index] + 1:04d}", self.path)

    def image(self, index: int) -> Image.Image:
        with self._reading(index) as file:
            node = _checked(file[file[_IMAGES][index, 0]], "image", 3)
            pixels = np.ascontiguousarray(node[()].transpose(2, 1, 0))
        return Image.fromarray(pixels)

    def annotations(self, index: int) -> Annotations:
        with self._reading(index) as file:
            cell = file[file[_MASKS][index, 0]]
            mask = _checked(file[cell[0, 0]], "mask", 2)[()].T
            width, height = _checked(file[file[_IMAGES][index, 0]], "image", 3).shape[1:]
            if mask.shape != (height, width):
                raise ValueError(
                    f"its mask has {mask.shape[1]} × {mask.shape[0]} pixels, the image has {width} × {height}"
                )
            if not ((mask == 0) | (mask == 1)).all():
                raise ValueError(f"its mask must hold 0 and 1, but holds {np.unique(mask)[:5].tolist()}")
        upright: npt.NDArray[np.bool_] = np.ascontiguousarray(mask == 1)
        return Annotations(width, height, object_mask=upright)

    def contents(self, index: int) -> Contents:
        return Contents(object_mask=True)

    @property
    def class_labels(self) -> tuple[str, ...]:
        return ()

    def files(self) -> tuple[Path, ...]:
        return (self.path,)

    def fingerprint(self) -> str:
        """sha256 of the file's bytes."""
        return file_sha256(self.path)

    def problems(self, progress: Callable[[int, int], None] | None = None) -> list[dict[str, str]]:
        found = []
        for index in range(self._count):
            problems: dict[str, None] = {}
            for read in (self.image, self.annotations):
                try:
                    read(index)
                except ImageError as error:
                    problems[str(error)] = None
            found += [{"file": self.sample(index).identifier, "problem": problem} for problem in problems]
            if progress is not None:
                progress(index + 1, self._count)
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_count": self._count}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock(), _opened=None)

    def _file(self) -> Any:
        import h5py

        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = (os.getpid(), h5py.File(self.path, "r"))
        return self._opened[1]

    @contextmanager
    def _reading(self, index: int) -> Iterator[Any]:
        """The open file, for this thread alone; what goes wrong with one image becomes an ImageError."""
        name = self.sample(index).identifier
        with self._lock:
            try:
                yield self._file()
            except Exception as error:  # damaged HDF5 answers with nearly any exception type
                reason = str(error).strip() or type(error).__name__
                raise ImageError(f"Image {name} of {self.path.name} cannot be read: {reason}.") from error


def _checked(node: Any, what: str, dimensions: int) -> Any:
    """The HDF5 data set, if it may be read into memory. Raises ValueError."""
    shape = tuple(node.shape)
    if len(shape) != dimensions or (dimensions == 3 and (shape[0] != 3 or node.dtype != np.uint8)):
        raise ValueError(f"its {what} has shape {shape} and type {node.dtype}")
    if shape[-1] * shape[-2] > MAX_PIXELS:
        raise ValueError(f"its {what} has too many pixels ({shape[-2]} × {shape[-1]})")
    if node.external or node.is_virtual:
        raise ValueError(f"its {what} lies in another file")
    return node
