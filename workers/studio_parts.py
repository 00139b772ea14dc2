"""What the studio's tasks have in common: the classifier and the pixels that a row is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saliency_core.datasets.images import read_image
from saliency_core.errors import Interrupted, SaliscopeError
from webapp.studio.models import Asked
from webapp.studio.preprocessings import preprocessing_of
from workers import stopping
from workers.resources import classifier_of, dataset_of, specification_of

if TYPE_CHECKING:
    from PIL.Image import Image

    from saliency_core.classifiers.classifier import Classifier


def classifier_for(row: Asked, device: str) -> Classifier:
    """The classifier with the row's preprocessing. Raises SaliscopeError."""
    specification = specification_of(row.classifier) | {"preprocessing": preprocessing_of(row)}
    return classifier_of(specification, row.classifier.class_names, device)


def pixels_of(row: Asked) -> Image:
    """The row's image, of a data set that is as it was registered. Raises SaliscopeError."""
    if row.picture is not None:
        return read_image(row.picture.path)
    dataset = dataset_of(
        {
            "id": row.dataset.pk,
            "format": row.dataset.format,
            "path": row.dataset.path,
            "fingerprint": row.dataset.fingerprint,
        }
    )
    return dataset.image(dataset.index_of(row.image))


def reason_of(problem: Exception) -> str:
    """The problem as the row tells it."""
    return str(problem) if isinstance(problem, SaliscopeError) else f"{type(problem).__name__}: {problem}"


def stop_when_asked(_forwards: int = 0) -> None:
    """Raises Interrupted where this process is to end."""
    if stopping.requested():
        raise Interrupted
