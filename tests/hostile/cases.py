"""All hostile inputs by group, and what the application makes of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from saliency_core.classifiers.onnx_files import check_onnx
from saliency_core.classifiers.weights import check_finite, read_state_dict
from saliency_core.datasets.archives import unpack
from saliency_core.datasets.images import read_image
from saliency_core.errors import SaliscopeError
from tests.hostile import archives, images, model_files, onnx_files

CANARY = "executed"
TAKEN = onnx_files.TAKEN


@dataclass(frozen=True)
class Group:
    """``meet`` reads a file, and may write into the folder beside it; it raises SaliscopeError to refuse it."""

    title: str
    cases: list[model_files.Case]
    meet: Callable[[Path, Path], object]


def groups(workshop: Path) -> list[Group]:
    """Every case. ``workshop``: a folder for making them, in which a file CANARY appears if one runs its code."""
    canary = workshop / CANARY
    pictures = [
        model_files.Case(each.name, each.file, each.content, TAKEN if each.says is None else each.says)
        for each in images.image_cases()
    ]
    return [
        Group("Pickled weights", model_files.pickle_cases(canary), read_weights),
        Group("Programs in the place of weights", model_files.program_cases(workshop, canary), read_weights),
        Group("safetensors", model_files.safetensors_cases(), read_weights),
        Group("Archives and other files in the place of weights", model_files.archive_cases(), read_weights),
        Group("ONNX", onnx_files.onnx_cases(), lambda file, _: check_onnx(file, onnx_files.SIZE)),
        Group("Images", pictures, lambda file, _: read_image(file)),
        Group("Archives of data sets", archives.archive_cases(), unpack),
    ]


def read_weights(file: Path, _folder: Path) -> None:
    check_finite(read_state_dict(file), file.name)


def outcome(case: model_files.Case, meet: Callable[[Path, Path], object], folder: Path) -> str:
    """What is said of the case's file, TAKEN if it is read. Nothing but the file may be in ``folder`` afterwards."""
    file, beside = folder / case.file, folder / "beside"
    file.write_bytes(case.content)
    try:
        meet(file, beside)
    except SaliscopeError as refusal:
        said = str(refusal)
    else:
        said = TAKEN
    left = sorted(path.name for path in folder.rglob("*"))
    assert left == [case.file], f"{case.name} left {left}"
    file.unlink()
    return said
