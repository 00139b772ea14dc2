"""Named settings of a method, which fill in its fields in the form of a benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext, pgettext

from saliency_core.descriptions import MethodDescription, Parameter

DEFAULT, QUICK, OWN = "default", "quick", "own"


def presets_of(method: MethodDescription) -> dict[str, dict[str, Any]]:
    """All settings by name, each with every parameter but the layer, which belongs to the model.

    The defaults come first, under the name of the preset that they are if there is one; the cheap ones last.
    """
    named = {name: method.preset(name) for name in method.presets}
    if method.quick:
        named[QUICK] = method.validate(method.quick)
    default = method.validate({})
    if default in named.values():
        first = next(name for name, values in named.items() if values == default)
        named = {first: default} | named
    else:
        named = {DEFAULT: default} | named
    settled = {parameter.name for parameter in settled_parameters(method)}
    return {
        name: {key: value for key, value in values.items() if key in settled}
        for name, values in named.items()
    }


def settled_parameters(method: MethodDescription) -> list[Parameter]:
    """Parameters that a preset decides."""
    return [parameter for parameter in method.parameters if parameter.kind != "layer"]


def preset_with(method: MethodDescription, values: Mapping[str, Any]) -> str:
    """The name of the preset with exactly these values, OWN if there is none."""
    return next((name for name, preset in presets_of(method).items() if preset == dict(values)), OWN)


def preset_choices(method: MethodDescription, current: str) -> list[tuple[str, str]]:
    """Choices of the form; OWN is one only while it is the current state."""
    titles = {DEFAULT: pgettext("preset", "defaults"), QUICK: pgettext("preset", "quick")}
    choices = [(name, titles.get(name) or gettext(name)) for name in presets_of(method)]
    return [*choices, (OWN, pgettext("preset", "own values"))] if current == OWN else choices
