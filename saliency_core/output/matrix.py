"""Results arranged in rows and columns, whatever the table is written as."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from saliency_core.errors import ParameterError, suggestion
from saliency_core.experiments.figures import Figure
from saliency_core.output.axes import AXES, PROTOCOL_BUT_TARGET, Axis, joined_labels, labels
from saliency_core.output.numbers import shown
from saliency_core.output.summarised import Summarised
from saliency_core.statistics.intervals import Interval

FIGURE = "figure"
Level = str | tuple[str, ...]
"""An axis, or several in one heading: ("target", "enhancement") gives "Target + enhancement"."""


@dataclass(frozen=True)
class Cell:
    """A figure of the result with the position ``number`` in the list that the matrix was made of."""

    number: int
    figure: Figure
    interval: Interval
    best: bool = False
    second: bool = False


@dataclass(frozen=True)
class Heading:
    """One label a level; ``figure`` where one of the levels names the figure."""

    labels: tuple[str, ...]
    figure_key: str = ""
    # Figures are made anew for every result, so equal ones are not the same object.
    figure: Figure | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Matrix:
    """``cells``: one list a row, one cell a column, None where nothing was measured."""

    row_levels: tuple[str, ...]
    column_levels: tuple[str, ...]
    figure_level: tuple[str, int] | None
    """("rows" or "columns", the level) that names figures."""
    rows: tuple[Heading, ...]
    columns: tuple[Heading, ...]
    cells: tuple[tuple[Cell | None, ...], ...]


def matrix(
    results: Sequence[Summarised],
    figures: Sequence[str] | None = None,
    rows: Sequence[Level] = (("method", "enhancement"),),
    columns: Sequence[Level] = (FIGURE,),
    *,
    best_over: Sequence[str] = ("method",),
    figure_titles: Mapping[str, str] | None = None,
) -> Matrix:
    """Results in rows and columns by "model", "method", "enhancement", "dataset", "protocol", "target" (the
    class explained) and "figure", in the order in which they come.

    ``figures``: keys, by default the experiment's own. The best (and second best) is marked among cells that
    differ in nothing but the axes ``best_over``, as the digits shown say; ties share the mark. Raises
    ParameterError where the results differ in something that the table does not show: figures of two
    protocols or data sets never stand in one column without saying so.
    """
    if not results:
        raise ParameterError("There are no results for a table.")
    row_levels, column_levels = _levels(rows), _levels(columns)
    named = [key for level in (*row_levels, *column_levels) for key in level]
    _check(named, results)
    own = [figure.key for figure in results[0].result.experiment.figures()]
    keys = list(figures) if figures is not None else own
    if not keys:
        raise ParameterError("A table needs at least one figure.")
    if FIGURE not in named and len(keys) > 1:
        raise ParameterError("Several figures need 'figure' as rows or columns.")
    entries = [(number, each.figure(key)) for number, each in enumerate(results) for key in keys]
    titles = figure_titles or {}
    across = _headings(column_levels, entries, results, titles)
    down = _headings(row_levels, entries, results, titles)
    placed: dict[tuple[Heading, Heading], Cell] = {}
    for entry, row, column in zip(entries, down, across, strict=True):
        number, figure = entry
        if (row, column) in placed:
            raise ParameterError(
                f"Two results would share a cell ({', '.join((*row.labels, *column.labels))}); are they the same?"
            )
        placed[row, column] = Cell(number, figure, results[number].interval(figure.key))
    marked = _marked(list(placed.values()), results, best_over)
    cells = dict(zip(placed, marked, strict=True))
    row_order, column_order = _ordered(down), _ordered(across)
    return Matrix(
        tuple(_title(level) for level in row_levels),
        tuple(_title(level) for level in column_levels),
        _figure_level(row_levels, column_levels),
        tuple(row_order),
        tuple(column_order),
        tuple(tuple(cells.get((row, column)) for column in column_order) for row in row_order),
    )


def _levels(given: Sequence[Level]) -> list[tuple[str, ...]]:
    return [(level,) if isinstance(level, str) else tuple(level) for level in given]


def _title(level: tuple[str, ...]) -> str:
    return "" if level == (FIGURE,) else AXES[level[0]].title


def _figure_level(
    rows: Sequence[tuple[str, ...]], columns: Sequence[tuple[str, ...]]
) -> tuple[str, int] | None:
    for place, levels in (("rows", rows), ("columns", columns)):
        if (FIGURE,) in levels:
            return place, list(levels).index((FIGURE,))
    return None


def _check(named: Sequence[str], results: Sequence[Summarised]) -> None:
    known = {*AXES, FIGURE}
    for key in named:
        if key not in known:
            raise ParameterError(
                f"A table has no axis {key!r}; there are {', '.join(sorted(known))}.{suggestion(key, known)}"
            )
    for axis in _axes("target" in named):
        values = {axis.identity(each.result) for each in results}
        if len(values) > 1 and axis.key not in named:
            names = sorted(set(labels(AXES[axis.key], [each.result for each in results])))
            raise ParameterError(
                f"The results differ in their {axis.title.lower()} ({'; '.join(names)}), which the table does "
                f"not show: name {axis.key!r} as rows or columns, or choose among the results."
            )


def _axes(with_target: bool) -> list[Axis]:
    """The axes that must be shown where results differ in them."""
    if with_target:
        return [PROTOCOL_BUT_TARGET if axis.key == "protocol" else axis for axis in AXES.values()]
    return [axis for axis in AXES.values() if axis.key != "target"]


def _headings(
    levels: Sequence[tuple[str, ...]],
    entries: Sequence[tuple[int, Figure]],
    results: Sequence[Summarised],
    titles: Mapping[str, str],
) -> list[Heading]:
    """The heading of each entry along one side of the table."""
    everything = [each.result for each in results]
    parts: list[list[str]] = []
    for level in levels:
        if level == (FIGURE,):
            parts.append([titles.get(figure.key, figure.title) for _, figure in entries])
        elif FIGURE in level:
            raise ParameterError("The figure is a heading of its own.")
        else:
            names = joined_labels([AXES[key] for key in level], everything)
            parts.append([names[number] for number, _ in entries])
    own = (FIGURE,) in levels
    return [
        Heading(tuple(part[position] for part in parts), *((figure.key, figure) if own else ()))
        for position, (_, figure) in enumerate(entries)
    ]


def _ordered(headings: Sequence[Heading]) -> list[Heading]:
    """Each once; by the first appearance of the outermost label, then the next, so that groups hold."""
    ranks: list[dict[str, int]] = [{} for _ in headings[0].labels]
    for heading in headings:
        for level, label in enumerate(heading.labels):
            ranks[level].setdefault(label, len(ranks[level]))
    distinct = list(dict.fromkeys(headings))
    return sorted(distinct, key=lambda item: tuple(ranks[n][label] for n, label in enumerate(item.labels)))


def _marked(cells: Sequence[Cell], results: Sequence[Summarised], over: Sequence[str]) -> list[Cell]:
    """The cells with the best and second best of each group marked."""
    held = [axis for axis in AXES.values() if axis.key not in over]
    groups: dict[Hashable, list[Cell]] = {}
    identities: list[Hashable] = []
    for cell in cells:
        result = results[cell.number].result
        identity = (cell.figure.key, *(axis.identity(result) for axis in held))
        identities.append(identity)
        groups.setdefault(identity, []).append(cell)
    ranked = {identity: _ranking(group) for identity, group in groups.items()}
    return [
        replace(
            cell,
            best=_value(cell) is not None and _value(cell) in ranked[identity][:1],
            second=_value(cell) is not None and _value(cell) in ranked[identity][1:2],
        )
        for cell, identity in zip(cells, identities, strict=True)
    ]


def _ranking(cells: Sequence[Cell]) -> list[float]:
    """The distinct values as shown, the best first; none where nothing is better or there is one cell."""
    better = cells[0].figure.better
    if not better or len(cells) < 2:
        return []
    values: set[Any] = {_value(cell) for cell in cells} - {None}
    return sorted(values, reverse=better == "higher")


def _value(cell: Cell) -> float | None:
    if cell.interval.value is None:
        return None
    return float(shown(cell.interval.value, cell.figure.unit))
