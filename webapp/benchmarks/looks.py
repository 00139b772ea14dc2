"""How a benchmark's methods are named and drawn: a colour for the method, a line style for the enhancement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from webapp.benchmarks.methods import enhancement_of, shown_enhancement, shown_parameters, title_of

_DASHES = {False: ("solid", "dot", "longdashdot"), True: ("dash", "dashdot", "longdash")}
PATTERNS = {
    "solid": "",
    "dot": "2 3",
    "longdashdot": "9 3 2 3",
    "dash": "6 3",
    "dashdot": "6 3 2 3",
    "longdash": "10 4",
}
# Methods that are often shown together come first, so that they differ.
_COLOURED = (
    "grad_cam",
    "grad_cam_plus_plus",
    "score_cam",
    "ss_cam",
    "group_cam",
    "msg_cam",
    "rise",
    "ablation_cam",
)


def method_colour(key: str) -> int:
    """The number of a method's colour token; the same for a method wherever it appears."""
    place = _COLOURED.index(key) if key in _COLOURED else sum(key.encode()) % len(_COLOURED)
    return place + 1


@dataclass(frozen=True)
class Look:
    """`colour`: number of the method's colour token; `dash`: one of Plotly's line styles."""

    index: int
    key: str
    title: str
    colour: int
    dash: str

    @property
    def pattern(self) -> str:
        """The line style as an SVG dash array."""
        return PATTERNS[self.dash]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def method_looks(specification: Mapping[str, Any]) -> list[Look]:
    """The look of each method of a specification, in its order; no two have the same."""
    methods = specification["methods"]
    titles = _titles(methods)
    seen: Counter[tuple[int, bool]] = Counter()
    found = []
    for index, (method, title) in enumerate(zip(methods, titles, strict=True)):
        colour, enhanced = (
            method_colour(method["key"]),
            enhancement_of(method) is not None,
        )
        dashes = _DASHES[enhanced]
        found.append(Look(index, method["key"], title, colour, dashes[seen[colour, enhanced] % len(dashes)]))
        seen[colour, enhanced] += 1
    return found


def _titles(methods: list[dict[str, Any]]) -> list[str]:
    """The methods' names; of several with one name, with the parameters that tell them apart."""
    names = [title_of(method) for method in methods]
    found = []
    for index, (method, name) in enumerate(zip(methods, names, strict=True)):
        alike = [methods[other] for other, its in enumerate(names) if its == name]
        if len(alike) > 1:
            details = _differences(method, alike)
            name = f"{name} ({', '.join(details)})" if details else f"{name} ({index + 1})"
        found.append(name)
    return found


def _differences(method: Mapping[str, Any], alike: list[dict[str, Any]]) -> list[str]:
    values = [{parameter.name: text for parameter, text in _all(each)} for each in alike]
    own = {parameter.name: text for parameter, text in _all(method)}
    return [f"{name} {text}" for name, text in own.items() if len({each.get(name) for each in values}) > 1]


def _all(method: Mapping[str, Any]) -> list[Any]:
    return [*shown_parameters(method), *shown_enhancement(method)]
