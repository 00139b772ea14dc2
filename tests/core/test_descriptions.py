from __future__ import annotations

import pytest

from saliency_core.descriptions import Cost, MethodDescription, Parameter
from saliency_core.errors import ParameterError, suggestion

GROUPS = Parameter("groups", "integer", 32, "Groups", "", minimum=1, maximum=64)
STRENGTH = Parameter("strength", "number", 0.5, "Strength", "", minimum=0, maximum=1)
CANVAS = Parameter("canvas", "choice", "blur", "Canvas", "", choices=("blur", "zeros"))
SMOOTH = Parameter("smooth", "boolean", False, "Smooth", "")
LAYER = Parameter("layer", "layer", None, "Layer", "")
METHOD = MethodDescription(
    "toy", "Toy", "cam", (), (GROUPS, STRENGTH, CANVAS, SMOOTH, LAYER), "", "", lambda p: Cost(p["groups"], 1)
)


@pytest.mark.parametrize(
    ("parameter", "given", "value"),
    [
        (GROUPS, "16", 16),
        (GROUPS, 64.0, 64),
        (STRENGTH, "0.25", 0.25),
        (STRENGTH, 1, 1.0),
        (CANVAS, "zeros", "zeros"),
        (SMOOTH, "yes", True),
        (SMOOTH, "0", False),
        (LAYER, " layer4 ", "layer4"),
        (LAYER, "", None),
    ],
)
def test_values_are_converted(parameter: Parameter, given: object, value: object) -> None:
    converted = parameter.validate(given)
    assert converted == value
    assert type(converted) is type(value)


@pytest.mark.parametrize(
    ("parameter", "given", "message"),
    [
        (GROUPS, "0", "groups must be at least 1; got 0"),
        (GROUPS, 65, "groups must be at most 64; got 65"),
        (GROUPS, "2.5", "groups must be a whole number; got '2.5'"),
        (GROUPS, True, "whole number"),
        (STRENGTH, "much", "strength must be a number; got 'much'"),
        (STRENGTH, float("nan"), "must be a number"),
        (STRENGTH, None, "must be a number"),
        (CANVAS, "black", "canvas must be one of blur, zeros; got 'black'"),
        (SMOOTH, "perhaps", "smooth must be true or false; got 'perhaps'"),
        (LAYER, 4, "must be the name of a layer"),
    ],
)
def test_wrong_values_are_refused(parameter: Parameter, given: object, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        parameter.validate(given)


def test_defaults_are_filled_in_and_unknown_names_refused() -> None:
    assert METHOD.validate({"groups": "8"}) == {
        "groups": 8,
        "strength": 0.5,
        "canvas": "blur",
        "smooth": False,
        "layer": None,
    }
    with pytest.raises(ParameterError, match=r"no parameter 'group'.*Did you mean 'groups'"):
        METHOD.validate({"group": 8})


def test_a_backward_pass_counts_as_two_forward_passes() -> None:
    assert METHOD.cost({"groups": 32}).forward_equivalents == 34


def test_suggestion_is_empty_when_nothing_is_close() -> None:
    assert suggestion("zzz", ["layer4", "conv1"]) == ""
    assert suggestion("layer5", ["layer4", "conv1"]) == " Did you mean 'layer4'?"
