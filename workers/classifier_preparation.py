"""Making a classifier ready: get its weights, store them as safetensors under their SHA-256, see whether they fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError

from saliency_core.classifiers.catalogue import builtin_classifier
from saliency_core.classifiers.compatibility import compatibility_report
from saliency_core.classifiers.fetching import check_digest, locate_or_fetch
from saliency_core.classifiers.loading import load_classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.classifiers.weights import sha256_of
from saliency_core.datasets.images import read_image
from saliency_core.datasets.sample_photographs import sample_photographs
from saliency_core.errors import Interrupted, SaliscopeError, WeightsError
from webapp.benchmarks.announcements import announce_classifier
from webapp.common.database import AWAY
from webapp.library import services
from webapp.library.compatibility import WAITING, failed_report, finish_report, give_back_report, ready_report
from webapp.library.model_files import check_model_room
from webapp.library.models import Classifier
from webapp.library.stored_files import stored_file_name
from workers.model_file_sandbox import convert_in_sandbox
from workers.preparation_watching import PreparationWatch
from workers.resources import classifier_of, specification_of

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier as LoadedClassifier

log = structlog.get_logger(__name__)


def prepare(row: Classifier, watch: PreparationWatch | None = None, *, report_later: bool = False) -> None:
    """Prepares a claimed classifier; whatever goes wrong with it is told by its row. With `report_later` its
    compatibility report is left to the studio's worker. A database that is away is raised: the lease runs out, and it
    is tried again.
    """
    watch = watch or PreparationWatch(lambda: services.keep_preparation(row))
    announce_classifier(row)
    try:
        ended = _prepare(row, watch, report_later)
    except Interrupted:
        services.give_back_preparation(row)
        ended = False
    except SaliscopeError as problem:
        ended = services.fail_preparation(row, str(problem))
    except AWAY:
        raise
    except Exception as problem:
        log.exception("preparation_failed", classifier=row.pk)
        ended = services.fail_preparation(row, f"{type(problem).__name__}: {problem}")
    # Whoever takes over from a worker that died, or tries again after a cancellation, finds the file still there.
    if ended:
        services.discard_upload(row)
    announce_classifier(row)


def _prepare(row: Classifier, watch: PreparationWatch, report_later: bool) -> bool:
    """False if the claim was lost meanwhile."""

    def begin(step: Classifier.Step) -> None:
        watch.check(services.begin_preparation_step(row, step))
        announce_classifier(row)

    if row.key:
        builtin = builtin_classifier(row.key)
        begin(Classifier.Step.FETCHING)
        source = locate_or_fetch(
            builtin, settings.WEIGHTS_FOLDERS, settings.ALLOW_WEIGHTS_DOWNLOAD, _progress_reporter(row, watch)
        )
        begin(Classifier.Step.READING)
        check_digest(source.name, sha256_of(source))
        weights, sha256 = convert_in_sandbox(
            source, settings.WEIGHTS_DIR, builtin_key=row.key, check=watch.check
        )
    else:
        begin(Classifier.Step.READING)
        source = settings.UPLOADS_DIR / row.upload
        weights, sha256 = convert_in_sandbox(
            source, settings.WEIGHTS_DIR, size=row.preprocessing["size"], check=watch.check
        )
        _check_room(row, source, sha256)
    begin(Classifier.Step.LOADING)
    classifier = _load(row, weights, sha256)
    description = described(row, classifier)
    if not report_later:
        begin(Classifier.Step.TRYING)
    return services.finish_preparation(
        row,
        description=description,
        weights_sha256=sha256,
        compatibility={"state": WAITING} if report_later else report_of(classifier, description),
    )


def look_again(row: Classifier, device: str) -> None:
    """Writes the compatibility report of a claimed classifier; whatever goes wrong with it is told by its row. A
    database that is away is raised.
    """
    try:
        classifier = classifier_of(specification_of(row), row.class_names, device)
        description = described(row, classifier)
        finish_report(row, report_of(classifier, description), description)
    except Interrupted:
        give_back_report(row)
    except SaliscopeError as problem:
        finish_report(row, failed_report(str(problem)))
    except AWAY:
        raise
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


def _load(row: Classifier, weights: Path, sha256: str) -> LoadedClassifier:
    """Loads the stored weights, or an ONNX network's plain form, strictly. Raises WeightsError if they do not fit."""
    try:
        return load_classifier(
            f"{row.library}:{row.architecture}",
            weights=weights,
            preprocessing=Preprocessing.from_dict(row.preprocessing),
            class_names=row.class_names,
            activation=row.output_activation,
        )
    except SaliscopeError:
        services.discard_weights(sha256, but_for=row)
        raise


def _check_room(row: Classifier, source: Path, sha256: str) -> None:
    """A packed file may be much larger once it is stored. Raises WeightsError where the member has no room for that."""
    stored = settings.WEIGHTS_DIR / stored_file_name(row.library, sha256)
    if row.owner is None:
        return
    try:
        check_model_room(row.owner, stored.stat().st_size, instead_of=source.stat().st_size)
    except ValidationError as refused:
        services.discard_weights(sha256, but_for=row)
        raise WeightsError(" ".join(refused.messages)) from refused


def _progress_reporter(row: Classifier, watch: PreparationWatch) -> Callable[[int, int], None]:
    def report(done: int, total: int) -> None:
        if watch.is_time_to_tell():
            watch.check(services.report_preparation_progress(row, done, total))
            announce_classifier(row)

    return report
