"""How compared results are named and drawn: the method's colour, and whatever tells results apart in the name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from webapp.benchmarks.looks import PATTERNS, Look, method_looks
from webapp.comparisons.choice import Measured

_COLOURS = 8
_Part = Callable[[Measured], str]


def result_looks(measured: Sequence[Measured]) -> list[Look]:
    """A look for each result, in their order; no two have the same colour and line, and no two the same title."""
    plain = method_looks({"methods": [each.chosen.method for each in measured]})
    titles = _titles(measured, [look.title for look in plain])
    taken: set[tuple[int, str]] = set()
    found = []
    for position, (look, title) in enumerate(zip(plain, titles, strict=True)):
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


def _titles(measured: Sequence[Measured], names: Sequence[str]) -> list[str]:
    """ "VGG19 · Grad-CAM": the method, and before it those of model, data set and protocol that are not all the same;
    the benchmark's number where two are still alike.
    """
    parts: tuple[_Part, ...] = (
        lambda each: each.experiment.protocol.full_name,
        lambda each: each.benchmark.specification["dataset"]["name"],
        lambda each: each.benchmark.specification["classifier"]["name"],
    )
    plain = _without_numbers(measured, names)
    for part in parts:
        values = [part(each) for each in measured]
        if len(set(values)) > 1:
            plain = [f"{value} · {name}" for value, name in zip(values, plain, strict=True)]
    counts = Counter(plain)
    numbered = [
        f"{name} (#{each.benchmark.pk})" if counts[name] > 1 else name
        for each, name in zip(measured, plain, strict=True)
    ]
    again = Counter(numbered)
    return [f"{name} [{position + 1}]" if again[name] > 1 else name for position, name in enumerate(numbered)]


def _without_numbers(measured: Sequence[Measured], names: Sequence[str]) -> list[str]:
    """Names without the numbers that methods of one name and the same parameters were given."""
    return [
        name.removesuffix(f" ({position + 1})")
        for position, (_each, name) in enumerate(zip(measured, names, strict=True))
    ]
