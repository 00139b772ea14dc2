"""Errors whose message is meant for the person at the screen: what is wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class SaliscopeError(Exception):
    """Base of all errors that a user can do something about; the message is shown as it is."""


class WeightsError(SaliscopeError):
    """A weights file is missing, unreadable, or does not fit the architecture."""


class UnsafeFileError(WeightsError):
    """A model file would have to run code to be opened, and is therefore refused."""


class ArchitectureError(SaliscopeError):
    """No architecture of that name is known."""


class LayerError(SaliscopeError):
    """The classifier has no such layer, or the layer cannot be explained."""


class ParameterError(SaliscopeError):
    """A parameter is unknown or its value is not allowed."""


class DatasetError(SaliscopeError):
    """A data set cannot be opened."""


class ImageError(SaliscopeError):
    """One image cannot be read."""


class Interrupted(Exception):
    """Raised by a progress callback to stop the work; passes through the library untouched."""


def suggestion(word: str, known: Iterable[str], count: int = 3) -> str:
    """A sentence " Did you mean …?" naming the closest known words, or an empty string."""
    matches = get_close_matches(word, list(known), n=count, cutoff=0.5)
    return f" Did you mean {' or '.join(repr(match) for match in matches)}?" if matches else ""
