"""From a photograph to the tensor a classifier takes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from saliency_core.errors import ParameterError
from saliency_core.lazy import torch

Pipeline = Literal["squash", "resize_crop"]
Triple = tuple[float, float, float]

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)
HALF: Triple = (0.5, 0.5, 0.5)
PIPELINES: tuple[str, ...] = ("squash", "resize_crop")
INTERPOLATIONS: tuple[str, ...] = ("bilinear", "bicubic")


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes a normalised tensor.

    ``squash`` resizes to size × size without keeping the aspect ratio; ``resize_crop`` resizes the shorter
    side to size · 256 / 224 and cuts the centre. Both resize with Pillow, which smooths when it shrinks.
    Mean and standard deviation are those of RGB values in [0, 1].
    """

    pipeline: Pipeline = "squash"
    size: int = 224
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        if self.pipeline not in PIPELINES:
            raise ParameterError(
                f"The pipeline must be one of {', '.join(PIPELINES)}; got {self.pipeline!r}."
            )
        if self.interpolation not in INTERPOLATIONS:
            raise ParameterError(
                f"The interpolation must be one of {', '.join(INTERPOLATIONS)}; got {self.interpolation!r}."
            )
        if not 8 <= self.size <= 2048:
            raise ParameterError(f"The image size must lie between 8 and 2048 pixels; got {self.size}.")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ParameterError("Mean and standard deviation are three numbers each, the latter above zero.")

    @property
    def name(self) -> str:
        """The pipeline's name with its sizes: squash224, resize256_crop224."""
        return f"squash{self.size}" if self.pipeline == "squash" else f"resize{self._resized}_crop{self.size}"

    @property
    def _resized(self) -> int:
        return self.size * 256 // 224

    def with_pipeline(self, pipeline: Pipeline, size: int) -> Preprocessing:
        """The same normalisation and interpolation with another geometry."""
        return replace(self, pipeline=pipeline, size=size)

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Preprocessing:
        return cls(**{**values, "mean": tuple(values["mean"]), "std": tuple(values["std"])})

    def framed(self, image: Image.Image) -> Image.Image:
        """The part of the image that the classifier sees, size × size, RGB."""
        resample = Image.Resampling.BICUBIC if self.interpolation == "bicubic" else Image.Resampling.BILINEAR
        return self._frame(image.convert("RGB"), resample)

    def framed_mask(self, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """The part of a mask [H, W] of an image that the classifier sees, [size, size]; nearest neighbour."""
        framed = self._frame(Image.fromarray(mask.astype(np.uint8)), Image.Resampling.NEAREST)
        return np.asarray(framed) > 0

    def geometry(self, width: int, height: int) -> tuple[float, float, int, int]:
        """(scale_x, scale_y, left, top): the point (x, y) of a ``width`` × ``height`` image lies at
        (x · scale_x − left, y · scale_y − top) in the classifier's input.
        """
        new_width, new_height, left, top = self._placement(width, height)
        return new_width / width, new_height / height, left, top

    def _placement(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Width and height after resizing, left and top of the crop."""
        if self.pipeline == "squash":
            return self.size, self.size, 0, 0
        shorter = min(width, height)
        width, height = self._resized * width // shorter, self._resized * height // shorter
        return width, height, round((width - self.size) / 2), round((height - self.size) / 2)

    def _frame(self, image: Image.Image, resample: Image.Resampling) -> Image.Image:
        width, height, left, top = self._placement(*image.size)
        resized = image.resize((width, height), resample)
        if (width, height) == (self.size, self.size):
            return resized
        return resized.crop((left, top, left + self.size, top + self.size))

    def prepare(self, image: Image.Image) -> torch.Tensor:
        """Normalised float32 [3, size, size] on the CPU."""
        return self.normalised(np.asarray(self.framed(image)))

    def normalised(self, pixels: npt.NDArray[np.uint8]) -> torch.Tensor:
        """Framed pixels uint8 [size, size, 3] as normalised float32 [3, size, size] on the CPU."""
        normalised = np.empty((3, *pixels.shape[:2]), np.float32)
        for channel, values in enumerate(_normalised_values(self.mean, self.std)):
            # There are 256 values only: looking them up is several times faster than computing them.
            np.take(values, pixels[..., channel], out=normalised[channel], mode="clip")
        return torch.from_numpy(normalised)


@cache
def _normalised_values(mean: Triple, std: Triple) -> npt.NDArray[np.float32]:
    """What each of the values 0 … 255 becomes, float32 [3, 256]."""
    values = np.arange(256, dtype=np.float32)[:, None] / 255
    return np.ascontiguousarray(((values - np.array(mean, np.float32)) / np.array(std, np.float32)).T)
