"""How values stand to a member's own settings, for the pages where these are applied."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django import template

from saliency_core.enhancement.description import ENHANCEMENT_KEY
from webapp.benchmarks.method_form import MethodForm
from webapp.method_settings.applying import OTHER, OWN, state_of
from webapp.method_settings.selectors import OwnSettings
from webapp.method_settings.values import written_all
from webapp.studio.choices import Choice
from webapp.studio.forms import SettingsForm

register = template.Library()


@dataclass(frozen=True)
class Note:
    """`state` as applying.state_of says; the fields of both settings as JSON, and the addresses that have them."""

    state: str
    model: int | None
    own_fields: str
    default_fields: str
    own_address: str
    default_address: str


@register.simple_tag
def own_note(choice: Choice, form: SettingsForm) -> Note:
    """How a form of the studio stands to the member's own settings."""
    own = choice.own or OwnSettings(None, {})
    state = state_of(own, form.method, form.values()) if form.is_valid() else ""
    mine, usual = (
        {f"{form.key}-{name}": text for name, text in written_all(form.method, values).items()}
        for values in (own.differences(form.method), {})
    )
    gone: dict[str, Any] = dict.fromkeys(usual)
    changed = {name: text for name, text in mine.items() if text != usual[name]}
    return Note(
        state,
        own.classifier.pk if own.classifier else None,
        json.dumps(mine),
        json.dumps(usual),
        choice.address(**gone | changed) if state else "",
        choice.address(**gone) if state else "",
    )


@register.simple_tag
def own_state_of_method(own: OwnSettings, method: MethodForm) -> str:
    """How a method of a benchmark's form, with its enhancement if it has one, stands to the member's own settings."""
    entry = method.variants()[-1]
    states = [state_of(own, method.description.key, entry["parameters"])]
    if entry["enhancement"] is not None:
        states.append(state_of(own, ENHANCEMENT_KEY, entry["enhancement"]))
    return OTHER if OTHER in states else OWN if OWN in states else ""


@register.filter
def field_errors(errors: dict[str, list[str]], name: str) -> list[str]:
    return errors.get(name, [])


@register.filter
def as_json(value: Any) -> str:
    return json.dumps(value)
