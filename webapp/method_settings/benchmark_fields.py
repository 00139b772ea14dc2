"""Own settings in the form of a benchmark: what a method that is added begins with, and the choice between both."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import QueryDict

from saliency_core.enhancement.description import ENHANCEMENT_KEY
from webapp.accounts.models import User
from webapp.library.models import Classifier
from webapp.method_settings.applying import SETTINGS_OF, adapted, settings_of
from webapp.method_settings.selectors import own_settings
from webapp.method_settings.values import written_all

PREFIXES = {"parameter_": "", "enhancement_": ENHANCEMENT_KEY}
USE_OWN, USE_DEFAULTS = "own-", "defaults-"


class OwnFields:
    """Fills in the fields of chosen methods, by their names within one method ("parameter_layer").

    `source` is what was sent or the address: `do=own-2` gives the third method one's own settings, `do=defaults-2`
    the defaults; `settings_of` is the model that the page was about.
    """

    def __init__(self, user: User, classifier: Classifier | None, source: QueryDict) -> None:
        self.own = own_settings(user, classifier)
        self.action = source.get("do", "")
        before = source.get(SETTINGS_OF, "")
        other = classifier is not None and before not in ("", str(classifier.pk))
        self.before = settings_of(user, before) if other else None
        self.model_changed = other

    def begun(self, key: str, **more: str) -> dict[str, str]:
        """The fields of a method that is new in the form."""
        return {"key": key, **more, **self._mine("parameter_", key)}

    def renewed(self, number: int, fields: Mapping[str, str]) -> dict[str, str]:
        """The fields of a method that is there already, after a change of the form."""
        key, found = fields.get("key", ""), dict(fields)
        if self.action in (f"{USE_OWN}{number}", f"{USE_DEFAULTS}{number}"):
            found = {name: text for name, text in found.items() if name in ("key", "enhance", "open")}
            if self.action.startswith(USE_OWN):
                found |= self._mine("parameter_", key) | self._mine("enhancement_", key)
            return found
        if self.model_changed:
            for prefix, own_key in PREFIXES.items():
                given = {
                    name.removeprefix(prefix): each
                    for name, each in found.items()
                    if name[: len(prefix)] == prefix
                }
                kept = adapted(given, own_key or key, self.own, self.before)
                found = {name: each for name, each in found.items() if not name.startswith(prefix)}
                found |= {prefix + name: each for name, each in kept.items()}
            return found
        if found.get("enhance") and not any(name.startswith("enhancement_") for name in found):
            found |= self._mine("enhancement_", key)
        return found

    def _mine(self, prefix: str, key: str) -> dict[str, str]:
        own_key = PREFIXES[prefix] or key
        different = self.own.differences(own_key)
        return (
            {prefix + name: text for name, text in written_all(own_key, different).items()}
            if different
            else {}
        )
