"""The compatibility report of a classifier: asked for by members, written by the studio's worker.

It is kept in `Classifier.compatibility`: {} before there is one, else {"state": …} with `waiting → running → ready |
failed`; a ready one holds what saliency_core.classifiers.compatibility found, a failed one its `problem`. Meanwhile
the classifier itself stays ready, so that maps and benchmarks go on.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction

from webapp.common import hints
from webapp.common.database import locked, locked_skipping, now_plus
from webapp.library.events import announce_on_commit
from webapp.library.models import Classifier

WAITING, RUNNING, READY, FAILED = "waiting", "running", "ready", "failed"
LEASE_SECONDS = 300.0


@transaction.atomic
def request_report(classifier: Classifier) -> None:
    """Has a worker look at a ready classifier again; nothing happens if that is under way, or it is not ready."""
    found = locked(Classifier.objects.filter(pk=classifier.pk, state=Classifier.State.READY)).first()
    if found is None or found.compatibility.get("state") in (WAITING, RUNNING):
        return
    Classifier.objects.filter(pk=classifier.pk).update(compatibility={"state": WAITING})
    classifier.refresh_from_db()
    hints.wake_studio()
    announce_on_commit(classifier.pk)


@transaction.atomic
def claim_report() -> Classifier | None:
    """The next classifier to look at, leased to the caller; None if there is none."""
    asked = Classifier.objects.filter(state=Classifier.State.READY, compatibility__state=WAITING)
    classifier = locked_skipping(asked.order_by("pk")).first()
    if classifier is None:
        return None
    Classifier.objects.filter(pk=classifier.pk).update(
        compatibility={"state": RUNNING}, lease_expires=now_plus(LEASE_SECONDS)
    )
    classifier.refresh_from_db()
    announce_on_commit(classifier.pk)
    return classifier


def report_waits() -> bool:
    return Classifier.objects.filter(state=Classifier.State.READY, compatibility__state=WAITING).exists()


@transaction.atomic
def finish_report(
    classifier: Classifier, report: dict[str, Any], description: dict[str, Any] | None = None
) -> None:
    """Keeps a report (as `ready_report` or `failed_report` make it) and what was seen of the network on the way."""
    seen = {} if description is None else {"description": description, "family": description["family"]}
    Classifier.objects.filter(pk=classifier.pk).update(compatibility=report, lease_expires=None, **seen)
    announce_on_commit(classifier.pk)


def ready_report(findings: dict[str, Any]) -> dict[str, Any]:
    return {"state": READY, **findings}


def failed_report(problem: str) -> dict[str, Any]:
    return {"state": FAILED, "problem": problem}


def give_back_report(classifier: Classifier) -> None:
    """The worker is being stopped: another one, or the next start, goes on."""
    Classifier.objects.filter(pk=classifier.pk, compatibility__state=RUNNING).update(
        compatibility={"state": WAITING}, lease_expires=None
    )


def reclaim_lost_reports() -> int:
    """Reports whose worker has not been heard of go back to waiting. Returns how many."""
    lost = Classifier.objects.filter(
        state=Classifier.State.READY, compatibility__state=RUNNING, lease_expires__lt=now_plus(0)
    )
    return lost.update(compatibility={"state": WAITING}, lease_expires=None)
