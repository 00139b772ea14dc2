"""Making a classifier ready: get its weights, store them as safetensors under their SHA-256, see whether they fit."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings

from saliency_core.classifiers.catalogue import builtin_classifier
from saliency_core.classifiers.compatibility import compatibility_report
from saliency_core.classifiers.fetching import check_digest, locate_or_fetch
from saliency_core.classifiers.loading import load_classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.classifiers.weights import sha256_of
from saliency_core.datasets.images import read_image
from saliency_core.datasets.sample_photographs import sample_photographs
from saliency_core.errors import Interrupted, SaliscopeError
from webapp.benchmarks.announcements import announce_classifier
from webapp.library import services
from webapp.library.compatibility import WAITING, failed_report, finish_report, give_back_report, ready_report
from webapp.library.models import Classifier
from workers import stopping
from workers.model_file_sandbox import convert_in_sandbox
from workers.resources import classifier_of, specification_of

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier as LoadedClassifier

log = structlog.get_logger(__name__)
PROGRESS_EVERY_SECONDS = 0.5


def prepare(row: Classifier, report_later: bool = False) -> None:
    """Prepares a claimed classifier; whatever goes wrong is told by its row. With `report_later` its compatibility
    report is left to the studio's worker.
    """
    announce_classifier(row)
    try:
        _prepare(row, report_later)
    except Interrupted:
        services.give_back_preparation(row)
        announce_classifier(row)
        return
    except SaliscopeError as problem:
        services.fail_preparation(row, str(problem))
    except Exception as problem:
        log.exception("preparation_failed", classifier=row.pk)
        services.fail_preparation(row, f"{type(problem).__name__}: {problem}")
    # Only now: whoever takes over from a worker that died finds the file still there.
    services.discard_upload(row)
    announce_classifier(row)


def _prepare(row: Classifier, report_later: bool) -> None:
    if row.key:
        builtin = builtin_classifier(row.key)
        source = locate_or_fetch(
            builtin, settings.WEIGHTS_FOLDERS, settings.ALLOW_WEIGHTS_DOWNLOAD, _progress_reporter(row)
        )
        check_digest(source.name, sha256_of(source))
        weights, sha256 = convert_in_sandbox(source, settings.WEIGHTS_DIR, builtin_key=row.key)
    else:
        source = settings.UPLOADS_DIR / row.upload
        weights, sha256 = convert_in_sandbox(source, settings.WEIGHTS_DIR, size=row.preprocessing["size"])
    classifier = _load(row, weights)
    description = described(row, classifier)
    services.finish_preparation(
        row,
        description=description,
        weights_sha256=sha256,
        compatibility={"state": WAITING} if report_later else report_of(classifier, description),
    )


def look_again(row: Classifier, device: str) -> None:
    """Writes the compatibility report of a claimed classifier; whatever goes wrong is told by its row."""
    try:
        classifier = classifier_of(specification_of(row), row.class_names, device)
        description = described(row, classifier)
        finish_report(row, report_of(classifier, description), description)
    except Interrupted:
        give_back_report(row)
    except SaliscopeError as problem:
        finish_report(row, failed_report(str(problem)))
    except Exception as problem:
        log.exception("report_failed", classifier=row.pk)
        finish_report(row, failed_report(f"{type(problem).__name__}: {problem}"))


def report_of(classifier: LoadedClassifier, description: dict[str, Any]) -> dict[str, Any]:
    """The compatibility report as the row keeps it. That it can't be made does not make the classifier unusable."""
    try:
        photographs = [(path.name, read_image(path)) for path in sample_photographs()]
        return ready_report(compatibility_report(classifier, photographs, description["refusals"]))
    except SaliscopeError as problem:
        return failed_report(str(problem))
    except Exception as problem:
        log.exception("report_failed", classifier=classifier.title)
        return failed_report(f"{type(problem).__name__}: {problem}")


def described(row: Classifier, classifier: LoadedClassifier) -> dict[str, Any]:
    """What the row keeps of a loaded classifier."""
    description = classifier.describe()
    if row.key:
        description["default_layer"] = builtin_classifier(row.key).default_layer
    return description


def _load(row: Classifier, weights: Path) -> LoadedClassifier:
    """Loads the stored weights strictly. Raises WeightsError if they do not fit."""
    try:
        return load_classifier(
            f"{row.library}:{row.architecture}",
            weights=weights,
            preprocessing=Preprocessing.from_dict(row.preprocessing),
            class_names=row.class_names,
            activation=row.output_activation,
        )
    except SaliscopeError:
        if not Classifier.objects.filter(weights_sha256=weights.stem).exists():
            weights.unlink(missing_ok=True)
        raise


def _progress_reporter(row: Classifier) -> Callable[[int, int], None]:
    last = 0.0

    def report(done: int, total: int) -> None:
        nonlocal last
        if stopping.requested():
            raise Interrupted
        if time.monotonic() - last >= PROGRESS_EVERY_SECONDS:
            last = time.monotonic()
            services.report_preparation_progress(row, done, total)
            announce_classifier(row)

    return report
