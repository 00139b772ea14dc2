"""Options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.loading import load_classifier
from saliency_core.classifiers.preprocessing import INTERPOLATIONS
from saliency_core.cli.progress import ProgressBar
from saliency_core.enhancement.cli_options import add_enhancement_options
from saliency_core.errors import ParameterError


def whole_number(minimum: int) -> Callable[[str], int]:
    """An argparse type: a whole number of at least ``minimum``."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if number < minimum:
            raise argparse.ArgumentTypeError(f"must be at least {minimum}, not {number}")
        return number

    return parse


def three_numbers(text: str) -> tuple[float, float, float]:
    """An argparse type: three numbers separated by commas."""
    try:
        red, green, blue = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not three numbers separated by commas") from None
    return red, green, blue


def add_model_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model",
        required=True,
        metavar="NAME",
        help="built-in classifier, or torchvision or timm architecture",
    )
    group.add_argument("--weights", metavar="FILE", help="safetensors file or state dict (.pt, .pth)")
    group.add_argument(
        "--weights-folder", action="append", default=[], metavar="DIR", help="where built-in weights are kept"
    )
    group.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:N")
    group.add_argument("--mean", type=three_numbers, metavar="R,G,B", help="mean of RGB in [0, 1]")
    group.add_argument(
        "--std", type=three_numbers, metavar="R,G,B", help="standard deviation of RGB in [0, 1]"
    )
    group.add_argument("--interpolation", choices=INTERPOLATIONS, help="how images are resized")


def add_method_options(parser: argparse.ArgumentParser) -> None:
    """--method, --set and --quick, and those of the enhancement."""
    group = parser.add_argument_group("method")
    group.add_argument(
        "--method",
        required=True,
        action="append",
        dest="methods",
        metavar="KEY",
        help="see the command methods; may be given several times; all: every one that applies",
    )
    group.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="KEY=VALUE",
        help="a parameter of each of the methods that has it; METHOD.KEY=VALUE is for one of them",
    )
    group.add_argument(
        "--quick", action="store_true", help="cheaper parameters where a method has them (see methods KEY)"
    )
    add_enhancement_options(parser)


def given_settings(options: argparse.Namespace) -> dict[str, str]:
    """What --set says, as it stands. Raises ParameterError."""
    settings = {}
    for item in options.settings:
        key, separator, value = item.partition("=")
        if not separator:
            raise ParameterError(f"--set takes KEY=VALUE; got {item!r}.")
        settings[key.strip()] = value.strip()
    return settings


def chosen_classifier(options: argparse.Namespace) -> Classifier:
    with ProgressBar("Fetching weights", unit="B") as bar:
        classifier = load_classifier(
            options.model,
            weights=options.weights,
            device=options.device,
            weights_folders=[Path(folder) for folder in options.weights_folder],
            on_progress=bar.show,
        )
    given = {key: getattr(options, key) for key in ("mean", "std", "interpolation")}
    classifier.preprocessing = replace(
        classifier.preprocessing, **{key: value for key, value in given.items() if value is not None}
    )
    return classifier
