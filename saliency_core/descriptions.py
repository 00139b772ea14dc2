"""Descriptions of methods and their parameters: written once, read by forms, API schema, command line,
documents.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from saliency_core.errors import ParameterError, suggestion

ParameterKind = Literal["integer", "number", "boolean", "choice", "layer"]

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a method.

    ``default`` None for the kind "layer" means the classifier's default layer. ``minimum`` and ``maximum``
    are inclusive. ``unit`` is shown after the value; ``source`` says where the default comes from.
    """

    name: str
    kind: ParameterKind
    default: Any
    title: str
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    source: str = ""

    def validate(self, value: Any) -> Any:
        """The value in the parameter's own type; text is converted. Raises ParameterError."""
        if self.kind == "layer":
            return self._layer(value)
        if self.kind == "boolean":
            return self._boolean(value)
        if self.kind == "choice":
            if value not in self.choices:
                raise ParameterError(f"{self.name} must be one of {', '.join(self.choices)}; got {value!r}.")
            return value
        return self._number(value)

    def _layer(self, value: Any) -> str | None:
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        if not isinstance(value, str):
            raise ParameterError(f"{self.name} must be the name of a layer; got {value!r}.")
        return value.strip()

    def _boolean(self, value: Any) -> bool:
        if isinstance(value, bool):
            return value
        word = str(value).strip().lower()
        if word not in _TRUE | _FALSE:
            raise ParameterError(f"{self.name} must be true or false; got {value!r}.")
        return word in _TRUE

    def _number(self, value: Any) -> int | float:
        wanted = "a whole number" if self.kind == "integer" else "a number"
        try:
            if isinstance(value, bool):
                raise ValueError
            number = float(value)
            if not math.isfinite(number) or (self.kind == "integer" and number != int(number)):
                raise ValueError
        except (TypeError, ValueError):
            raise ParameterError(f"{self.name} must be {wanted}; got {value!r}.") from None
        if self.minimum is not None and number < self.minimum:
            raise ParameterError(f"{self.name} must be at least {self.minimum:g}; got {number:g}.")
        if self.maximum is not None and number > self.maximum:
            raise ParameterError(f"{self.name} must be at most {self.maximum:g}; got {number:g}.")
        return int(number) if self.kind == "integer" else number


@dataclass(frozen=True)
class Cost:
    """Work per image, in passes of one image through the network."""

    forwards: float
    backwards: float = 0.0

    @property
    def forward_equivalents(self) -> float:
        """A backward pass counts as two forward passes."""
        return self.forwards + 2 * self.backwards


@dataclass(frozen=True)
class MethodDescription:
    """What a user needs to know about a method.

    ``family`` groups methods in lists ("cam", "perturbation", "transformer", "gradient"). ``needs`` names
    what the classifier must offer: "convolutional_layer", "attention", "gradients". ``cost`` maps
    parameters to Cost.
    """

    key: str
    title: str
    family: str
    needs: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    paper: str
    summary: str
    cost: Callable[[Mapping[str, Any]], Cost]

    def parameter(self, name: str) -> Parameter:
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        names = [parameter.name for parameter in self.parameters]
        raise ParameterError(
            f"{self.title} has no parameter {name!r}; it has {', '.join(names) or 'none'}."
            f"{suggestion(name, names)}"
        )

    def validate(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters, defaults filled in, in the order of the description. Raises ParameterError."""
        for name in values:
            self.parameter(name)
        return {
            parameter.name: parameter.validate(values.get(parameter.name, parameter.default))
            for parameter in self.parameters
        }
