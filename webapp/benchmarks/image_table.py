"""The table of a benchmark's images: sorted by any figure, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.translation import gettext_lazy as _

from saliency_core.experiments.columns import Columns

PAGE_SIZE = 25
COLUMNS = (
    ("image", _("Image")),
    ("class", _("Class")),
    ("probability", _("Probability")),
    ("insertion_auc", _("Insertion")),
    ("deletion_auc", _("Deletion")),
    ("overall", _("Overall")),
)
"""What the table shows: key of the sorting, title."""
NAMES = frozenset({"image", "class"})
DEFAULT_SORT = "image"


@dataclass(frozen=True)
class Heading:
    """Head of a column: `order` is the present one or None, `toggled` what a click sorts by."""

    key: str
    title: str
    order: str | None
    toggled: str

    @property
    def is_figure(self) -> bool:
        return self.key not in NAMES


@dataclass(frozen=True)
class ImageTable:
    """One page of rows; figures are fractions of 1."""

    rows: list[dict[str, Any]]
    headings: list[Heading]
    sort: str
    page: int
    pages: int
    total: int
    first: int


def image_table(columns: Columns, sort: str, page: str) -> ImageTable:
    """The page of the table that the address asks for; what it gets wrong becomes the default.

    `sort` is a column's key, with a leading "-" for descending order; equal values stay in the order of the images.
    """
    key = sort.removeprefix("-")
    if key not in dict(COLUMNS):
        sort = key = DEFAULT_SORT
    order = _order(columns, key, descending=sort.startswith("-"))
    pages = max(1, -(-len(order) // PAGE_SIZE))
    number = min(max(int(page), 1), pages) if page.isdecimal() and len(page) < 9 else 1
    first = (number - 1) * PAGE_SIZE
    rows = [_row(columns, int(place)) for place in order[first : first + PAGE_SIZE]]
    headings = [_heading(each, str(title), sort) for each, title in COLUMNS]
    return ImageTable(rows, headings, sort, number, pages, len(order), first)


def _order(columns: Columns, key: str, *, descending: bool) -> np.ndarray:
    values = _values(columns, key)
    if not descending:
        return np.argsort(values, kind="stable")
    # Sorting the reversed values and turning the result round keeps equal ones in the order of the images.
    return (len(values) - 1 - np.argsort(values[::-1], kind="stable"))[::-1]


def _values(columns: Columns, key: str) -> np.ndarray:
    if key == "image":
        return np.arange(len(columns))
    return np.asarray(columns.scalars.get("target_name" if key == "class" else key, np.zeros(len(columns))))


def _heading(key: str, title: str, sort: str) -> Heading:
    present = sort.removeprefix("-") == key
    descending = sort.startswith("-")
    order = ("descending" if descending else "ascending") if present else None
    # Figures are first asked for from the top, names from A.
    first = key if key in NAMES else f"-{key}"
    other = f"-{key}" if key in NAMES else key
    return Heading(key, title, order, other if sort == first else first)


def _row(columns: Columns, place: int) -> dict[str, Any]:
    scalars = {name: values[place].item() for name, values in columns.scalars.items()}
    label = scalars.get("label", -1)
    return {
        **scalars,
        "image": columns.images[place],
        "correct": None if label < 0 else label == scalars.get("target"),
    }
