"""The commands experiments and classifiers: what there is."""

from __future__ import annotations

import argparse
from typing import Any

from saliency_core.classifiers.catalogue import BUILTIN_CLASSIFIERS
from saliency_core.classifiers.describe import describe_architecture
from saliency_core.classifiers.loading import find_classifier
from saliency_core.experiments.base import experiment_descriptions


def add_commands(commands: Any) -> None:
    commands.add_parser("experiments", help="list the experiments and their protocols").set_defaults(
        run=list_experiments
    )
    parser: argparse.ArgumentParser = commands.add_parser(
        "classifiers", help="list the built-in classifiers, or the layers of an architecture"
    )
    parser.add_argument("name", nargs="?", help="built-in classifier, or torchvision or timm architecture")
    parser.set_defaults(run=list_classifiers)


def list_experiments(options: argparse.Namespace) -> None:
    for experiment in experiment_descriptions():
        print(f"{experiment.key}: {experiment.title}. {experiment.summary}")
        for protocol in experiment.protocols:
            print(f"  {protocol.name}: {protocol.summary} ({protocol.source})")


def list_classifiers(options: argparse.Namespace) -> None:
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
