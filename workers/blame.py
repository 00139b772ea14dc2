"""Whether it is the shard that is at fault, or the machine that works on it.

What goes wrong before the first image is the machine's: missing weights, a data set that is not where it should be, a
device that can't be used. So is memory that runs out. After any other error the device is asked for one plain forward
pass, and images that could not be read are read again: what fails then is the machine's too.
"""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog

from saliency_core.datasets.base import Dataset
from saliency_core.errors import ImageError, Interrupted, SaliscopeError
from saliency_core.lazy import torch
from webapp.common.database import AWAY
from workers.fetching import CannotFetch
from workers.resources import dataset_of, forget_dataset
from workers.troubles import MachineFault

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier

log = structlog.get_logger(__name__)


def reason_of(problem: BaseException) -> str:
    """What an event or a page says of an exception."""
    return str(problem) if isinstance(problem, SaliscopeError) else f"{type(problem).__name__}: {problem}"


@contextmanager
def machine_at_fault() -> Iterator[None]:
    """Around what only a machine can be at fault for, opening a classifier and a data set: whatever fails becomes a
    MachineFault, except for stops and a database that is away.
    """
    try:
        yield
    except (Interrupted, CannotFetch, *AWAY):
        raise
    except Exception as problem:
        # Errors of a GPU are RuntimeErrors, ours may hide one, and after one of them nothing works in this process.
        hides = isinstance(problem, RuntimeError) or isinstance(problem.__cause__, RuntimeError)
        ends = hides and not is_shortage(problem)
        raise MachineFault(reason_of(problem), ends_process=ends) from problem


@contextmanager
def machine_or_shard_at_fault(classifier: Classifier) -> Iterator[None]:
    """Around what is made of the images: a shortage of memory, and any error after which the device does not classify
    any more, become a MachineFault.
    """
    try:
        yield
    except (Interrupted, CannotFetch, MachineFault, *AWAY):
        raise
    except Exception as problem:
        if is_shortage(problem):
            raise MachineFault(reason_of(problem)) from problem
        _require_device(classifier, problem)
        raise


def is_shortage(problem: BaseException) -> bool:
    """Whether it is one of memory, for which a device may be too small or others that use it too many."""
    causes = (problem, problem.__cause__)
    return any(
        isinstance(each, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(each)
        for each in causes
        if each is not None
    )


def _require_device(classifier: Classifier, problem: Exception) -> None:
    """Raises MachineFault if the classifier can't classify a black picture any more. After an error of a GPU nothing
    works in the process, whatever is asked of it.
    """
    size = classifier.preprocessing.size
    try:
        with torch.inference_mode():
            classifier.logits(torch.zeros(1, 3, size, size, device=classifier.device)).sum().item()
    except Exception as failure:
        log.warning("device_failed", problem=reason_of(failure))
        raise MachineFault(reason_of(problem), ends_process=True, had_begun=True) from problem


def require_images(specification: dict[str, Any], dataset: Dataset, unread: Collection[int]) -> None:
    """Raises MachineFault if images could not be read for a reason that is not theirs: a folder that was not mounted
    for a moment, or is not any more, must not count as so many damaged images. Also raises CannotFetch.
    """
    are_gone = False
    for index in sorted(unread):
        try:
            _read(dataset, index)
        except ImageError as problem:
            number = getattr(problem.__cause__, "errno", None)
            if number not in (None, errno.ENOENT) or isinstance(problem.__cause__, MemoryError):
                raise MachineFault(str(problem)) from problem
            are_gone = are_gone or number == errno.ENOENT or not _is_there(dataset, index)
        else:
            name = dataset.sample(index).identifier
            raise MachineFault(f"{name} could not be read for a moment: the folder or disk was away.")
    if are_gone:
        # Missing from the beginning, or since the folder is not what it was?
        forget_dataset(specification)
        with machine_at_fault():
            dataset_of(specification)


def _read(dataset: Dataset, index: int) -> None:
    dataset.image(index)
    if dataset.ground_truth - {"label"}:
        dataset.annotations(index)


def _is_there(dataset: Dataset, index: int) -> bool:
    try:
        return dataset.sample(index).path.exists()
    except OSError:
        return False
