"""How compared results are named and drawn: the method's colour, and whatever tells results apart in the name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from webapp.benchmarks.looks import PATTERNS, Look, method_looks
from webapp.benchmarks.methods import title_of
from webapp.comparisons.choice import Measured

_COLOURS = 8


def result_looks(measured: Sequence[Measured]) -> list[Look]:
    """A look for each result, in their order; no two have the same colour and line, and no two the same title."""
    plain = method_looks({"methods": [each.chosen.method for each in measured]})
    taken: set[tuple[int, str]] = set()
    found = []
    for position, (look, title) in enumerate(zip(plain, result_titles(measured), strict=True)):
        colour, dash = _free(look, taken)
        taken.add((colour, dash))
        found.append(Look(position, look.key, title, colour, dash))
    return found


def _free(look: Look, taken: set[tuple[int, str]]) -> tuple[int, str]:
    """The look's own colour and line unless another result has it: then another line, then another colour."""
    for further in range(_COLOURS):
        colour = (look.colour - 1 + further) % _COLOURS + 1
        for dash in (look.dash, *PATTERNS):
            if (colour, dash) not in taken:
                return colour, dash
    return look.colour, look.dash


def result_titles(measured: Sequence[Measured]) -> list[str]:
    """ "VGG19 · Grad-CAM": the method, and before it those of model, data set and protocol that are not all the same;
    where two are still alike, the parameters that tell them apart, and at last the benchmark's number.
    """
    titles = [title_of(each.chosen.method) for each in measured]
    for part in _PARTS:
        values = [part(each) for each in measured]
        if len(set(values)) > 1:
            titles = [f"{value} · {title}" for value, title in zip(values, titles, strict=True)]
    for alike in _alike(titles):
        looks = method_looks({"methods": [measured[place].chosen.method for place in alike]})
        own = [title_of(measured[place].chosen.method) for place in alike]
        for number, (place, look, name) in enumerate(zip(alike, looks, own, strict=True)):
            details = look.title.removeprefix(name)
            # A bare number says nothing: it means that the parameters are the same.
            titles[place] += "" if details == f" ({number + 1})" else details
    for alike in _alike(titles):
        for place in alike:
            titles[place] += f" (#{measured[place].benchmark.pk})"
    for alike in _alike(titles):
        for place in alike:
            titles[place] += f" [{place + 1}]"
    return titles


_PARTS: tuple[Callable[[Measured], str], ...] = (
    lambda each: each.experiment.protocol.full_name,
    lambda each: each.benchmark.specification["dataset"]["name"],
    lambda each: each.benchmark.specification["classifier"]["name"],
)


def _alike(titles: Sequence[str]) -> list[list[int]]:
    """The places of titles that occur more than once."""
    places: dict[str, list[int]] = {}
    for place, title in enumerate(titles):
        places.setdefault(title, []).append(place)
    return [found for found in places.values() if len(found) > 1]
