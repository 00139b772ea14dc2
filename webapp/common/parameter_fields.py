"""Form fields built from the parameters that a method of saliency_core describes; written down once, there."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from saliency_core.descriptions import Parameter
from saliency_core.errors import ParameterError


def field_for(parameter: Parameter, layers: list[dict[str, Any]], default_layer: str | None) -> forms.Field:
    """The field of one parameter: its title, help, bounds, choices and default; layers with their map sizes."""
    common: dict[str, Any] = {
        "label": gettext(parameter.title) + (f" ({gettext(parameter.unit)})" if parameter.unit else ""),
        "help_text": gettext(parameter.help) if parameter.help else "",
        "initial": parameter.default,
        "required": parameter.kind not in ("boolean", "layer"),
    }
    if parameter.kind == "layer":
        field: forms.Field = forms.ChoiceField(
            **common | {"initial": ""}, choices=layer_choices(layers, default_layer)
        )
    elif parameter.kind == "choice":
        field = forms.ChoiceField(
            **common, choices=[(choice, gettext(str(choice))) for choice in parameter.choices]
        )
    elif parameter.kind == "boolean":
        field = forms.BooleanField(**common)
    elif parameter.kind == "integers":
        field = WholeNumbersField(**common, parameter=parameter)
    else:
        kind = forms.IntegerField if parameter.kind == "integer" else forms.FloatField
        field = kind(**common, min_value=parameter.minimum, max_value=parameter.maximum)
    field.source = gettext(parameter.source) if parameter.source else ""
    return field


class WholeNumbersField(forms.CharField):
    """A list of whole numbers, typed as "224,324,424" and cleaned to a list."""

    def __init__(self, *, parameter: Parameter, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.parameter = parameter

    def clean(self, value: Any) -> list[int]:
        typed = super().clean(self.prepare_value(value))
        try:
            return self.parameter.validate(typed)
        except ParameterError:
            raise ValidationError(self._refusal(), code="invalid") from None

    def prepare_value(self, value: Any) -> Any:
        """Lists as text; what was typed and is no list stays as it was typed."""
        return self.parameter.text(value) if isinstance(value, list | tuple) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), self.prepare_value(data))

    def _refusal(self) -> str:
        limits = {
            "example": self.parameter.text(self.parameter.default),
            "minimum": self.parameter.minimum,
            "maximum": self.parameter.maximum,
        }
        if self.parameter.minimum is None or self.parameter.maximum is None:
            return gettext("Enter whole numbers separated by commas, for example %(example)s.") % limits
        return (
            gettext(
                "Enter whole numbers between %(minimum)d and %(maximum)d separated by commas, for example "
                "%(example)s."
            )
            % limits
        )


def layer_choices(layers: list[dict[str, Any]], default_layer: str | None) -> list[tuple[str, str]]:
    """Layers from the output back to the input, the default one first: near the output is what CAMs are made for."""

    def shown(layer: dict[str, Any]) -> str:
        return gettext("%(name)s (%(height)d × %(width)d, %(channels)d channels)") % layer

    default = next((layer for layer in layers if layer["name"] == default_layer), None)
    first = (
        gettext("Default: %(layer)s") % {"layer": shown(default)}
        if default
        else gettext("Default of the model")
    )
    return [("", first), *((layer["name"], shown(layer)) for layer in reversed(layers))]
