"""What a method's page says: all of it from the method's own description in saliency_core."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from saliency_core.cli.methods import definition
from saliency_core.descriptions import USUAL_CHANNELS, Cost, MethodDescription, Parameter
from saliency_core.enhancement.description import SLIDING_WINDOW
from saliency_core.methods.applicability import NEEDS
from saliency_core.methods.registry import method_description, methods_by_family
from webapp.accounts.models import User
from webapp.benchmarks.form_choices import FAMILIES
from webapp.benchmarks.presets import preset_choices, presets_of, settled_parameters
from webapp.benchmarks.suitability import why_not_applicable
from webapp.help.texts import as_html
from webapp.library.models import Classifier
from webapp.library.selectors import classifiers_for

ENHANCEMENT = SLIDING_WINDOW
MOST_MODELS = 100


@dataclass(frozen=True)
class ParameterRow:
    """`default` and `bounds` as a reader expects them; `bounds` is empty where anything goes."""

    parameter: Parameter
    default: str
    bounds: str

    @classmethod
    def of(cls, parameter: Parameter) -> ParameterRow:
        if parameter.kind == "boolean":
            default = _("yes") if parameter.default else _("no")
        elif parameter.kind == "layer" and parameter.default is None:
            default = _("the model's own")
        elif parameter.kind == "choice":
            default = _(str(parameter.default))
        else:
            default = parameter.text(parameter.default)
        return cls(parameter, default, _bounds(parameter))


@dataclass(frozen=True)
class Preset:
    """A named setting: the values in which presets differ, in the order of `MethodPage.preset_parameters`."""

    title: str
    values: list[str]


@dataclass(frozen=True)
class Suitability:
    """A model of the reader's, and why the method can't explain it; "" if it can."""

    classifier: Classifier
    reason: str


@dataclass(frozen=True)
class MethodPicture:
    """A photograph and maps of it in a row: a static file, and the model and class of each map."""

    file: str
    maps: list[tuple[str, str]]


@dataclass(frozen=True)
class MethodPage:
    """`definition`: with the equation, HTML."""

    key: str
    title: str
    summary: str
    paper: str
    family: str
    needs: list[str]
    definition: SafeString
    picture: MethodPicture | None
    parameters: list[ParameterRow]
    preset_parameters: list[Parameter]
    presets: list[Preset]
    cost: Cost | None
    channels: int
    models: list[Suitability]


def methods_by_title() -> list[tuple[str, list[MethodDescription]]]:
    """All methods, by family, as lists show them."""
    groups: dict[str, list[MethodDescription]] = {family: [] for family in FAMILIES}
    for description in methods_by_family():
        groups[description.family].append(description)
    return [(str(FAMILIES[family]), methods) for family, methods in groups.items() if methods]


def method_page(key: str, user: User | AnonymousUser) -> MethodPage:
    """The page of a method or, under its key, of the enhancement. Raises SaliscopeError for an unknown key."""
    if key == ENHANCEMENT.key:
        return _enhancement_page()
    method = method_description(key)
    named = presets_of(method)
    # What all presets have in common is in the table of parameters already.
    settled = [
        parameter
        for parameter in settled_parameters(method)
        if len({str(values[parameter.name]) for values in named.values()}) > 1
    ]
    titles = dict(preset_choices(method, ""))
    presets = [
        Preset(titles[name], [parameter.text(values[parameter.name]) for parameter in settled])
        for name, values in named.items()
    ]
    return MethodPage(
        key=key,
        title=_(method.title),
        summary=_(method.summary),
        paper=method.paper,
        family=str(FAMILIES[method.family]),
        needs=[_(NEEDS[need]) for need in method.needs],
        definition=as_html(definition(key)),
        picture=_picture(key),
        parameters=[ParameterRow.of(parameter) for parameter in method.parameters],
        preset_parameters=settled,
        presets=presets if len(presets) > 1 else [],
        cost=method.work({}),
        channels=USUAL_CHANNELS,
        models=_suitability(method, user),
    )


def _enhancement_page() -> MethodPage:
    return MethodPage(
        key=ENHANCEMENT.key,
        title=_(ENHANCEMENT.title),
        summary=_(ENHANCEMENT.summary),
        paper=ENHANCEMENT.paper,
        family=_("Goes around any method"),
        needs=[],
        definition=as_html(""),
        picture=_picture(ENHANCEMENT.key),
        parameters=[ParameterRow.of(parameter) for parameter in ENHANCEMENT.parameters],
        preset_parameters=[],
        presets=[],
        cost=None,
        channels=USUAL_CHANNELS,
        models=[],
    )


def _suitability(method: MethodDescription, user: User | AnonymousUser) -> list[Suitability]:
    if not user.is_authenticated:
        return []
    models = classifiers_for(user).prefetch_related(None).defer("class_names", "compatibility")[:MOST_MODELS]
    unusable = _("This model can't be used yet.")
    return [
        Suitability(each, unusable if each.problem else why_not_applicable(each, method.key) or "")
        for each in models
    ]


def _bounds(parameter: Parameter) -> str:
    if parameter.choices:
        return _(", ").join(_(choice) for choice in parameter.choices)
    limits: dict[str, Any] = {
        name: f"{bound:g}"
        for name, bound in (("minimum", parameter.minimum), ("maximum", parameter.maximum))
        if bound is not None
    }
    if len(limits) == 2:
        return _("%(minimum)s to %(maximum)s") % limits
    if "minimum" in limits:
        return _("at least %(minimum)s") % limits
    return _("at most %(maximum)s") % limits if limits else ""


def _picture(key: str) -> MethodPicture | None:
    """The picture of tools/method_pages.py, which is also a static file, if there is one."""
    name = f"{key}.webp"
    if not (settings.METHOD_PICTURES / name).is_file():
        return None
    tiles = _tiles()[key]
    return MethodPicture(f"methods/{name}", [(tile["model"], tile["class"]) for tile in tiles])


@cache
def _tiles() -> dict[str, list[dict[str, str]]]:
    text = (settings.METHOD_PICTURES / "tiles.json").read_text(encoding="utf-8")
    tiles: dict[str, list[dict[str, str]]] = json.loads(text)
    return tiles
