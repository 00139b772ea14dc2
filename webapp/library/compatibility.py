"""The compatibility report of a classifier: asked for by members, written by the studio's worker.

It is kept in `Classifier.compatibility`: {} before there is one, else {"state": …} with `waiting → running → ready |
failed`; a ready one holds what saliency_core.classifiers.compatibility found, a failed one its `problem`. Meanwhile
the classifier itself stays ready, so that maps and benchmarks go on.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from webapp.accounts.languages import in_language_of
from webapp.common import hints, leases
from webapp.common.database import locked, locked_skipping
from webapp.library.events import announce_on_commit
from webapp.library.models import Classifier

WAITING, RUNNING, READY, FAILED = "waiting", "running", "ready", "failed"


@transaction.atomic
def request_report(classifier: Classifier) -> None:
    """Has a worker look at a ready classifier again; nothing happens if that is under way, or it is not ready."""
    found = locked(Classifier.objects.filter(pk=classifier.pk, state=Classifier.State.READY)).first()
    if found is None or found.compatibility.get("state") in (WAITING, RUNNING):
        return
    Classifier.objects.filter(pk=classifier.pk).update(compatibility={"state": WAITING}, **leases.anew())
    classifier.refresh_from_db()
    hints.wake_studio()
    announce_on_commit(classifier.pk)


@transaction.atomic
def claim_report() -> Classifier | None:
    """The next classifier to look at, leased to the caller; None if there is none."""
    classifier = locked_skipping(_waiting().order_by("pk")).first()
    if classifier is None:
        return None
    Classifier.objects.filter(pk=classifier.pk).update(compatibility={"state": RUNNING}, **leases.taken())
    classifier.refresh_from_db()
    announce_on_commit(classifier.pk)
    return classifier


def report_waits() -> bool:
    return _waiting().exists()


def _waiting() -> QuerySet[Classifier]:
    return leases.due(Classifier.objects.filter(state=Classifier.State.READY, compatibility__state=WAITING))


@transaction.atomic
def finish_report(
    classifier: Classifier, report: dict[str, Any], description: dict[str, Any] | None = None
) -> bool:
    """Keeps a report (as `ready_report` or `failed_report` make it) and what was seen of the network on the way; not
    one of a preprocessing that was changed meanwhile. False, and nothing is kept, if so or if the claim was lost.
    """
    seen = {} if description is None else {"description": description, "family": description["family"]}
    same = leases.held(classifier).filter(preprocessing=classifier.preprocessing)
    kept = same.update(compatibility=report, lease_expires=None, attempt=0, **seen)
    announce_on_commit(classifier.pk)
    return bool(kept)


def ready_report(findings: dict[str, Any]) -> dict[str, Any]:
    return {"state": READY, **findings}


def failed_report(problem: str) -> dict[str, Any]:
    return {"state": FAILED, "problem": problem}


def give_back_report(classifier: Classifier) -> None:
    """The worker is being stopped: another one, or the next start, goes on."""
    leases.held(classifier).update(compatibility={"state": WAITING}, **leases.given_back())


def reclaim_lost_reports() -> int:
    """Reports whose worker has not been heard of wait again, or fail after the last attempt. Returns how many wait."""
    running = Classifier.objects.filter(state=Classifier.State.READY, compatibility__state=RUNNING)
    number = 0
    for classifier in leases.lost(running).select_related("owner").defer("description", "class_names"):
        if leases.tries_again(classifier, compatibility={"state": WAITING}):
            number += 1
        elif classifier.attempt >= leases.MAX_ATTEMPTS:
            with in_language_of(classifier.owner):
                problem = _(
                    "%(number)d times the worker ended without a word while it looked at this model: that may take "
                    "more memory than there is. Look again when less is going on; the model can be used all the same."
                ) % {"number": leases.MAX_ATTEMPTS}
            leases.lost(leases.held(classifier)).update(
                compatibility=failed_report(problem), lease_expires=None
            )
        announce_on_commit(classifier.pk)
    return number
