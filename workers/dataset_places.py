"""Where a data set lies on this machine: where it was registered, below one of the machine's own roots, or fetched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from saliency_core.datasets.base import Dataset, open_dataset
from saliency_core.errors import DatasetError
from webapp.library.open_datasets import without_path
from workers.fetching import can_fetch, fetch_dataset, fetched_dataset

CHANGED = (
    "The files of the data set are not those that were registered. Put them back as they were, or have the "
    "folder looked at again and queue a new benchmark."
)


def dataset_here(number: int, format: str, path: str, fingerprint: str) -> Dataset:
    """The data set of that number with that fingerprint, registered at `path`. Raises DatasetError if it is nowhere to
    be had.
    """
    try:
        return _with_fingerprint(format, Path(path), fingerprint)
    except DatasetError as problem:
        missing = DatasetError(without_path(str(problem), path))
    for place in _other_places(number, format, path, fingerprint):
        try:
            return _with_fingerprint(format, place, fingerprint)
        except DatasetError:
            continue
    if not can_fetch():
        raise missing
    return _with_fingerprint(format, fetch_dataset(number, format, fingerprint), fingerprint)


def _other_places(number: int, format: str, path: str, fingerprint: str) -> Iterator[Path]:
    """What lies below the roots under the last parts of the registered path, the longest first; what was fetched."""
    parts = Path(path).parts[1:]
    for root in settings.DATASET_ROOTS:
        for first in range(len(parts)):
            place = root.joinpath(*parts[first:])
            if place.exists():
                yield place
    fetched = fetched_dataset(number, format, fingerprint)
    if fetched is not None:
        yield fetched


def _with_fingerprint(format: str, path: Path, fingerprint: str) -> Dataset:
    dataset = open_dataset(format, path)
    if dataset.opened_fingerprint != fingerprint:
        raise DatasetError(CHANGED)
    return dataset
