"""The enhancement on the command line."""

from __future__ import annotations

import argparse
from typing import Any

from saliency_core.enhancement.description import SLIDING_WINDOW
from saliency_core.errors import ParameterError


def add_enhancement_options(parser: argparse.ArgumentParser) -> None:
    """Adds --enhance and --enhance-set to the parser."""
    names = ", ".join(
        f"{parameter.name} ({parameter.kind}, default {parameter.default})"
        for parameter in SLIDING_WINDOW.parameters
    )
    group = parser.add_argument_group("enhancement")
    group.add_argument("--enhance", action="store_true", help=f"{SLIDING_WINDOW.title} of the method")
    group.add_argument(
        "--enhance-set",
        action="append",
        default=[],
        dest="enhancement_settings",
        metavar="KEY=VALUE",
        help=f"a parameter of the enhancement: {names}",
    )


def enhancement_from(arguments: argparse.Namespace) -> dict[str, Any] | None:
    """Parameters of the enhancement, or None where --enhance is not given. Raises ParameterError."""
    settings = {}
    for item in arguments.enhancement_settings:
        key, separator, value = item.partition("=")
        if not separator:
            raise ParameterError(f"--enhance-set takes KEY=VALUE; got {item!r}.")
        settings[key.strip()] = value.strip()
    if not arguments.enhance:
        if settings:
            raise ParameterError("--enhance-set has no effect without --enhance.")
        return None
    return SLIDING_WINDOW.validate(settings)
