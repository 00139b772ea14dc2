"""Form fields of a method's parameters: what they show, take and refuse."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.http import QueryDict

from saliency_core.descriptions import Parameter
from saliency_core.methods.registry import method_descriptions
from tests.web import factories
from webapp.benchmarks.forms import BenchmarkForm
from webapp.common.parameter_fields import field_for

SIZES = Parameter(
    "sizes", "integers", (224, 324), "Image sizes", "Sizes.", minimum=8, maximum=4096, source="The paper"
)


def form_of(parameter: Parameter, *arguments: Any, **keywords: Any) -> forms.Form:
    class Example(forms.Form):
        value = field_for(parameter, [], None)

    return Example(*arguments, **keywords)


def test_a_list_of_whole_numbers_is_shown_as_text() -> None:
    shown = str(form_of(SIZES)["value"])
    assert 'value="224,324"' in shown
    assert 'type="text"' in shown
    assert 'value="96,128,160"' in str(form_of(SIZES, initial={"value": [96, 128, 160]})["value"])
    assert form_of(SIZES).fields["value"].source == "The paper"


@pytest.mark.parametrize("typed", ["224,324,424", "224 324  424", "224，324，424", "224、324;424,"])
def test_a_list_of_whole_numbers_is_read(typed: str) -> None:
    form = form_of(SIZES, {"value": typed})
    assert form.is_valid()
    assert form.cleaned_data["value"] == [224, 324, 424]


@pytest.mark.parametrize("typed", ["224,big", "224,4", "224,5000", "1.5", ",", "224," * 65])
def test_what_is_no_such_list_is_refused_and_kept_as_typed(typed: str) -> None:
    form = form_of(SIZES, {"value": typed})
    assert form.errors["value"] == [
        "Enter whole numbers between 8 and 4096 separated by commas, for example 224,324."
    ]
    assert f'value="{typed}"' in str(form["value"])
    assert form_of(SIZES, {"value": ""}).errors["value"] == ["This field is required."]


def test_without_bounds_the_refusal_names_none() -> None:
    form = form_of(Parameter("steps", "integers", (1, 2), "Steps", ""), {"value": "x"})
    assert form.errors["value"] == ["Enter whole numbers separated by commas, for example 1,2."]


def test_a_list_in_an_address_is_cleaned_and_a_list_stays_a_list() -> None:
    field = field_for(SIZES, [], None)
    assert field.clean("96,128") == field.clean([96, 128]) == [96, 128]
    assert not field.has_changed((224, 324), "224,324")
    assert field.has_changed((224, 324), "224,325")


@pytest.mark.parametrize(
    "parameter",
    [parameter for method in method_descriptions() for parameter in method.parameters],
    ids=lambda parameter: parameter.name,
)
def test_every_parameter_has_a_field_that_takes_its_own_default(parameter: Parameter) -> None:
    form = form_of(parameter)
    value = form["value"].value()
    if parameter.kind == "boolean":
        assert form.fields["value"].clean(value) == parameter.default
    elif parameter.kind != "layer":
        assert parameter.validate(form.fields["value"].clean(value)) == parameter.validate(parameter.default)


@pytest.mark.django_db
@pytest.mark.parametrize(("family", "method"), [("cnn", "grad_cam"), ("vit", "transformer_attribution")])
def test_form_of_a_benchmark_begins_with_the_usual_method(family: str, method: str) -> None:
    factories.dataset()
    classifier = factories.classifier(family=family)
    form = BenchmarkForm(None, owner=factories.member(), chosen=QueryDict(f"classifier={classifier.pk}"))
    assert [each.description.key for each in form.methods] == [method]
    assert form.methods[0]["key"].value() == method
