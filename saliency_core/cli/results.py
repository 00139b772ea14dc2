"""What the command benchmark leaves behind: one table, or a folder with everything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from saliency_core.experiments.result import Result
from saliency_core.output.files import write_rows
from saliency_core.output.folder import write_folder
from saliency_core.output.summarised import summarised
from saliency_core.output.tables import unit_rows
from saliency_core.output.text import results_text
from saliency_core.statistics.intervals import IntervalMethod


def one_file(path: Path) -> bool:
    """Whether --out names a table rather than a folder."""
    return path.suffix.lower() == ".csv"


def write_results(
    results: Sequence[Result], path: Path, interval: IntervalMethod = "percentile", *, as_file: bool
) -> str:
    """Write the table of the only result to the file ``path``, or everything to the folder; the report."""
    found = summarised(results, method=interval)
    if as_file:
        write_rows(path, unit_rows(results[0].columns))
        return results_text(found)
    return write_folder(found, path)
