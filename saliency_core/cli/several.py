"""Choosing methods: one, several, or all that apply, without and with the enhancement."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from saliency_core.classifiers.classifier import Classifier
from saliency_core.cli.arguments import given_settings
from saliency_core.descriptions import MethodDescription
from saliency_core.enhancement.cli_options import enhancements_from
from saliency_core.enhancement.sliding_window import SlidingWindowEnhancement
from saliency_core.errors import ParameterError, SaliscopeError, suggestion
from saliency_core.estimate import layer_channels
from saliency_core.methods.base import Method
from saliency_core.methods.registry import create_method, method_description, methods_by_family

ALL = "all"


@dataclass(frozen=True)
class Wanted:
    """A method and the parameters given for it; ``asked`` by its name, not as one of all."""

    description: MethodDescription
    parameters: dict[str, Any]
    asked: bool


@dataclass(frozen=True)
class Ready:
    """A method bound to the classifier, and its expected work in forward equivalents."""

    method: Method
    forwards: float


def wanted_methods(options: argparse.Namespace) -> list[Wanted]:
    """What --method, --set and --quick ask for, checked before anything is loaded. Raises ParameterError."""
    enhancements_from(options)
    settings = given_settings(options)
    asked = {key: method_description(key) for key in options.methods if key != ALL}
    descriptions = methods_by_family() if ALL in options.methods else tuple(asked.values())
    _check_settings(settings, descriptions)
    wanted = []
    for description in descriptions:
        own = {parameter.name for parameter in description.parameters}
        given = {key: value for key, value in settings.items() if key in own}
        prefix = f"{description.key}."
        given |= {
            key.removeprefix(prefix): value for key, value in settings.items() if key.startswith(prefix)
        }
        parameters = {**(description.quick if options.quick else {}), **given}
        wanted.append(Wanted(description, description.validate(parameters), description.key in asked))
    return wanted


def _check_settings(settings: Mapping[str, str], descriptions: Sequence[MethodDescription]) -> None:
    """Every setting must be a parameter of a chosen method."""
    if len(descriptions) == 1:
        description = descriptions[0]
        for key in settings:
            description.parameter(key.removeprefix(f"{description.key}."))
        return
    by_key = {description.key: description for description in descriptions}
    names = {parameter.name for description in descriptions for parameter in description.parameters}
    for key in settings:
        method, separator, name = key.partition(".")
        if not separator and key not in names:
            raise ParameterError(f"None of these methods has a parameter {key!r}.{suggestion(key, names)}")
        if separator and method not in by_key:
            raise ParameterError(f"{method!r} is not among the chosen methods.{suggestion(method, by_key)}")
        if separator:
            by_key[method].parameter(name)


def ready_methods(
    wanted: Sequence[Wanted], classifier: Classifier, options: argparse.Namespace
) -> tuple[list[Ready], dict[str, str]]:
    """The methods bound to the classifier, and why others of "all" do not apply, by key.

    Raises SaliscopeError where a method that was asked for by name does not apply.
    """
    ready, refused = [], {}
    layers = [layer.to_dict() for layer in classifier.layers]
    for item in wanted:
        try:
            method = create_method(item.description.key, classifier, **item.parameters)
        except SaliscopeError as error:
            if item.asked:
                raise
            refused[item.description.key] = str(error)
            continue
        channels = layer_channels(item.description, method.parameters, layers, classifier.default_layer)
        for variant in enhancements_from(options):
            chosen = method if variant is None else SlidingWindowEnhancement(method, **variant)
            work = chosen.description.work(chosen.parameters, channels)
            ready.append(Ready(chosen, work.forward_equivalents))
    return ready, refused
