"""Entry point: arguments in, exit code out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from saliency_core import __version__
from saliency_core.cli import (
    benchmark,
    centre_point,
    curves,
    dataset,
    explain,
    lists,
    methods,
    report,
    sanity_strip,
    shapes,
)
from saliency_core.errors import SaliscopeError

EXIT_OK, EXIT_ERROR, EXIT_INTERRUPTED = 0, 1, 130  # a wrong command line exits with argparse's 2


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m saliency_core",
        description="Saliency maps of image classifiers: make them and measure them.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (
        explain,
        benchmark,
        report,
        curves,
        sanity_strip,
        methods,
        lists,
        dataset,
        shapes,
        centre_point,
    ):
        command.add_commands(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. 0: done; 1: something the message on stderr explains; 2: wrong usage; 130: stopped by
    Ctrl-C.
    """
    options = build_parser().parse_args(arguments)
    try:
        options.run(options)
        sys.stdout.flush()
    except SaliscopeError as error:
        print(f"Error: {error}", file=sys.stderr)
        return EXIT_ERROR
    except BrokenPipeError:
        # The reader (head, less) has enough; give the interpreter somewhere to flush to at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except OSError as error:
        print(f"Error: {error}", file=sys.stderr)
        return EXIT_ERROR
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return EXIT_INTERRUPTED
    return EXIT_OK
