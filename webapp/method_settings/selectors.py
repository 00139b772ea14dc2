"""A member's own settings for one classifier: read once, for all methods and the enhancement."""

from __future__ import annotations

from typing import Any

from saliency_core.errors import ParameterError
from webapp.accounts.models import User
from webapp.library.models import Classifier, MethodSettings
from webapp.method_settings.values import Problems, checked, description_of
from webapp.reasons.showing import shown_reason


class OwnSettings:
    """What a member has set for `classifier`, by the key of the method (the enhancement's under its own).

    What is stored and can no longer be used, such as a layer that the model does not have any more, is left out
    of the parameters and told by `problems`.
    """

    def __init__(self, classifier: Classifier | None, stored: dict[str, dict[str, Any]]) -> None:
        self.classifier = classifier
        self.stored = stored
        self._checked: dict[str, tuple[dict[str, Any], Problems]] = {}

    def differences(self, key: str) -> dict[str, Any]:
        """The member's parameters that differ from the defaults."""
        return self._found(key)[0]

    def problems(self, key: str) -> Problems:
        """By parameter, why something that is stored is not used."""
        return self._found(key)[1]

    def parameters(self, key: str) -> dict[str, Any]:
        """All parameters in effect, defaults filled in. Raises ParameterError for an unknown key."""
        return description_of(key).validate(self.differences(key))

    @property
    def changed(self) -> list[str]:
        """The methods that have settings of the member's own."""
        return [key for key in self.stored if self.differences(key)]

    def _found(self, key: str) -> tuple[dict[str, Any], Problems]:
        if key not in self._checked:
            self._checked[key] = self._check(key)
        return self._checked[key]

    def _check(self, key: str) -> tuple[dict[str, Any], Problems]:
        if self.classifier is None or key not in self.stored:
            return {}, {}
        try:
            return checked(self.classifier, key, self.stored[key])
        except ParameterError as unknown:
            return {}, {"": [shown_reason(str(unknown))]}


def own_settings(user: User, classifier: Classifier | None) -> OwnSettings:
    """The member's settings for a classifier, in one query; none for strangers."""
    if classifier is None:
        return OwnSettings(None, {})
    rows = MethodSettings.objects.visible_to(user).filter(classifier=classifier)
    return OwnSettings(classifier, dict(rows.values_list("method", "parameters")))


def models_with_settings(user: User) -> dict[int, int]:
    """How many methods have settings of the member's own, by the number of the classifier."""
    numbers: dict[int, int] = {}
    for pk in MethodSettings.objects.visible_to(user).values_list("classifier", flat=True):
        numbers[pk] = numbers.get(pk, 0) + 1
    return numbers
