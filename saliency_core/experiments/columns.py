"""The result of an experiment: one value, or one curve, per image."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass
class Columns:
    """Per-image results of one method under one protocol, for any part of a benchmark.

    A row is a unit: an image explained for one class. Most experiments have one row an image; in some an
    image has a row for every class in it, or none.

    ``indices`` int64 [n]: positions in the data set, ascending. ``images``: the identifiers. ``scalars``:
    name → [n]. ``curves``: name → float32 [n, points]. ``failures``: [{"index": int, "image": identifier,
    "reason": sentence}] for images without figures; these are in none of the arrays. ``notes``: what is the
    same for all images, JSON-able. Parts merge exactly, in any order.
    """

    indices: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    images: list[str] = field(default_factory=list)
    scalars: dict[str, Array] = field(default_factory=dict)
    curves: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    failures: list[dict[str, Any]] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        arrays = {**self.scalars, **self.curves}
        lengths = {len(self.indices), len(self.images), *(len(array) for array in arrays.values())}
        if len(lengths) > 1:
            raise ValueError(f"Columns of different lengths: {sorted(lengths)}.")

    def __len__(self) -> int:
        return len(self.images)

    def pack(self) -> tuple[bytes, bytes]:
        """Two NumPy archives without pickled objects: (scalars with names and failures, curves)."""
        scalars = {f"scalar.{name}": array for name, array in self.scalars.items()}
        return (
            _archive(
                indices=self.indices,
                images=_text(self.images),
                failures=_text(self.failures),
                notes=_text(self.notes),
                **scalars,
            ),
            _archive(**self.curves),
        )

    @classmethod
    def unpack(cls, scalars: bytes, curves: bytes | None = None) -> Columns:
        """The inverse of pack; without ``curves`` (a large part) the result has no curves."""
        arrays = _read_archive(scalars)
        return cls(
            indices=arrays["indices"],
            images=_from_text(arrays["images"]),
            failures=_from_text(arrays["failures"]),
            notes=_from_text(arrays["notes"]) if "notes" in arrays else {},  # absent in archives of 0.1
            scalars={
                name.removeprefix("scalar."): array
                for name, array in arrays.items()
                if name.startswith("scalar.")
            },
            curves=_read_archive(curves) if curves is not None else {},
        )

    @staticmethod
    def unpack_curves(curves: bytes) -> dict[str, npt.NDArray[np.float32]]:
        """The curves alone, from the second of pack's archives."""
        return _read_archive(curves)

    @classmethod
    def merge(cls, parts: Sequence[Columns]) -> Columns:
        """All parts as one, ordered by ``indices``. Raises ValueError if an image is in several parts, or
        columns or notes differ.
        """
        failures = sorted((item for part in parts for item in part.failures), key=lambda item: item["index"])
        filled = [part for part in parts if len(part)]
        seen = [int(index) for part in parts for index in np.unique(part.indices)]
        seen += [item["index"] for item in failures]
        if len(set(seen)) != len(seen):
            raise ValueError("An image is in more than one part.")
        if not filled:
            return cls(failures=failures)
        first = filled[0]
        if any(set(p.scalars) != set(first.scalars) or set(p.curves) != set(first.curves) for p in filled):
            raise ValueError("The parts have different columns.")
        if any(part.notes != first.notes for part in filled):
            raise ValueError("The parts have different notes.")
        indices = np.concatenate([part.indices for part in filled])
        order = np.argsort(indices, kind="stable")
        names = [name for part in filled for name in part.images]
        return cls(
            indices=indices[order],
            images=[names[position] for position in order],
            scalars={key: np.concatenate([p.scalars[key] for p in filled])[order] for key in first.scalars},
            curves={key: np.concatenate([p.curves[key] for p in filled])[order] for key in first.curves},
            failures=failures,
            notes=first.notes,
        )

    def rows(self, chosen: npt.NDArray[Any]) -> Columns:
        """The rows that an index or bool array chooses; failures stay out."""
        positions = np.arange(len(self))[chosen]
        return Columns(
            indices=self.indices[positions],
            images=[self.images[position] for position in positions],
            scalars={name: array[positions] for name, array in self.scalars.items()},
            curves={name: array[positions] for name, array in self.curves.items()},
            notes=self.notes,
        )


def _archive(**arrays: Array) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _read_archive(packed: bytes) -> dict[str, Array]:
    with np.load(io.BytesIO(packed), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _text(value: Any) -> Array:
    return np.frombuffer(json.dumps(value, ensure_ascii=False).encode(), dtype=np.uint8)


def _from_text(array: Array) -> Any:
    return json.loads(array.tobytes())
