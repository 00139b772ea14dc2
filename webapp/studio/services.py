"""Asking for a benchmark's maps, and how the studio's worker takes and delivers what members asked for.

Rows are the truth: what waits is found by whoever is woken, what a lost worker had is waiting again once its lease has
run out, and a late worker changes nothing because its fence is old.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from webapp.accounts.languages import in_language_of
from webapp.accounts.models import User
from webapp.benchmarks.methods import enhancement_of
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.specification import preprocessing_under
from webapp.common import hints, leases
from webapp.common.database import locked_skipping
from webapp.common.turns import in_turn, note_served
from webapp.studio.events import announce
from webapp.studio.models import Explanation, Prediction, State, StudioTurn
from webapp.studio.sources import Source

Row = TypeVar("Row", Explanation, Prediction)

MOST_PER_CLAIM = 16
MOST_PER_QUESTION = 500  # digests that the database is asked for at once


@transaction.atomic
def explain_benchmark_images(
    *,
    owner: User,
    benchmark: Benchmark,
    images: Iterable[tuple[str, int]],
    method_index: int = 0,
    experiment_index: int = 0,
) -> dict[str, Explanation]:
    """The maps that a benchmark scored under one of its experiments, drawn again for looking at: `(image, target)`
    pairs → explanation by image.

    What was drawn before is taken from there; the rest is queued for the studio's worker, as far as the studio's limits
    leave room: images that are not among the answers are to be asked for again when some are done.
    """
    # They build on this module.
    from webapp.studio.asking import MOST_WAITING
    from webapp.studio.kept import make_room, number_open

    specification = benchmark.specification
    method = specification["methods"][method_index]
    preprocessing = preprocessing_under(specification, experiment_index)
    # The worker draws with the model and the data set as the rows have them, so that is what names the map.
    shown = {"dataset": {"fingerprint": Source(benchmark.dataset, "").fingerprint}}
    shown["classifier"] = specification["classifier"] | {
        "preprocessing": preprocessing,
        "weights_sha256": benchmark.classifier.weights_sha256,
    }
    wanted = {
        image: Explanation(
            owner=owner,
            classifier=benchmark.classifier,
            dataset=benchmark.dataset,
            image=image,
            method=method["key"],
            parameters=method["parameters"],
            enhancement=enhancement_of(method) or {},
            pipeline=preprocessing["pipeline"],
            size=preprocessing["size"],
            target=target,
            digest=explanation_digest(shown, method, image, target),
            listed=False,
        )
        for image, target in images
    }
    digests = [explanation.digest for explanation in wanted.values()]
    known = Explanation.objects.filter(owner=owner, digest__in=digests)
    there = set(known.values_list("digest", flat=True))
    missing = [explanation for explanation in wanted.values() if explanation.digest not in there]
    if missing:
        del missing[max(0, MOST_WAITING - number_open(owner)) :]
        del missing[make_room(owner=owner, number=len(missing), keep=digests) :]
    Explanation.objects.bulk_create(missing, ignore_conflicts=True)
    if missing:
        hints.wake_studio()
    by_digest = {explanation.digest: explanation for explanation in known.all()}
    return {
        image: by_digest[explanation.digest]
        for image, explanation in wanted.items()
        if explanation.digest in by_digest
    }


def explanation_digest(specification: dict, method: dict, image: str, target: int) -> str:
    """SHA-256 of everything that determines a map."""
    activation = specification["classifier"].get("activation")
    determines = [
        specification["classifier"]["weights_sha256"],
        specification["classifier"]["preprocessing"],
        specification["dataset"]["fingerprint"],
        # Without enhancement as it was before there was one, so that maps drawn then are still found.
        {name: value for name, value in method.items() if value is not None},
        image,
        target,
        # Likewise nothing where the outputs are a softmax.
        *([activation] if activation else []),
    ]
    return hashlib.sha256(json.dumps(determines, sort_keys=True).encode()).hexdigest()


def explanation_folder(explanation: Explanation) -> Path:
    """Where the files of a map lie: `map.npy` (raw, float32 H×W) and `overlay.webp`."""
    return _folder_of(explanation.digest)


def _folder_of(digest: str) -> Path:
    return settings.EXPLANATIONS_DIR / digest[:2] / digest


def discard_unshared_files(digests: Collection[str]) -> None:
    """Removes the files of maps that are gone. They are named by what determines a map, so another member's row may
    lead to the same ones: those stay.
    """
    left = sorted(set(digests))
    for start in range(0, len(left), MOST_PER_QUESTION):
        some = left[start : start + MOST_PER_QUESTION]
        shared = set(Explanation.objects.filter(digest__in=some).values_list("digest", flat=True))
        for digest in some:
            if digest not in shared:
                shutil.rmtree(_folder_of(digest), ignore_errors=True)


def discard_files_on_commit(maps: QuerySet[Any]) -> None:
    """The files of maps that are about to be deleted with what they are of."""
    digests = list(maps.values_list("digest", flat=True))
    transaction.on_commit(lambda: discard_unshared_files(digests))


@transaction.atomic
def claim_explanations() -> list[Explanation]:
    """The next maps to draw, all of one classifier, method and parameters, leased to the caller: members are served in
    turn.
    """
    waiting = in_turn(leases.due(Explanation.objects.filter(state=State.WAITING)), StudioTurn)
    first = locked_skipping(waiting).first()
    if first is None:
        return []
    alike = _together(waiting, first).filter(
        classifier=first.classifier_id,
        dataset=first.dataset_id,
        method=first.method,
        parameters=first.parameters,
        enhancement=first.enhancement,
        pipeline=first.pipeline,
        size=first.size,
    )
    # Of a model whose preprocessing was changed, two maps may differ in what only their digests tell.
    most = 1 if first.classifier.earlier_preprocessings else MOST_PER_CLAIM
    claimed = _leased(Explanation, locked_skipping(alike)[:most], "state")
    note_served(first.owner_id, StudioTurn)
    return claimed


@transaction.atomic
def claim_predictions() -> list[Prediction]:
    """The next images to classify, all of one classifier, leased to the caller; members in turn, as with maps."""
    waiting = in_turn(leases.due(Prediction.objects.filter(state=State.WAITING)), StudioTurn)
    first = locked_skipping(waiting).first()
    if first is None:
        return []
    alike = _together(waiting, first).filter(
        classifier=first.classifier_id, pipeline=first.pipeline, size=first.size
    )
    claimed = _leased(Prediction, locked_skipping(alike)[:MOST_PER_CLAIM], "state")
    note_served(first.owner_id, StudioTurn)
    return claimed


@transaction.atomic
def claim_curves() -> Explanation | None:
    """The next map to measure insertion and deletion of, leased to the caller: those that stepped back come last, so
    that one that takes long and is interrupted again and again does not hold up all others.
    """
    ready = Explanation.objects.filter(state=State.READY, curves_state=State.WAITING)
    waiting = leases.due(ready).order_by("fence", "pk")
    first = _leased(Explanation, locked_skipping(waiting)[:1], "curves_state")
    return first[0] if first else None


def _together(waiting: QuerySet[Any], first: Explanation | Prediction) -> QuerySet[Any]:
    """Those that may be claimed with the first: none where a worker has died over it, so that what takes its worker
    down is set aside alone.
    """
    return waiting.filter(pk=first.pk) if first.attempt else waiting.filter(attempt=0)


def _leased(model: type[Row], rows: Iterable[Row], state_field: str) -> list[Row]:
    numbers = [row.pk for row in rows]
    model.objects.filter(pk__in=numbers).update(**{state_field: State.RUNNING}, **leases.taken())
    fresh = model.objects.select_related("classifier", "dataset", "picture")
    return list(fresh.filter(pk__in=numbers).order_by("pk"))


def keep_leases(rows: Iterable[Explanation | Prediction]) -> None:
    """Heartbeat: extends the leases of what is still being worked on; rows of one kind."""
    leases.keep(rows)


def is_claimed(row: Explanation | Prediction) -> bool:
    """Whether the caller's claim still holds: not where it was cancelled, deleted, or taken by another worker."""
    return leases.held(row).exists()


def give_back(row: Explanation | Prediction) -> bool:
    """The worker is being stopped: this waits again, and the attempt does not count."""
    return _change(row, state=State.WAITING, **leases.given_back())


def finish_explanation(
    explanation: Explanation, *, degenerate: bool, seconds: float, extras: dict[str, float] | None = None
) -> bool:
    """The map's files are written; its curves are next. False if the claim was lost meanwhile."""
    return _change(
        explanation,
        state=State.READY,
        degenerate=degenerate,
        seconds=seconds,
        extras=extras or {},
        problem="",
        attempt=0,
    )


def finish_prediction(prediction: Prediction, classes: list[tuple[int, float]]) -> bool:
    """The classes are known, best first. False if the claim was lost meanwhile."""
    return _change(prediction, state=State.READY, classes=[list(each) for each in classes], problem="")


def fail(row: Explanation | Prediction, problem: str) -> bool:
    """It can't be had, for a reason that is shown."""
    return _change(row, state=State.FAILED, problem=problem)


def finish_curves(explanation: Explanation, curves: dict[str, Any]) -> bool:
    """The curves are measured. False if the claim was lost meanwhile."""
    return _change_curves(explanation, curves_state=State.READY, curves=curves, curves_problem="")


def give_back_curves(explanation: Explanation) -> bool:
    """Something more urgent came up: they wait again, and the attempt does not count."""
    return _change_curves(explanation, curves_state=State.WAITING, **leases.given_back())


def fail_curves(explanation: Explanation, problem: str) -> bool:
    return _change_curves(explanation, curves_state=State.FAILED, curves_problem=problem)


def urgent_work_waits() -> bool:
    """Whether somebody waits for a map or for the classes of an image, which come before curves."""
    return any(
        leases.due(model.objects.filter(state=State.WAITING)).exists() for model in (Prediction, Explanation)
    )


def predictions_wait() -> bool:
    """Whether somebody waits for the classes of an image."""
    return leases.due(Prediction.objects.filter(state=State.WAITING)).exists()


def work_waits() -> bool:
    """Whether there is anything for the studio's worker to do."""
    curves = Explanation.objects.filter(state=State.READY, curves_state=State.WAITING)
    return urgent_work_waits() or leases.due(curves).exists()


def reclaim_lost_work() -> int:
    """What a worker had that has not been heard of waits again, or fails after the last attempt. Returns how much."""
    return reclaim_lost_explanations() + _reclaimed(Prediction, "state", "problem") + _reclaim_lost_curves()


def reclaim_lost_explanations() -> int:
    """Maps whose worker has not been heard of wait again, or fail after the last attempt. Returns how many wait."""
    return _reclaimed(Explanation, "state", "problem")


def _reclaim_lost_curves() -> int:
    return _reclaimed(Explanation, "curves_state", "curves_problem")


def _reclaimed(model: type[Explanation | Prediction], state_field: str, problem_field: str) -> int:
    found = leases.lost(model.objects.filter(**{state_field: State.RUNNING})).select_related("owner")
    number = 0
    for row in found.only("fence", "attempt", "owner__language"):
        if leases.tries_again(row, **{state_field: State.WAITING}):
            number += 1
        elif row.attempt >= leases.MAX_ATTEMPTS:
            with in_language_of(row.owner):
                problem = _(
                    "%(number)d times the worker ended without a word while it was at this: it may need more memory "
                    "than there is. Ask for it again when less is going on, or choose smaller settings."
                ) % {"number": leases.MAX_ATTEMPTS}
            leases.lost(leases.held(row)).update(
                **{state_field: State.FAILED, problem_field: problem}, lease_expires=None
            )
        announce(row)
    return number


def _change(row: Explanation | Prediction, **fields: object) -> bool:
    return _changed(row, {"state": State.RUNNING}, fields)


def _change_curves(explanation: Explanation, **fields: object) -> bool:
    return _changed(explanation, {"curves_state": State.RUNNING}, fields)


def _changed(row: Explanation | Prediction, expected: dict[str, str], fields: dict[str, object]) -> bool:
    mine = type(row).objects.filter(pk=row.pk, fence=row.fence, **expected)
    changed = mine.update(**{"lease_expires": None, **fields})
    if changed:
        row.refresh_from_db()
    return bool(changed)
