"""The commands experiments and classifiers: what there is."""

from __future__ import annotations

import argparse
import textwrap
from typing import Any

from saliency_core.classifiers.catalogue import BUILTIN_CLASSIFIERS
from saliency_core.classifiers.describe import describe_architecture
from saliency_core.classifiers.loading import find_classifier
from saliency_core.cli.arguments import whole_number
from saliency_core.cli.compatibility import print_compatibility
from saliency_core.cli.experiment_text import TARGETS, cost, curves, definition, figures, needs, settings
from saliency_core.experiments.base import (
    ExperimentDescription,
    Protocol,
    experiment_description,
    experiment_descriptions,
)
from saliency_core.experiments.figures import COMMON_FIGURES, Figure

_WIDTH = 110


def add_commands(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "experiments",
        help="list the experiments, or show one with everything its protocols fix",
        description="List the experiments with their protocols, or show one with everything that each protocol "
        "fixes, its figures and its curves.",
    )
    parser.add_argument("key", nargs="?", metavar="KEY", help="an experiment")
    parser.set_defaults(run=list_experiments)
    parser = commands.add_parser(
        "classifiers", help="list the built-in classifiers, or the layers of an architecture"
    )
    parser.add_argument(
        "name", nargs="?", help="built-in classifier, torchvision or timm architecture, or onnx"
    )
    parser.add_argument(
        "--compatibility",
        action="store_true",
        help="load the weights and report what can be done with the model: methods, LRP, classes of photographs",
    )
    parser.add_argument("--weights", metavar="FILE", help="safetensors, state dict (.pt, .pth) or ONNX file")
    parser.add_argument("--size", type=whole_number(8), metavar="PIXELS", help="input size, for ONNX files")
    parser.set_defaults(run=list_classifiers)


def list_experiments(options: argparse.Namespace) -> None:
    if options.key is not None:
        _show(experiment_description(options.key.replace("-", "_")))
        return
    for experiment in experiment_descriptions():
        print(f"{experiment.key}: {experiment.title}. {experiment.summary}")
        for protocol in experiment.protocols:
            print(f"  {protocol.name}: {protocol.summary} ({protocol.source})")


def _show(experiment: ExperimentDescription) -> None:
    print(f"{experiment.title} ({experiment.key})")
    print(_wrapped(experiment.summary))
    for protocol in experiment.protocols:
        print()
        _show_protocol(protocol, default=protocol is experiment.default_protocol)
    if meaning := definition(experiment.key):
        print(f"\nWhat these settings mean:\n{meaning}")
    print("\nFigures:")
    names = tuple(protocol.name for protocol in experiment.protocols)
    for figure, protocols in figures(experiment):
        _show_figure(figure, "" if protocols == names else f" Only under {', '.join(protocols)}.")
    for figure in COMMON_FIGURES:
        _show_figure(figure)
    drawn = curves(experiment)
    if drawn:
        print("\nCurves:")
    for curve, _ in drawn:
        print(f"  {curve.key}: {curve.title}; across: {curve.x_title}, up: {curve.y_title}")


def _show_protocol(protocol: Protocol, *, default: bool) -> None:
    print(f"{protocol.full_name}{' (default)' if default else ''}")
    print(_wrapped(protocol.summary, "  "))
    print(_wrapped(f"Source: {protocol.source}", "  "))
    print(f"  Explains: {TARGETS[protocol.target_rule]}")
    print(f"  Needs: {needs(protocol)}")
    print(f"  Cost of scoring a map: {cost(protocol)}")
    for name, value in settings(protocol).items():
        print(_wrapped(f"{name} = {value}", "    "))


def _show_figure(figure: Figure, where: str = "") -> None:
    kind = ", ".join(part for part in (figure.unit, figure.better and f"{figure.better} is better") if part)
    print(f"  {figure.key}{f' ({kind})' if kind else ''}: {figure.title}")
    print(_wrapped(f"{figure.summary}{where}", "    "))


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def list_classifiers(options: argparse.Namespace) -> None:
    if options.name is not None and options.compatibility:
        print_compatibility(options.name, options.weights, options.size)
        return
    if options.name is None:
        for builtin in BUILTIN_CLASSIFIERS:
            named = f"{builtin.library}:{builtin.architecture}"
            print(f"{builtin.key}: {builtin.title} ({named}), {builtin.weights_file}")
        return
    architecture = find_classifier(options.name).architecture
    description = describe_architecture(architecture.library, architecture.name)
    print(f"{architecture} ({description['family']}), {description['classes']} classes")
    for layer in description["layers"]:
        mark = "  (default)" if layer["name"] == description["default_layer"] else ""
        size = f"{layer['channels']} × {layer['height']} × {layer['width']}"
        print(f"  {layer['name']}: {layer['kind']}, {size}{mark}")
