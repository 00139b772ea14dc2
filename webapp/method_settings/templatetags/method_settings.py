"""How values stand to a member's own settings, for the pages where these are applied."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django import template

from webapp.benchmarks.method_form import MethodForm
from webapp.method_settings.applying import state_of
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
    state = state_of(own, form.key, form.values()) if form.is_valid() else ""
    mine, usual = (
        {f"{form.key}-{name}": text for name, text in written_all(form.key, values).items()}
        for values in (own.differences(form.key), {})
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
    """How a method of the form of a benchmark stands to the member's own settings."""
    return state_of(own, method.description.key, method.variants()[0]["parameters"])


@register.filter
def field_errors(errors: dict[str, list[str]], name: str) -> list[str]:
    return errors.get(name, [])


@register.filter
def as_json(value: Any) -> str:
    return json.dumps(value)
