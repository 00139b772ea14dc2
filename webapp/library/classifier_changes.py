"""What the owner of a classifier changes of it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from webapp.audit.models import AuditEvent
from webapp.audit.recording import record
from webapp.common import hints
from webapp.common.database import locked
from webapp.library import compatibility
from webapp.library.events import announce_on_commit
from webapp.library.models import Classifier


@transaction.atomic
def change_classifier(
    classifier: Classifier, *, name: str | None = None, shared_with_lab: bool | None = None
) -> None:
    """Renames a classifier, shares it with the lab or takes it back; what is None stays.

    Benchmarks keep the name they were queued with, and go on when a model is taken back. Raises ValidationError if
    the owner has another one of that name.
    """
    if name is not None:
        classifier.name = name.strip()
    changes_sharing = shared_with_lab not in (None, classifier.shared_with_lab)
    if shared_with_lab is not None:
        classifier.shared_with_lab = shared_with_lab
    classifier.clean_fields(exclude=["description", "compatibility"])
    classifier.validate_unique()
    classifier.validate_constraints()
    classifier.save(update_fields=["name", "shared_with_lab"])
    if changes_sharing:
        kind = AuditEvent.Kind.SHARED if shared_with_lab else AuditEvent.Kind.SHARE_WITHDRAWN
        record(kind, classifier, with_whom="lab")
    announce_on_commit(classifier.pk)


@transaction.atomic
def change_preprocessing(classifier: Classifier, preprocessing: dict[str, Any]) -> bool:
    """Shows images to a classifier differently from now on, and has its report made anew; False where nothing changes.

    Benchmarks keep what their specification says, and maps that were asked for what they were asked with: that is what
    the earlier preprocessings are kept for. Of another input size the forward rates are measured anew. Raises
    ValidationError while a worker prepares the classifier.
    """
    found = locked(Classifier.objects.filter(pk=classifier.pk)).get()
    if not found.is_ready:
        raise ValidationError(
            _("The model is not ready: its preprocessing can be changed when a worker has prepared it.")
        )
    before = found.preprocessing
    if preprocessing == before:
        return False
    others = [each for each in found.earlier_preprocessings if each not in (before, preprocessing)]
    Classifier.objects.filter(pk=found.pk).update(
        preprocessing=preprocessing,
        earlier_preprocessings=[*others, before],
        compatibility={"state": compatibility.WAITING},
    )
    if preprocessing["size"] != before["size"]:
        found.rates.all().delete()
        hints.wake_benchmark_workers()
    classifier.refresh_from_db()
    hints.wake_studio()
    announce_on_commit(classifier.pk)
    return True
