"""Markdown tables of benchmarks, each with the machine, the date and the command that made it."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

from saliency_core.lazy import torch
from saliency_core.provenance import device_name

Row = Sequence[object]


def markdown(title: str, headings: Sequence[str], rows: Sequence[Row], device: str = "cpu") -> str:
    """A section: title, circumstances, table. Headings that begin with ">" are of columns of figures."""
    lines = [
        f"## {title}",
        "",
        circumstances(device),
        "",
        _line([heading.removeprefix(">") for heading in headings]),
        _line(["---:" if heading.startswith(">") else "---" for heading in headings]),
        *(_line([str(cell) for cell in row]) for row in rows),
    ]
    return "\n".join(lines) + "\n"


def circumstances(device: str = "cpu") -> str:
    """One line: what was run, where and when."""
    name = device_name(torch.device(device))
    module = getattr(sys.modules["__main__"], "__spec__", None)
    command = shlex.join(["python", "-m", module.name if module else sys.argv[0], *sys.argv[1:]])
    return (
        f"{date.today()}, {name}, {torch.get_num_threads()} threads, Python {platform.python_version()}, "
        f"torch {version('torch')}: `{command}`"
    )


def write(path: Path | None, text: str) -> None:
    """Writes the section to a file, where one was asked for."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
