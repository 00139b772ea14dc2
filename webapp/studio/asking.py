"""Asking the studio's worker for the classes of an image, or for maps of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from saliency_core.experiments.insertion_deletion import InsertionDeletionProtocol, fitting_protocol
from webapp.accounts.models import User
from webapp.common import hints, leases
from webapp.library.models import Classifier
from webapp.studio.kept import make_room, most_kept, number_open
from webapp.studio.models import Explanation, Prediction, State
from webapp.studio.preprocessings import Values, specification_part
from webapp.studio.services import explanation_digest
from webapp.studio.sources import Source, class_names_of

MOST_MAPS = 16  # asked for at once
MOST_WAITING = 64  # of one member


def map_digests(
    classifier: Classifier,
    source: Source,
    target: int,
    methods: Sequence[dict[str, Any]],
    preprocessing: Values | None = None,
) -> list[str]:
    part = specification_part(classifier, source, preprocessing or classifier.preprocessing)
    return [explanation_digest(part, method, source.identifier, target) for method in methods]


def prediction_digest(classifier: Classifier, source: Source, preprocessing: Values | None = None) -> str:
    part = specification_part(classifier, source, preprocessing or classifier.preprocessing)
    return explanation_digest(part, {"key": "prediction"}, source.identifier, 0)


def curves_protocol(classifier: Classifier, preprocessing: Mapping[str, Any]) -> InsertionDeletionProtocol:
    """By which rules insertion and deletion are measured of a map drawn under a preprocessing."""
    return fitting_protocol(preprocessing["pipeline"], preprocessing["size"], classifier.output_activation)


@transaction.atomic
def ask_for_prediction(
    *, owner: User, classifier: Classifier, source: Source, preprocessing: Values | None = None
) -> Prediction:
    """The row of an image's most probable classes; one that failed is tried again. `preprocessing`: None for the
    model's own.
    """
    _check_ready(classifier)
    prediction, created = Prediction.objects.get_or_create(
        owner=owner,
        digest=prediction_digest(classifier, source, preprocessing),
        defaults={
            "classifier": classifier,
            **source.fields(),
            **_geometry(preprocessing or classifier.preprocessing),
        },
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
    preprocessing: Values | None = None,
) -> list[Explanation]:
    """The rows of an image's maps of a class, in the order of `methods` (as a specification has them).

    What is there is taken from there; what failed is tried again. `with_curves`: insertion and deletion follow.
    `preprocessing`: None for the model's own. Raises ValidationError.
    """
    _check_ready(classifier)
    if not 0 <= target < len(class_names_of(classifier)):
        raise ValidationError(_("Choose a class of the model first."))
    if not methods:
        raise ValidationError(_("Choose at least one method."))
    if len(methods) > MOST_MAPS:
        raise ValidationError(_("At most %(number)d maps can be asked for at once.") % {"number": MOST_MAPS})
    digests = map_digests(classifier, source, target, methods, preprocessing)
    known = Explanation.objects.filter(owner=owner, digest__in=digests)
    missing = set(digests) - set(known.values_list("digest", flat=True))
    waiting = number_open(owner)
    if missing and waiting + len(missing) > MOST_WAITING:
        raise ValidationError(
            _("%(number)d of your maps are still waiting: ask for more when some of them are done.")
            % {"number": waiting}
        )
    if make_room(owner=owner, number=len(missing), keep=digests) < len(missing):
        raise ValidationError(
            _(
                "At most %(number)d maps are kept for you, and too many are pinned: unpin or delete some first."
            )
            % {"number": most_kept()}
        )
    curves = State.WAITING if with_curves else ""
    new = {
        digest: Explanation(
            owner=owner,
            classifier=classifier,
            **source.fields(),
            **_geometry(preprocessing or classifier.preprocessing),
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
    known.filter(listed=False).update(listed=True)
    # Of maps that a benchmark's page asked for, and curves that failed.
    if with_curves:
        known.filter(curves_state__in=["", State.FAILED]).update(curves_state=curves, curves_problem="")
    hints.wake_studio()
    by_digest = {explanation.digest: explanation for explanation in known.all()}
    return [by_digest[digest] for digest in digests]


def _again(model: type[Explanation | Prediction], digests: Sequence[str], owner: User) -> None:
    failed = model.objects.filter(owner=owner, digest__in=digests, state=State.FAILED)
    failed.update(state=State.WAITING, problem="", **leases.anew())


def _geometry(preprocessing: Values) -> dict[str, Any]:
    return {"pipeline": preprocessing["pipeline"], "size": preprocessing["size"]}


def _check_ready(classifier: Classifier) -> None:
    if not classifier.is_ready:
        raise ValidationError(_("This model is not ready: fetch its weights first."))
