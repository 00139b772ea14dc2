"""Where own settings are applied: what a page or a request begins with that does not say its parameters itself.

An address, a link and a frozen specification mean what they say: what they leave out has the method's default,
whoever opens them. Own settings come in only where something begins: the studio's first method, a method that has just
been ticked or added, another model, or a request that asks for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import QueryDict

from saliency_core.enhancement.description import ENHANCEMENT_KEY
from webapp.accounts.models import User
from webapp.common.text import row_number
from webapp.library.models import Classifier
from webapp.library.selectors import classifiers_for
from webapp.method_settings.selectors import OwnSettings, own_settings
from webapp.method_settings.values import checked, written_all

BEGIN = "begin"
NOT_SHOWN = "not-shown"
SETTINGS_OF = "settings_of"
OWN, OTHER = "own", "other"


def with_own_settings(
    user: User, classifier: Classifier | None, query: QueryDict
) -> tuple[OwnSettings, QueryDict]:
    """The member's settings, and a studio address in which they are written out for every method that begins.

    These begin: all, where the address names no method; those named by `begin`; with `begin=not-shown` those that
    are ticked and that the page did not have yet (it names what it had by `shown`). `settings_of`: the model that
    the address was made for, if it is another one.
    """
    own = own_settings(user, classifier)
    before = _settings_before(user, classifier, query)
    keys = own.changed
    filled = query.copy()
    for key in keys:
        if before is not None or _begins(query, key):
            _write(filled, key, own.differences(key))
    if before is not None:
        for key in before.changed:
            if key not in keys:
                _forget(filled, key, before.differences(key))
    return own, filled


def adapted(
    values: Mapping[str, str], key: str, own: OwnSettings, before: OwnSettings | None
) -> dict[str, str]:
    """Parameters as text, when another model is chosen: those of one's own for the new one, else what they were
    without what was one's own for the model before.
    """
    if own.differences(key):
        return written_all(key, own.differences(key))
    leaving = written_all(key, before.differences(key)) if before else {}
    different = before.differences(key) if before else {}
    return {name: text for name, text in values.items() if name not in different or text != leaving.get(name)}


def state_of(own: OwnSettings, key: str, values: Mapping[str, Any]) -> str:
    """How values stand to the member's own: OWN, OTHER, or "" where there are none."""
    mine = own.differences(key)
    if not mine or own.classifier is None:
        return ""
    return OWN if checked(own.classifier, key, values) == (mine, {}) else OTHER


def asked_methods(
    user: User, classifier: Classifier, methods: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Methods as a request names them: those with `"settings": "own"` have one's own settings under what they say
    themselves; the others' parameters are what they say, so that a script does the same for everyone.
    """
    if all(method.get("settings") != OWN for method in methods):
        own = OwnSettings(classifier, {})
    else:
        own = own_settings(user, classifier)
    found = []
    for method in methods:
        said = {name: value for name, value in method.items() if name != "settings"}
        found.append(method_with_own(own, said) if method.get("settings") == OWN else said)
    return found


def method_with_own(own: OwnSettings, method: Mapping[str, Any]) -> dict[str, Any]:
    """A method as a specification has it, with one's own settings under what it says itself."""
    enhancement = method.get("enhancement")
    if enhancement is not None:
        enhancement = {**own.differences(ENHANCEMENT_KEY), **enhancement}
    parameters = {**own.differences(method["key"]), **(method.get("parameters") or {})}
    return {**method, "parameters": parameters, "enhancement": enhancement}


def settings_of(user: User, number: str) -> OwnSettings | None:
    """Own settings for the model of that number, if it is one of theirs."""
    if (key := row_number(number)) is None:
        return None
    classifier = classifiers_for(user).prefetch_related(None).filter(pk=key).first()
    return classifier and own_settings(user, classifier)


def _settings_before(user: User, classifier: Classifier | None, query: QueryDict) -> OwnSettings | None:
    number = query.get(SETTINGS_OF, "")
    if classifier is None or not number or number == str(classifier.pk):
        return None
    return settings_of(user, number)


def _begins(query: QueryDict, key: str) -> bool:
    ticked = set(query.getlist("method")) | set(query.getlist("enhanced"))
    if not ticked:
        return not any(name.startswith(f"{key}-") for name in query)
    begin = query.getlist(BEGIN)
    wanted = key in ticked or (key == ENHANCEMENT_KEY and bool(query.getlist("enhanced")))
    new = wanted and key not in query.getlist("shown")
    return key in begin or (NOT_SHOWN in begin and new)


def _write(query: QueryDict, key: str, different: Mapping[str, Any]) -> None:
    for name, text in written_all(key, different).items():
        query[f"{key}-{name}"] = text


def _forget(query: QueryDict, key: str, different: Mapping[str, Any]) -> None:
    texts = written_all(key, different)
    for name in different:
        if query.get(f"{key}-{name}") == texts[name]:
            del query[f"{key}-{name}"]
