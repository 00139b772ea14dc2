"""Looking at a folder: what a row keeps of a data set, and what a dry run shows before there is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saliency_core.datasets.base import Dataset as OpenDataset
from saliency_core.datasets.base import open_dataset
from saliency_core.datasets.detection import detect
from saliency_core.datasets.subset import subset_indices
from saliency_core.datasets.survey import survey
from saliency_core.errors import ImageError
from webapp.library.open_datasets import keep_survey, without_path

AUTOMATIC = "auto"
CHECKED_IN_DRY_RUN = 200


@dataclass(frozen=True)
class Found:
    """A folder as it was opened; `rejected`: what else it looked like, and why it can't be read as that."""

    format: str
    path: Path
    dataset: OpenDataset
    rejected: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class DryRun:
    """What registering a folder would give. Of many images only `checked` are read, evenly drawn."""

    format: str
    path: Path
    images: int
    ground_truth: list[str]
    classes: dict[str, int]
    fingerprint: str
    checked: int
    problems: list[dict[str, str]]
    rejected: tuple[tuple[str, str], ...]


def open_folder(format: str, path: Path) -> Found:
    """Opens a folder in a layout, or in the one that it looks like. Raises DatasetError."""
    if format != AUTOMATIC:
        return Found(format, path, open_dataset(format, path))
    found = detect(path)
    return Found(found.format, found.path, found.dataset, found.rejected)


def row_fields(
    dataset: OpenDataset,
    path: Path,
    *,
    on_annotations: Callable[[int, int], None] | None = None,
    on_images: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """All that a row keeps of a data set. Reads every annotation, then every image, and calls `on_annotations` and
    `on_images` with how many of how many are read; what they raise stops it.
    """
    found, fingerprint = survey(dataset, on_annotations), dataset.fingerprint()
    keep_survey(fingerprint, found)
    return {
        "fingerprint": fingerprint,
        "number_of_images": len(dataset),
        "ground_truth": sorted(dataset.ground_truth),
        "classes": dict(sorted(found.images.items())),
        "problems": [
            {"file": each["file"], "problem": without_path(each["problem"], path)}
            for each in dataset.problems(on_images)
        ],
    }


def dry_run(format: str, path: Path) -> DryRun:
    """Looks at a folder as quickly as it can be waited for. Raises DatasetError."""
    found = open_folder(format, path)
    dataset = found.dataset
    indices = subset_indices(len(dataset), CHECKED_IN_DRY_RUN)
    if len(indices) == len(dataset):
        problems = dataset.problems()
    else:
        problems = [problem for index in indices for problem in _problems_of(dataset, index)]
    return DryRun(
        format=found.format,
        path=found.path,
        images=len(dataset),
        ground_truth=sorted(dataset.ground_truth),
        classes=dict(sorted(survey(dataset).images.items())),
        fingerprint=dataset.fingerprint(),
        checked=len(indices),
        problems=problems,
        rejected=found.rejected,
    )


def _problems_of(dataset: OpenDataset, index: int) -> list[dict[str, str]]:
    reasons = []
    for read in (dataset.image, dataset.annotations if _annotated(dataset) else dataset.sample):
        try:
            read(index)
        except ImageError as problem:
            reasons.append(str(problem))
    return [
        {"file": dataset.sample(index).identifier, "problem": reason} for reason in dict.fromkeys(reasons)
    ]


def _annotated(dataset: OpenDataset) -> bool:
    return bool(dataset.ground_truth & {"boxes", "masks", "object_mask"})
