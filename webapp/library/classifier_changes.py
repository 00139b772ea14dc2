"""What the owner of a classifier changes of it."""

from __future__ import annotations

from django.db import transaction

from webapp.audit.models import AuditEvent
from webapp.audit.recording import record
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
