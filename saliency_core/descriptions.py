"""Descriptions of methods and their parameters: written once, read by forms, API schema, command line,
documents.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from saliency_core.errors import ParameterError, suggestion

ParameterKind = Literal["integer", "number", "boolean", "choice", "layer", "integers"]

Family = Literal["cam", "gradient", "propagation", "perturbation", "transformer", "baseline"]
Need = Literal["convolutional_layer", "gradients", "attention", "linear_head", "relu"]
FAMILIES: tuple[Family, ...] = (
    "cam",
    "gradient",
    "propagation",
    "perturbation",
    "transformer",
    "baseline",
)
USUAL_CHANNELS = 512  # of a last convolutional block (VGG, ResNet-18), where the layer is not known yet

_MOST_NUMBERS = 64  # in a list of whole numbers
_SEPARATORS = re.compile(r"[\s,;，、；]+")

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a method.

    ``default`` None for the kind "layer" means the classifier's default layer. The kind "integers" is a list
    of whole numbers, at least one, whose text form is "224,324,424"; its default is a tuple. ``minimum`` and
    ``maximum`` are inclusive and hold for each number of a list. ``unit`` is shown after the value;
    ``source`` says where the default comes from.
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
        if self.kind == "integers":
            return self._numbers(value)
        return self._number(value)

    def text(self, value: Any) -> str:
        """The value as a person would type it, which ``validate`` takes back; "" for None."""
        if self.kind == "integers" and not isinstance(value, str):
            return ",".join(str(number) for number in self.validate(value))
        return "" if value is None else str(value)

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

    def _numbers(self, value: Any) -> list[int]:
        if isinstance(value, str):
            value = [part for part in _SEPARATORS.split(value) if part]
        elif isinstance(value, int | float):
            value = [value]
        if not isinstance(value, Sequence) or not value:
            raise ParameterError(
                f"{self.name} must be whole numbers separated by commas, for example "
                f"{self.text(self.default)}; got {value!r}."
            )
        if len(value) > _MOST_NUMBERS:
            raise ParameterError(f"{self.name} takes at most {_MOST_NUMBERS} numbers; got {len(value)}.")
        return [int(self._number(number)) for number in value]

    def _number(self, value: Any) -> int | float:
        whole = self.kind in ("integer", "integers")
        wanted = {"integer": "a whole number", "integers": "whole numbers"}.get(self.kind, "a number")
        try:
            if isinstance(value, bool):
                raise ValueError
            number = float(value)
            if not math.isfinite(number) or (whole and number != int(number)):
                raise ValueError
        except (TypeError, ValueError, OverflowError):
            raise ParameterError(f"{self.name} must be {wanted}; got {value!r}.") from None
        if self.minimum is not None and number < self.minimum:
            raise ParameterError(f"{self.name} must be at least {self.minimum:g}; got {number:g}.")
        if self.maximum is not None and number > self.maximum:
            raise ParameterError(f"{self.name} must be at most {self.maximum:g}; got {number:g}.")
        return int(number) if whole else number


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

    ``family`` groups methods in lists. ``needs`` names what the classifier must offer (see
    methods.applicability). ``cost`` maps parameters to Cost; the parameters it gets also hold "channels",
    the number of channels of the chosen layer. ``quick`` are parameters with which the method is cheaper
    and still itself, for previews and tests. ``presets`` are named settings of some of the parameters, the
    defaults of a paper or of its code; what a preset leaves out keeps its default. ``limits`` is a rule of
    the method's own on top of ``needs``: it gets a classifier's facts (see classifiers.facts; "activation"
    too) and returns why the method cannot explain it, with %(method)s and %(model)s for the names, or None.
    """

    key: str
    title: str
    family: Family
    needs: tuple[Need, ...]
    parameters: tuple[Parameter, ...]
    paper: str
    summary: str
    cost: Callable[[Mapping[str, Any]], Cost]
    quick: Mapping[str, Any] = field(default_factory=dict)
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    limits: Callable[[Mapping[str, Any]], str | None] | None = None

    def work(self, values: Mapping[str, Any], channels: int | None = None) -> Cost:
        """Cost per image with these parameters (defaults filled in) and that many channels in the chosen
        layer; None: USUAL_CHANNELS. Raises ParameterError.
        """
        return self.cost({**self.validate(values), "channels": channels or USUAL_CHANNELS})

    def preset(self, name: str) -> dict[str, Any]:
        """All parameters with that preset's values. Raises ParameterError."""
        if name not in self.presets:
            raise ParameterError(
                f"{self.title} has no preset {name!r}; it has {', '.join(self.presets) or 'none'}."
                f"{suggestion(name, self.presets)}"
            )
        return self.validate(self.presets[name])

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
