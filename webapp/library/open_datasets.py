"""Data sets that this process has open, and what was found in them. Messages never tell where they lie."""

from __future__ import annotations

import json
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from saliency_core.datasets.base import Dataset as OpenDataset
from saliency_core.datasets.base import open_dataset
from saliency_core.datasets.survey import Survey, survey
from saliency_core.errors import DatasetError
from webapp.library.models import Dataset

DATASETS_KEPT = 4


def opened(row: Dataset) -> OpenDataset:
    """A registered data set, kept open by this process. Raises DatasetError if its folder is gone."""
    try:
        return _opened(row.format, row.path, row.fingerprint)
    except DatasetError as problem:
        raise DatasetError(without_path(str(problem), row.path)) from None


@lru_cache(maxsize=DATASETS_KEPT)
def _opened(format: str, path: str, fingerprint: str) -> OpenDataset:
    return open_dataset(format, Path(path))


def identifiers_and_labels(row: Dataset) -> tuple[tuple[str, str], ...]:
    """Identifier and label ("" without one) of every image. Raises DatasetError if the folder is gone."""
    dataset = opened(row)
    return _listed(dataset, row.fingerprint)


@lru_cache(maxsize=DATASETS_KEPT)
def _listed(dataset: OpenDataset, fingerprint: str) -> tuple[tuple[str, str], ...]:
    samples = map(dataset.sample, range(len(dataset)))
    return tuple((sample.identifier, sample.label or "") for sample in samples)


def without_path(text: str, path: str | Path) -> str:
    """A message about a data set without the place where it lies, which is no business of members."""
    place = str(path).rstrip("/")
    return text.replace(f"{place}/", "").replace(place, "of the data set") if place else text


def surveyed(row: Dataset) -> Survey:
    """What is on which image, from its file or looked up once. Raises DatasetError."""
    return _kept(row.fingerprint) or keep_survey(row.fingerprint, survey(opened(row)))


@lru_cache(maxsize=DATASETS_KEPT)
def _read(fingerprint: str, modified: int) -> Survey:
    content = json.loads(_file(fingerprint).read_text(encoding="utf-8"))
    names = content.pop("names")
    numbers = content.pop("classes_of_images")
    counters = {name: Counter(content.pop(name)) for name in ("images", "labels", "boxes", "masks")}
    return Survey(
        classes_of_images=[tuple(names[number] for number in image) for image in numbers],
        **counters,
        **content,
    )


def _kept(fingerprint: str) -> Survey | None:
    try:
        return _read(fingerprint, _file(fingerprint).stat().st_mtime_ns)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep_survey(fingerprint: str, found: Survey) -> Survey:
    """Writes what was found beside the other files of the state, for all processes of this machine."""
    names = sorted(found.images)
    numbers = {name: number for number, name in enumerate(names)}
    content: dict[str, Any] = {
        **vars(found),
        "names": names,
        "classes_of_images": [[numbers[name] for name in image] for image in found.classes_of_images],
    }
    file = _file(fingerprint)
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".part")
    draft.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    draft.replace(file)
    return found


def _file(fingerprint: str) -> Path:
    return settings.DATASETS_DIR / "surveys" / f"{fingerprint}.json"
