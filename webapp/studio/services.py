"""Asking for maps, and what the studio's worker does with them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from webapp.accounts.models import User
from webapp.benchmarks.models import Benchmark
from webapp.common import hints
from webapp.common.database import locked_skipping, now_plus
from webapp.studio.models import Explanation

LEASE_SECONDS = 120.0
MAX_ATTEMPTS = 3
MOST_PER_CLAIM = 16


@transaction.atomic
def explain_benchmark_images(
    *, owner: User, benchmark: Benchmark, images: Iterable[tuple[str, int]], method_index: int = 0
) -> dict[str, Explanation]:
    """The maps that a benchmark scored, drawn again for looking at: `(image, target)` pairs → explanation by image.

    What was drawn before is taken from there; the rest is queued for the studio's worker.
    """
    specification = benchmark.specification
    method = specification["methods"][method_index]
    preprocessing = specification["classifier"]["preprocessing"]
    wanted = {
        image: Explanation(
            owner=owner,
            classifier=benchmark.classifier,
            dataset=benchmark.dataset,
            image=image,
            method=method["key"],
            parameters=method["parameters"],
            pipeline=preprocessing["pipeline"],
            size=preprocessing["size"],
            target=target,
            digest=explanation_digest(specification, method, image, target),
        )
        for image, target in images
    }
    digests = [explanation.digest for explanation in wanted.values()]
    known = Explanation.objects.filter(owner=owner, digest__in=digests)
    missing = set(digests) - set(known.values_list("digest", flat=True))
    Explanation.objects.bulk_create(
        [explanation for explanation in wanted.values() if explanation.digest in missing],
        ignore_conflicts=True,
    )
    if missing:
        hints.wake_studio()
    by_digest = {explanation.digest: explanation for explanation in known.all()}
    return {image: by_digest[explanation.digest] for image, explanation in wanted.items()}


def explanation_digest(specification: dict, method: dict, image: str, target: int) -> str:
    """SHA-256 of everything that determines a map."""
    determines = [
        specification["classifier"]["weights_sha256"],
        specification["classifier"]["preprocessing"],
        specification["dataset"]["fingerprint"],
        method,
        image,
        target,
    ]
    return hashlib.sha256(json.dumps(determines, sort_keys=True).encode()).hexdigest()


def explanation_folder(explanation: Explanation) -> Path:
    """Where the files of a map lie: `map.npy` (raw, float32 H×W) and `overlay.webp`."""
    return settings.EXPLANATIONS_DIR / explanation.digest[:2] / explanation.digest


@transaction.atomic
def claim_explanations() -> list[Explanation]:
    """The next maps to draw, all of one classifier, method and parameters, leased to the caller."""
    waiting = Explanation.objects.filter(state=Explanation.State.WAITING).order_by("pk")
    first = locked_skipping(waiting).first()
    if first is None:
        return []
    alike = waiting.filter(
        classifier=first.classifier_id,
        dataset=first.dataset_id,
        method=first.method,
        parameters=first.parameters,
        pipeline=first.pipeline,
        size=first.size,
    )
    claimed = list(locked_skipping(alike)[:MOST_PER_CLAIM])
    Explanation.objects.filter(pk__in=[explanation.pk for explanation in claimed]).update(
        state=Explanation.State.RUNNING,
        fence=F("fence") + 1,
        attempt=F("attempt") + 1,
        lease_expires=now_plus(LEASE_SECONDS),
    )
    fresh = Explanation.objects.select_related("classifier", "dataset")
    return list(fresh.filter(pk__in=[explanation.pk for explanation in claimed]).order_by("pk"))


def keep_explanations(explanations: Iterable[Explanation]) -> None:
    """Heartbeat: extends the leases of maps that are still being drawn."""
    for explanation in explanations:
        Explanation.objects.filter(
            pk=explanation.pk, fence=explanation.fence, state=Explanation.State.RUNNING
        ).update(lease_expires=now_plus(LEASE_SECONDS))


def give_back_explanation(explanation: Explanation) -> bool:
    """The worker is being stopped: the map waits again, and the attempt does not count."""
    return _change(
        explanation, state=Explanation.State.WAITING, fence=F("fence") + 1, attempt=F("attempt") - 1
    )


def finish_explanation(explanation: Explanation, *, degenerate: bool, seconds: float) -> bool:
    """The map's files are written. False if the claim was lost meanwhile."""
    return _change(
        explanation, state=Explanation.State.READY, degenerate=degenerate, seconds=seconds, problem=""
    )


def fail_explanation(explanation: Explanation, problem: str) -> bool:
    """The map can't be had, for a reason that is shown."""
    return _change(explanation, state=Explanation.State.FAILED, problem=problem)


def reclaim_lost_explanations() -> int:
    """Maps whose worker has not been heard of wait again, or fail after the last attempt. Returns how many wait."""
    lost = Explanation.objects.filter(state=Explanation.State.RUNNING, lease_expires__lt=Now())
    lost.filter(attempt__gte=MAX_ATTEMPTS).update(
        state=Explanation.State.FAILED,
        problem="The worker that drew this map stopped without a word, three times.",
    )
    return lost.update(state=Explanation.State.WAITING, fence=F("fence") + 1)


def _change(explanation: Explanation, **fields: object) -> bool:
    changed = Explanation.objects.filter(
        pk=explanation.pk, fence=explanation.fence, state=Explanation.State.RUNNING
    ).update(lease_expires=None, **fields)
    explanation.refresh_from_db()
    return bool(changed)
