"""Which layout a folder has that somebody brought."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from saliency_core.datasets.base import Dataset, open_dataset
from saliency_core.datasets.images import IMAGE_SUFFIXES
from saliency_core.errors import DatasetError

_SYNSET = re.compile(r"n\d{8}")
_DEEPEST = 6


@dataclass(frozen=True)
class Detection:
    """``format`` and ``path`` as open_dataset takes them, the open ``dataset``, and what it looked like but was not:
    (format, why it could not be opened as that).
    """

    format: str
    path: Path
    dataset: Dataset
    rejected: tuple[tuple[str, str], ...] = ()


def detect(folder: str | Path) -> Detection:
    """Open a folder as the most particular layout that it has. Raises DatasetError where there is none."""
    root = data_root(Path(folder))
    rejected: list[tuple[str, str]] = []
    for format, path in _candidates(root):
        try:
            return Detection(format, path, open_dataset(format, path), tuple(rejected))
        except DatasetError as problem:
            rejected.append((format, str(problem)))
    raise DatasetError(
        "; ".join(reason for _format, reason in rejected) or "The folder holds no known layout."
    )


def data_root(folder: Path) -> Path:
    """The folder itself, or the one in it that holds everything: archives are often made of one folder."""
    for _ in range(_DEEPEST):
        inside = [entry for entry in folder.iterdir() if not entry.name.startswith((".", "__MACOSX"))]
        if len(inside) != 1 or not inside[0].is_dir() or inside[0].is_symlink():
            break
        folder = inside[0]
    return folder


def _candidates(root: Path) -> Iterator[tuple[str, Path]]:
    signs: tuple[tuple[str, Callable[[Path], Path | None]], ...] = (
        ("shapes", lambda folder: folder if (folder / "shapes.json").is_file() else None),
        ("imagenet-segmentation", lambda folder: folder if (folder / "gtsegs_ijcv.mat").is_file() else None),
        ("tiny-imagenet", _tiny_imagenet),
        ("coco", _coco),
        ("voc", _voc),
        ("ilsvrc", _ilsvrc),
        ("masked-folder", _masked_folder),
    )
    for format, sign in signs:
        path = sign(root)
        if path is not None:
            yield format, path
    yield "image-folder", root


def _tiny_imagenet(folder: Path) -> Path | None:
    names = ("val_annotations.txt", "val/val_annotations.txt")
    return folder if any((folder / name).is_file() for name in names) else None


def _coco(folder: Path) -> Path | None:
    if any((folder / "annotations").glob("instances_*.json")):
        return folder
    files = [*folder.glob("*.json"), *(folder / "annotations").glob("*.json")]
    tables = [file for file in sorted(files) if _is_coco_table(file)]
    return tables[0] if tables else None


def _is_coco_table(file: Path) -> bool:
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and {"images", "annotations"} <= content.keys()


def _voc(folder: Path) -> Path | None:
    if (folder / "JPEGImages").is_dir() and (folder / "Annotations").is_dir():
        return folder
    years = [*folder.glob("VOC20*"), *folder.glob("VOCdevkit/VOC20*")]
    return folder if any((year / "Annotations").is_dir() for year in years) else None


def _ilsvrc(folder: Path) -> Path | None:
    places = [folder, folder / "val", folder / "ILSVRC2012_img_val"]
    for place in places:
        if place.is_dir() and any(_SYNSET.fullmatch(entry.name) for entry in place.iterdir()):
            return folder
    return folder if any(folder.glob("ILSVRC2012_val_*.JPEG")) else None


def _masked_folder(folder: Path) -> Path | None:
    if (folder / "images").is_dir() and (folder / "masks").is_dir():
        return folder
    masks = (file for file in folder.rglob("*_mask.*") if file.suffix.lower() in IMAGE_SUFFIXES)
    return folder if next(masks, None) is not None else None
