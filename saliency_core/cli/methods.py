"""The command methods: all of them in a table, or one with its parameters."""

from __future__ import annotations

import argparse
import inspect
import textwrap
from collections.abc import Mapping
from typing import Any

from saliency_core.classifiers.architectures import Architecture, build
from saliency_core.classifiers.describe import describe_architecture
from saliency_core.classifiers.loading import find_classifier
from saliency_core.descriptions import USUAL_CHANNELS, Cost, MethodDescription, Parameter
from saliency_core.estimate import layer_channels
from saliency_core.methods.applicability import why_not
from saliency_core.methods.registry import method_class, method_description, methods_by_family
from saliency_core.transformers.structure import obstacle

_WIDTH = 110


def add_commands(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "methods",
        help="list the methods, or show one with its parameters",
        description="List the methods with what they need and cost, or show one with its parameters.",
    )
    parser.add_argument("key", nargs="?", metavar="KEY", help="a method")
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="built-in classifier, or torchvision or timm architecture, whose layers the costs are for and "
        f"which methods must suit (default: any, with {USUAL_CHANNELS} channels in the layer)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    model = None if options.model is None else _described(options.model)
    if options.key is None:
        _list(model)
    else:
        _show(method_description(options.key), model)


def cost_text(cost: Cost) -> str:
    """ "513 forwards", "1 forward, 1 backward"; backwards are left out where there are none."""
    parts = []
    for number, word in ((cost.forwards, "forward"), (cost.backwards, "backward")):
        if number or word == "forward":
            figure = f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
            parts.append(f"{figure} {word}{'' if number == 1 else 's'}")
    return ", ".join(parts)


def definition(key: str) -> str:
    """The method's definition with its equation: the docstring without its examples."""
    text = inspect.cleandoc(method_class(key).__doc__ or "")
    kept = [
        paragraph for paragraph in text.split("\n\n") if not paragraph.lstrip().startswith((">>>", "Example"))
    ]
    return "\n\n".join(kept).strip()


def parameter_text(parameter: Parameter) -> str:
    """Type, default, bounds: "integer, default 32, 1 to 512"."""
    default = "the classifier's" if parameter.default is None else parameter.text(parameter.default)
    unit = f" {parameter.unit}" if parameter.unit else ""
    parts = [parameter.kind, f"default {default}{unit}"]
    low, high = parameter.minimum, parameter.maximum
    if low is not None and high is not None:
        parts.append(f"{low:g} to {high:g}")
    elif low is not None:
        parts.append(f"at least {low:g}")
    elif high is not None:
        parts.append(f"at most {high:g}")
    if parameter.choices:
        parts.append(f"one of {', '.join(parameter.choices)}")
    return ", ".join(parts)


def _described(name: str) -> dict[str, Any]:
    architecture = find_classifier(name).architecture
    described = describe_architecture(architecture.library, architecture.name)
    refusals = _attention_refusals(architecture) if described["family"] == "vit" else {}
    return {**described, "title": architecture.name, "refusals": refusals}


def _attention_refusals(architecture: Architecture) -> dict[str, str]:
    """Why methods cannot follow the attention of a transformer that looks fit for them by its facts, by key."""
    reason = obstacle(build(architecture, device="meta"))
    if reason is None:
        return {}
    return {
        description.key: f"{description.title} cannot explain {architecture.name}: the network {reason}."
        for description in methods_by_family()
        if "attention" in description.needs
    }


def _work(description: MethodDescription, model: Mapping[str, Any] | None, values: Mapping[str, Any]) -> Cost:
    channels = None
    if model is not None:
        channels = layer_channels(description, values, model["layers"], model["default_layer"])
    return description.work(values, channels)


def _list(model: Mapping[str, Any] | None) -> None:
    rows = [("key", "title", "family", "needs", "cost per image", "paper")]
    refused = []
    for description in methods_by_family():
        reason = None if model is None else why_not(description, model)
        if reason is not None:
            refused.append(f"{description.key}: {reason}")
        cost = "not applicable" if reason is not None else cost_text(_work(description, model, {}))
        needs = ", ".join(description.needs) or "–"
        rows.append((description.key, description.title, description.family, needs, cost, description.paper))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        print("  ".join([*(f"{row[column]:{widths[column]}}" for column in range(5)), row[5]]))
    if refused:
        print("", *refused, sep="\n")


def _show(description: MethodDescription, model: Mapping[str, Any] | None) -> None:
    print(f"{description.title} ({description.key}), family {description.family}")
    print(_wrapped(description.summary))
    print()
    print(definition(description.key))
    print()
    print(_wrapped(f"Paper: {description.paper}"))
    print(f"Needs: {', '.join(description.needs) or 'nothing in particular'}")
    reason = None if model is None else why_not(description, model)
    if reason is not None:
        print(_wrapped(f"Not applicable: {reason}"))
    print(f"Cost per image: {cost_text(_work(description, model, {}))}")
    if description.quick:
        values = ", ".join(f"{name}={value}" for name, value in description.quick.items())
        print(f"Quick: {cost_text(_work(description, model, description.quick))} with {values}")
    for name, preset in description.presets.items():
        print(f"Preset {name}: {', '.join(f'{key}={value}' for key, value in preset.items())}")
    print("Parameters:" if description.parameters else "No parameters.")
    for parameter in description.parameters:
        print(f"  {parameter.name} ({parameter_text(parameter)})")
        print(_wrapped(f"{parameter.help} Default: {parameter.source}.".replace("..", "."), "    "))


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=indent, subsequent_indent=indent)
