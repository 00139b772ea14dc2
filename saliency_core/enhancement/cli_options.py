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
    group.add_argument(
        "--enhance",
        nargs="?",
        const="on",
        action="append",
        default=[],
        metavar="on|off|KEY=VALUE,…",
        help=f"{SLIDING_WINDOW.title} of the method; given several times, each is a variant: "
        "--enhance off --enhance on compares without and with",
    )
    group.add_argument(
        "--enhance-set",
        action="append",
        default=[],
        dest="enhancement_settings",
        metavar="KEY=VALUE",
        help=f"a parameter of every enhancement: {names}",
    )


def enhancements_from(arguments: argparse.Namespace) -> list[dict[str, Any] | None]:
    """Parameters of every enhancement asked for, None for a variant without; [None] where --enhance is not
    given. Raises ParameterError.
    """
    common = _settings(arguments.enhancement_settings, "--enhance-set")
    variants: list[dict[str, Any] | None] = []
    for text in arguments.enhance or ["off"]:
        if text == "off":
            variants.append(None)
        else:
            own = [] if text == "on" else text.split(",")
            variants.append(SLIDING_WINDOW.validate({**common, **_settings(own, "--enhance")}))
    if common and not any(variants):
        raise ParameterError("--enhance-set has no effect without --enhance.")
    return [variant for place, variant in enumerate(variants) if variant not in variants[:place]]


def _settings(items: list[str], option: str) -> dict[str, str]:
    settings = {}
    for item in items:
        key, separator, value = item.partition("=")
        if not separator:
            raise ParameterError(f"{option} takes KEY=VALUE; got {item!r}.")
        settings[key.strip()] = value.strip()
    return settings
