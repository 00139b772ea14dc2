"""Asking the studio's worker for the classes of an image, or for maps of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from saliency_core.experiments.base import protocol
from webapp.accounts.models import User
from webapp.benchmarks.specification import activation_part
from webapp.common import hints
from webapp.library.models import Classifier
from webapp.studio.kept import make_room, most_kept
from webapp.studio.models import Explanation, Prediction, State
from webapp.studio.services import explanation_digest
from webapp.studio.sources import Source, class_names_of

MOST_MAPS = 16  # asked for at once
MOST_WAITING = 64  # of one member
CURVES = ("insertion_deletion", "thesis@1")


def specification_part(classifier: Classifier, source: Source) -> dict[str, Any]:
    """What of a benchmark's specification a digest is made of."""
    return {
        "classifier": {
            "weights_sha256": classifier.weights_sha256,
            "preprocessing": classifier.preprocessing,
            **activation_part(classifier),
        },
        "dataset": {"fingerprint": source.fingerprint},
    }


def map_digests(
    classifier: Classifier, source: Source, target: int, methods: Sequence[dict[str, Any]]
) -> list[str]:
    part = specification_part(classifier, source)
    return [explanation_digest(part, method, source.identifier, target) for method in methods]


def prediction_digest(classifier: Classifier, source: Source) -> str:
    return explanation_digest(
        specification_part(classifier, source), {"key": "prediction"}, source.identifier, 0
    )


def has_curves(classifier: Classifier) -> bool:
    """Whether insertion and deletion are defined for the images and the outputs of a classifier."""
    rules, shown = protocol(*CURVES), classifier.preprocessing
    return (shown.get("pipeline"), shown.get("size"), classifier.output_activation) == (
        rules.pipeline,
        rules.size,
        rules.activation,
    )


@transaction.atomic
def ask_for_prediction(*, owner: User, classifier: Classifier, source: Source) -> Prediction:
    """The row of an image's most probable classes; one that failed is tried again."""
    _check_ready(classifier)
    prediction, created = Prediction.objects.get_or_create(
        owner=owner,
        digest=prediction_digest(classifier, source),
        defaults={"classifier": classifier, **source.fields(), **_geometry(classifier)},
    )
    if not created and prediction.state == State.FAILED:
        _again(Prediction, [prediction.digest], owner)
        prediction.refresh_from_db()
    if prediction.is_open:
        hints.wake_studio()
    return prediction


@transaction.atomic
def ask_for_maps(
    *,
    owner: User,
    classifier: Classifier,
    source: Source,
    target: int,
    methods: Sequence[dict[str, Any]],
    with_curves: bool = True,
) -> list[Explanation]:
    """The rows of an image's maps of a class, in the order of `methods` (as a specification has them).

    What is there is taken from there; what failed is tried again. `with_curves`: insertion and deletion follow.
    Raises ValidationError.
    """
    _check_ready(classifier)
    if not 0 <= target < len(class_names_of(classifier)):
        raise ValidationError(_("Choose a class of the model first."))
    if not methods:
        raise ValidationError(_("Choose at least one method."))
    if len(methods) > MOST_MAPS:
        raise ValidationError(_("At most %(number)d maps can be asked for at once.") % {"number": MOST_MAPS})
    digests = map_digests(classifier, source, target, methods)
    known = Explanation.objects.filter(owner=owner, digest__in=digests)
    missing = set(digests) - set(known.values_list("digest", flat=True))
    waiting = Explanation.objects.filter(owner=owner, state__in=[State.WAITING, State.RUNNING]).count()
    if missing and waiting + len(missing) > MOST_WAITING:
        raise ValidationError(
            _("%(number)d of your maps are still waiting: ask for more when some of them are done.")
            % {"number": waiting}
        )
    if not make_room(owner=owner, number=len(missing), keep=digests):
        raise ValidationError(
            _(
                "At most %(number)d maps are kept for you, and too many are pinned: unpin or delete some first."
            )
            % {"number": most_kept()}
        )
    curves = State.WAITING if with_curves and has_curves(classifier) else ""
    new = {
        digest: Explanation(
            owner=owner,
            classifier=classifier,
            **source.fields(),
            **_geometry(classifier),
            method=method["key"],
            parameters=method["parameters"],
            enhancement=method["enhancement"] or {},
            target=target,
            digest=digest,
            curves_state=curves,
        )
        for digest, method in zip(digests, methods, strict=True)
        if digest in missing
    }
    Explanation.objects.bulk_create(new.values(), ignore_conflicts=True)
    _again(Explanation, digests, owner)
    # Of maps that a benchmark's page asked for, and curves that failed.
    if with_curves:
        known.filter(curves_state__in=["", State.FAILED]).update(curves_state=curves, curves_problem="")
    hints.wake_studio()
    by_digest = {explanation.digest: explanation for explanation in known.all()}
    return [by_digest[digest] for digest in digests]


def _again(model: type[Explanation | Prediction], digests: Sequence[str], owner: User) -> None:
    failed = model.objects.filter(owner=owner, digest__in=digests, state=State.FAILED)
    failed.update(state=State.WAITING, attempt=0, problem="")


def _geometry(classifier: Classifier) -> dict[str, Any]:
    return {"pipeline": classifier.preprocessing["pipeline"], "size": classifier.preprocessing["size"]}


def _check_ready(classifier: Classifier) -> None:
    if not classifier.is_ready:
        raise ValidationError(_("This model is not ready: fetch its weights first."))
