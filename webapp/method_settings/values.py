"""Parameters of a method, or of the enhancement, as they are kept for one classifier: checked, differences alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from saliency_core.descriptions import MethodDescription, Parameter
from saliency_core.enhancement.description import ENHANCEMENT_KEY, SLIDING_WINDOW, EnhancementDescription
from saliency_core.errors import ParameterError
from saliency_core.methods.registry import method_description
from webapp.library.models import Classifier
from webapp.reasons.showing import shown_reason

Description = MethodDescription | EnhancementDescription
Problems = dict[str, list[str]]


def description_of(key: str) -> Description:
    """The description of a method, or of the enhancement under its own key. Raises ParameterError."""
    return SLIDING_WINDOW if key == ENHANCEMENT_KEY else method_description(key)


def checked(classifier: Classifier, key: str, values: Mapping[str, Any]) -> tuple[dict[str, Any], Problems]:
    """What of the values differs from the defaults, in the order of the description, and by name what can't be used.

    The model's default layer, named or left empty, is the default. Raises ParameterError for an unknown key.
    """
    description = description_of(key)
    different: dict[str, Any] = {}
    problems: Problems = {
        name: [_("There is no setting of this name any more.")]
        for name in values
        if all(parameter.name != name for parameter in description.parameters)
    }
    for parameter in description.parameters:
        if parameter.name not in values:
            continue
        try:
            value = parameter.validate(values[parameter.name])
        except ParameterError as refused:
            problems[parameter.name] = [shown_reason(str(refused))]
            continue
        if parameter.kind == "layer":
            value = None if value == classifier.default_layer else value
            if value is not None and all(layer["name"] != value for layer in classifier.layers):
                sentence = _("%(model)s has no explainable layer “%(layer)s”. Choose one of the list.")
                problems[parameter.name] = [sentence % {"model": classifier.name, "layer": value}]
                continue
        if value != parameter.validate(parameter.default):
            different[parameter.name] = value
    return different, problems


def written(parameter: Parameter, value: Any) -> str:
    """A value as an address or a form's field has it."""
    return str(bool(value)).lower() if parameter.kind == "boolean" else parameter.text(value)


def written_all(key: str, values: Mapping[str, Any]) -> dict[str, str]:
    """All parameters by name as text, the defaults for those that are left out."""
    return {
        parameter.name: written(parameter, values.get(parameter.name, parameter.default))
        for parameter in description_of(key).parameters
    }
