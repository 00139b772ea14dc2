"""The table of a benchmark's images under one experiment: narrowed, sorted by any figure, a page at a time.

With one method its columns are the experiment's figures; with several they are the methods, for one of the figures,
and how far the methods disagree.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
from django.utils.translation import gettext as _

from saliency_core.experiments.columns import Columns
from saliency_core.experiments.figures import Figure

PAGE_SIZE = 25
MOST_FIGURES = 5
NAMES = frozenset({"image", "class"})
DEFAULT_SORT = "image"
DISAGREEMENT = "disagreement"
KEPT_BYTES = 48_000_000
MOST_SIGNS = 200

_kept: OrderedDict[Any, Units] = OrderedDict()
_kept_lock = Lock()


@dataclass(frozen=True)
class Column:
    """A column of figures: `key` of the sorting; `method`: index, None where it is of all methods."""

    key: str
    title: str
    unit: str
    method: int | None


@dataclass(frozen=True)
class Units:
    """Every image, or class in an image, that any method has figures of, in the order of the data set.

    `values` float32 [columns, units]: NaN where a method has none.
    """

    images: list[str]
    class_names: npt.NDArray[Any]
    targets: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float32]
    degenerate: npt.NDArray[np.bool_]
    values: npt.NDArray[np.float32]
    columns: tuple[Column, ...]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> int:
        """Bytes, roughly."""
        return self.values.nbytes + self.class_names.nbytes + 120 * len(self)


@dataclass(frozen=True)
class Heading:
    """Head of a column: `order` is the present one or None, `toggled` what a click sorts by."""

    key: str
    title: str
    unit: str
    order: str | None
    toggled: str
    method: int | None = None

    @property
    def is_figure(self) -> bool:
        return self.key not in NAMES


@dataclass(frozen=True)
class ImageTable:
    """One page of rows. `find` and `class_name`: what it is narrowed to, empty where it is not."""

    rows: list[dict[str, Any]]
    headings: list[Heading]
    sort: str
    page: int
    pages: int
    total: int
    first: int
    sorted_column: str
    find: str
    class_name: str

    @property
    def is_narrowed(self) -> bool:
        return bool(self.find or self.class_name)


def kept_units(key: Any, parts: Any) -> Units:
    """The units under that key, made by `parts()` unless this process has them."""
    with _kept_lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    made: Units = parts()
    with _kept_lock:
        _kept[key] = made
        while len(_kept) > 1 and sum(each.size for each in _kept.values()) > KEPT_BYTES:
            _kept.popitem(last=False)
    return made


def units_of(
    parts: Mapping[int, Columns], titles: Sequence[str], figures: Sequence[Figure], chosen: Figure
) -> Units:
    """The units of all methods. `parts`: columns by method index; `titles`: of all methods."""
    keys = unit_keys(parts)
    every = np.unique(np.concatenate([*keys.values(), np.empty(0, np.int64)])).astype(np.int64)
    single = len(titles) == 1
    columns: list[Column] = []
    values: list[npt.NDArray[np.float32]] = []
    for figure in figures[:MOST_FIGURES] if single else (chosen,):
        for method in range(len(titles)):
            title = _(figure.title) if single else titles[method]
            columns.append(Column(figure.key if single else f"m{method}", title, figure.unit, method))
            values.append(_spread(every, keys.get(method), _values(parts.get(method), figure)))
    if not single:
        stacked = np.stack(values) if values else np.empty((0, len(every)))
        columns.append(Column(DISAGREEMENT, _("Disagreement"), chosen.unit, None))
        values.append(_range(stacked))
    return Units(
        columns=tuple(columns),
        values=np.stack(values) if values else np.empty((0, len(every)), np.float32),
        **_facts(every, keys, parts),
    )


def unit_keys(parts: Mapping[int, Columns]) -> dict[int, npt.NDArray[np.int64]]:
    """By method a number for each of its units, the same for all methods: the image and, where classes of the data set
    are explained, which of them it is. Two models may have outputs for different classes of an image.
    """
    named = {method: columns.scalars.get("annotated_class") for method, columns in parts.items()}
    names = np.unique(
        np.concatenate([np.empty(0, np.str_), *(each for each in named.values() if each is not None)])
    )
    keys = {}
    for method, columns in parts.items():
        classes = named[method]
        place = 0 if classes is None else np.searchsorted(names, classes)
        keys[method] = np.asarray(columns.indices * max(1, len(names)) + place, dtype=np.int64)
    return keys


def _values(columns: Columns | None, figure: Figure) -> npt.NDArray[np.float32]:
    if columns is None or not len(columns):
        return np.empty(0, np.float32)
    if figure.key in columns.scalars:
        return np.asarray(columns.scalars[figure.key], dtype=np.float32)
    table = figure.table(columns)
    if table.shape[0] != len(columns):
        return np.full(len(columns), np.nan, np.float32)
    return np.asarray(figure.image_values(table), dtype=np.float32)


def _spread(
    every: npt.NDArray[np.int64], keys: npt.NDArray[np.int64] | None, values: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """The values at the places of their units."""
    found = np.full(len(every), np.nan, np.float32)
    if keys is not None and len(keys):
        found[np.searchsorted(every, keys)] = values
    return found


def _range(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The difference between the highest and the lowest value of each unit; NaN with fewer than two."""
    known = np.isfinite(values)
    high = np.where(known, values, -np.inf).max(0, initial=-np.inf)
    low = np.where(known, values, np.inf).min(0, initial=np.inf)
    enough = known.sum(0) > 1
    return np.where(enough, np.where(enough, high, 0) - np.where(enough, low, 0), np.nan).astype(np.float32)


def _facts(
    every: npt.NDArray[np.int64], keys: Mapping[int, npt.NDArray[np.int64]], parts: Mapping[int, Columns]
) -> dict[str, Any]:
    """What is known of each unit from the first method that has it; `degenerate`: for any method."""
    images = [""] * len(every)
    names = np.full(len(every), "", dtype=object)
    targets, labels = np.full(len(every), -1), np.full(len(every), -1)
    probabilities = np.full(len(every), np.nan, np.float32)
    degenerate = np.zeros(len(every), dtype=np.bool_)
    seen = np.zeros(len(every), dtype=np.bool_)
    for method, columns in parts.items():
        places = np.searchsorted(every, keys[method])
        degenerate[places] |= np.asarray(columns.scalars.get("degenerate", np.zeros(len(columns), np.bool_)))
        fresh = ~seen[places]
        at = places[fresh]
        for place, row in zip(at, np.flatnonzero(fresh), strict=True):
            images[place] = columns.images[row]
        scalars = columns.scalars
        targets[at] = _scalar(scalars, "target", columns)[fresh]
        labels[at] = _scalar(scalars, "label", columns)[fresh]
        probabilities[at] = np.asarray(scalars.get("probability", np.full(len(columns), np.nan)))[fresh]
        named = scalars.get("annotated_class", scalars.get("target_name"))
        texts = _scalar(scalars, "target", columns).astype(str) if named is None else named
        names[at] = np.asarray(texts)[fresh]
        seen[at] = True
    return {
        "images": images,
        "class_names": names.astype(np.str_) if len(names) else np.empty(0, np.str_),
        "targets": targets.astype(np.int64),
        "labels": labels.astype(np.int64),
        "probabilities": probabilities,
        "degenerate": degenerate,
    }


def _scalar(scalars: Mapping[str, Any], name: str, columns: Columns) -> npt.NDArray[np.int64]:
    return np.asarray(scalars.get(name, np.full(len(columns), -1)), dtype=np.int64)


# --- a page of it --------------------------------------------------------------------------------------------


def image_table(units: Units, sort: str, page: str, find: str = "", class_name: str = "") -> ImageTable:
    """The page of the table that the address asks for; what it gets wrong becomes the default.

    `sort` is a column's key, with a leading "-" for descending order; equal values stay in the order of the images,
    and units without a value come last. `find`: a part of the image's name or of its class; `class_name`: the class.
    """
    find, class_name = find.strip()[:MOST_SIGNS], class_name[:MOST_SIGNS]
    with_probability = bool(np.isfinite(units.probabilities).any())
    plain = [Column("image", _("Image"), "", None), Column("class", _("Class"), "", None)]
    plain += [Column("probability", _("Probability"), "percent", None)] if with_probability else []
    every = [*plain, *units.columns]
    key = sort.removeprefix("-")
    if key not in {column.key for column in every}:
        sort = key = DEFAULT_SORT
    order = _order(_sorted_values(units, key), descending=sort.startswith("-"))
    if find or class_name:
        order = order[_is_meant(units, find.lower(), class_name)[order]]
    pages = max(1, -(-len(order) // PAGE_SIZE))
    number = min(max(int(page), 1), pages) if page.isdecimal() and len(page) < 9 else 1
    first = (number - 1) * PAGE_SIZE
    rows = [_row(units, int(place)) for place in order[first : first + PAGE_SIZE]]
    headings = [_heading(each, sort) for each in every]
    return ImageTable(rows, headings, sort, number, pages, len(order), first, key, find, class_name)


def _is_meant(units: Units, find: str, class_name: str) -> npt.NDArray[np.bool_]:
    meant = np.ones(len(units), dtype=np.bool_)
    if class_name:
        meant &= units.class_names == class_name
    if find:
        names = zip(units.images, units.class_names.tolist(), strict=True)
        meant &= np.fromiter(
            (find in image.lower() or find in label.lower() for image, label in names), np.bool_, len(units)
        )
    return meant


def _sorted_values(units: Units, key: str) -> npt.NDArray[Any]:
    if key == "image":
        return np.arange(len(units))
    if key == "class":
        return units.class_names
    if key == "probability":
        return units.probabilities
    place = next(number for number, column in enumerate(units.columns) if column.key == key)
    return units.values[place]


def _order(values: npt.NDArray[Any], *, descending: bool) -> npt.NDArray[np.int64]:
    # argsort puts NaN last.
    if not descending:
        return np.argsort(values, kind="stable")
    if values.dtype.kind == "f":
        return np.argsort(-values, kind="stable")
    # Sorting the reversed values and turning the result round keeps equal ones in the order of the images.
    return (len(values) - 1 - np.argsort(values[::-1], kind="stable"))[::-1]


def _heading(column: Column, sort: str) -> Heading:
    present = sort.removeprefix("-") == column.key
    descending = sort.startswith("-")
    order = ("descending" if descending else "ascending") if present else None
    # Figures are first asked for from the top, names from A.
    named = column.key in NAMES
    first = column.key if named else f"-{column.key}"
    other = f"-{column.key}" if named else column.key
    return Heading(
        column.key, column.title, column.unit, order, other if sort == first else first, column.method
    )


def _row(units: Units, place: int) -> dict[str, Any]:
    label, target = int(units.labels[place]), int(units.targets[place])
    probability = float(units.probabilities[place])
    return {
        "image": units.images[place],
        "class_name": str(units.class_names[place]),
        "target": target,
        "probability": probability if np.isfinite(probability) else None,
        "degenerate": bool(units.degenerate[place]),
        "correct": None if label < 0 else label == target,
        "cells": [
            {
                "column": column,
                "value": float(value) if np.isfinite(value) else None,
            }
            for column, value in zip(units.columns, units.values[:, place], strict=True)
        ],
    }
