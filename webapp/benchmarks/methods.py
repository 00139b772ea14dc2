"""A method as a specification has it: key, parameters and, where it is enhanced, those of the enhancement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext

from saliency_core.descriptions import MethodDescription, Parameter
from saliency_core.enhancement.description import ENHANCEMENT_KEY, SLIDING_WINDOW, enhanced_description
from saliency_core.enhancement.windows import USUAL_SIZE
from saliency_core.methods.registry import method_description

Values = list[tuple[Parameter, str]]


def specified_method(
    key: str, parameters: Mapping[str, Any], enhancement: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The entry of a specification, all defaults written out. Raises ParameterError."""
    return {
        "key": key,
        "parameters": method_description(key).validate(parameters),
        "enhancement": None if enhancement is None else SLIDING_WINDOW.validate(enhancement),
    }


def enhancement_of(method: Mapping[str, Any]) -> dict[str, Any] | None:
    """Parameters of the enhancement, or None; specifications from before there was one don't name it."""
    return method.get("enhancement")


def description_of(method: Mapping[str, Any], size: int = USUAL_SIZE) -> MethodDescription:
    """The method's description, with the enhancement around it if it has one, for images of `size` pixels."""
    base = method_description(method["key"])
    return base if enhancement_of(method) is None else enhanced_description(base, size)


def parameters_of(method: Mapping[str, Any]) -> dict[str, Any]:
    """What `description_of` takes: the parameters, those of the enhancement among them."""
    enhancement = enhancement_of(method)
    return {
        **method["parameters"],
        **({} if enhancement is None else {ENHANCEMENT_KEY: enhancement}),
    }


def title_of(method: Mapping[str, Any]) -> str:
    """The method's name in the reader's language: "Grad-CAM", "Grad-CAM + enhancement"."""
    title = gettext(method_description(method["key"]).title)
    return (
        title if enhancement_of(method) is None else gettext("%(method)s + enhancement") % {"method": title}
    )


def shown_parameters(method: Mapping[str, Any]) -> Values:
    """The method's parameters with their values as text."""
    return _shown(method_description(method["key"]).parameters, method["parameters"])


def shown_enhancement(method: Mapping[str, Any]) -> Values:
    """The enhancement's parameters with their values as text; none where there is no enhancement."""
    enhancement = enhancement_of(method)
    return [] if enhancement is None else _shown(SLIDING_WINDOW.parameters, enhancement)


def _shown(parameters: tuple[Parameter, ...], values: Mapping[str, Any]) -> Values:
    return [(parameter, parameter.text(values.get(parameter.name))) for parameter in parameters]
