from __future__ import annotations

import dataclasses

import pytest

from saliency_core.descriptions import Cost, MethodDescription, Parameter
from saliency_core.errors import ParameterError, suggestion
from saliency_core.methods.registry import method_descriptions

GROUPS = Parameter("groups", "integer", 32, "Groups", "", minimum=1, maximum=64)
STRENGTH = Parameter("strength", "number", 0.5, "Strength", "", minimum=0, maximum=1)
CANVAS = Parameter("canvas", "choice", "blur", "Canvas", "", choices=("blur", "zeros"))
SMOOTH = Parameter("smooth", "boolean", False, "Smooth", "")
LAYER = Parameter("layer", "layer", None, "Layer", "")
SIZES = Parameter("sizes", "integers", (224, 324), "Sizes", "", minimum=8, maximum=4096)
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
        (SIZES, "224,324,424", [224, 324, 424]),
        (SIZES, " 224， 324;424 、 524 ", [224, 324, 424, 524]),
        (SIZES, (224, 324.0), [224, 324]),
        (SIZES, [224], [224]),
        (SIZES, 224, [224]),
        (SIZES, "224", [224]),
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
        (GROUPS, 10**400, "groups must be a whole number; got 1000"),
        (GROUPS, True, "whole number"),
        (STRENGTH, "much", "strength must be a number; got 'much'"),
        (STRENGTH, float("nan"), "must be a number"),
        (STRENGTH, None, "must be a number"),
        (CANVAS, "black", "canvas must be one of blur, zeros; got 'black'"),
        (SMOOTH, "perhaps", "smooth must be true or false; got 'perhaps'"),
        (LAYER, 4, "must be the name of a layer"),
        (SIZES, "", "sizes must be whole numbers separated by commas, for example 224,324; got"),
        (SIZES, [], "whole numbers separated by commas"),
        (SIZES, None, "whole numbers separated by commas"),
        (SIZES, True, "sizes must be whole numbers; got True"),
        (SIZES, "224,big", "sizes must be whole numbers; got 'big'"),
        (SIZES, "224,324.5", "sizes must be whole numbers; got '324.5'"),
        (SIZES, [224, 4], "sizes must be at least 8; got 4"),
        (SIZES, [224, 5000], "sizes must be at most 4096; got 5000"),
        (SIZES, [224] * 65, "sizes takes at most 64 numbers; got 65"),
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


def test_text_of_a_value_is_taken_back() -> None:
    assert SIZES.text((224, 324)) == SIZES.text("224,324") == "224,324"
    assert LAYER.text(None) == ""
    for parameter, value in ((SIZES, [224, 324, 8]), (STRENGTH, 0.25), (SMOOTH, True), (CANVAS, "zeros")):
        assert parameter.validate(parameter.text(value)) == value


def test_presets_fill_in_the_other_parameters() -> None:
    method = dataclasses.replace(METHOD, presets={"few": {"groups": 4}, "bare": {"canvas": "zeros"}})
    assert method.preset("few") == METHOD.validate({"groups": 4})
    with pytest.raises(ParameterError, match=r"no preset 'fwe'; it has few, bare. Did you mean 'few'"):
        method.preset("fwe")
    with pytest.raises(ParameterError, match="no preset 'few'; it has none"):
        METHOD.preset("few")


@pytest.mark.parametrize("method", method_descriptions(), ids=lambda method: method.key)
def test_presets_and_quick_settings_are_valid(method: MethodDescription) -> None:
    for settings in (method.quick, *method.presets.values()):
        assert set(settings) <= {parameter.name for parameter in method.parameters}
        method.validate(settings)
