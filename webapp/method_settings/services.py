"""Keeping a member's own settings of methods, resetting them, and copying them from one model to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from saliency_core.enhancement.description import ENHANCEMENT_KEY
from saliency_core.errors import ParameterError
from webapp.accounts.models import User
from webapp.benchmarks.suitability import why_not_applicable
from webapp.library.models import Classifier, MethodSettings
from webapp.method_settings.selectors import own_settings
from webapp.method_settings.values import checked, description_of
from webapp.reasons.showing import shown_reason


@dataclass(frozen=True)
class Copied:
    """`methods`: keys of those that were copied; `left_out`: a sentence for everything that does not fit."""

    methods: list[str]
    left_out: list[str]


@transaction.atomic
def save_settings(
    *, owner: User, classifier: Classifier, method: str, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """Keeps what differs from the defaults, in place of what was kept before; nothing is kept where nothing differs.

    Returns what is kept. Raises ValidationError by the names of the parameters, or without a name where the method
    does not exist or can't explain the classifier.
    """
    try:
        different, problems = checked(classifier, method, parameters)
    except ParameterError as unknown:
        raise ValidationError(shown_reason(str(unknown))) from None
    if problems:
        raise ValidationError(problems)
    reason = why_not_settable(classifier, method)
    if reason:
        raise ValidationError(reason)
    if different:
        MethodSettings.objects.update_or_create(
            owner=owner, classifier=classifier, method=method, defaults={"parameters": different}
        )
    else:
        reset_settings(owner=owner, classifier=classifier, method=method)
    return different


def why_not_settable(classifier: Classifier, method: str) -> str | None:
    """Why settings of a method make no sense for a classifier; None if they do, and for the enhancement."""
    return None if method == ENHANCEMENT_KEY else why_not_applicable(classifier, method)


def reset_settings(*, owner: User, classifier: Classifier, method: str | None = None) -> int:
    """Back to the defaults: of one method, or of all and the enhancement. Returns how many had settings."""
    rows = MethodSettings.objects.visible_to(owner).filter(classifier=classifier)
    if method is not None:
        rows = rows.filter(method=method)
    return rows.delete()[0]


@transaction.atomic
def copy_settings(*, owner: User, source: Classifier, target: Classifier) -> Copied:
    """Copies what the member has set for `source` to `target`, as far as it fits; other settings there stay.

    Raises ValidationError where there is nothing to copy.
    """
    if source == target:
        raise ValidationError(_("Choose another model to copy from."))
    own = own_settings(owner, source)
    if not own.changed:
        raise ValidationError(_("You have no settings of your own for %(model)s.") % {"model": source.name})
    copied, left_out = [], []
    for key in own.changed:
        reason = why_not_settable(target, key)
        if reason:
            left_out.append(reason)
            continue
        different, problems = checked(target, key, own.differences(key))
        left_out += [text for texts in problems.values() for text in texts]
        if different:
            save_settings(owner=owner, classifier=target, method=key, parameters=different)
            copied.append(description_of(key).title)
    return Copied(copied, list(dict.fromkeys(left_out)))
