"""The maps of a studio page, as its tiles show them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from saliency_core.descriptions import Cost, Parameter
from saliency_core.experiments.insertion_deletion import InsertionDeletionProtocol, is_named
from webapp.accounts.models import User
from webapp.benchmarks.looks import method_colour
from webapp.benchmarks.methods import shown_enhancement, shown_parameters, title_of
from webapp.library.models import Classifier
from webapp.studio.asking import curves_protocol, map_digests
from webapp.studio.choices import Choice
from webapp.studio.costs import cost_of
from webapp.studio.curve_lines import CurveLine, curve_lines
from webapp.studio.models import Explanation, State


@dataclass(frozen=True)
class Tile:
    """A map of the page: `method` as a specification has it; `row`: None where it has not been asked for;
    `preprocessing`: at least pipeline and size; `name`: what
    the page calls it (see Choice.named); `beside`: names of parameters in which others by the same method differ.
    """

    method: dict[str, Any]
    row: Explanation | None
    classifier: Classifier
    preprocessing: dict[str, Any]
    name: str
    beside: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """With the parameters that tell it from others by the same method."""
        title = title_of(self.method)
        texts = {each.name: text for each, text in self.settings}
        details = ", ".join(f"{name} {texts[name] or '–'}" for name in self.beside if name in texts)
        return f"{title} ({details})" if details else title

    @property
    def query(self) -> str:
        """What the address of the tile alone needs to say of the page that it is on."""
        return urlencode({"name": self.name, "beside": self.beside}, doseq=True)

    @property
    def curves_rules(self) -> str:
        """Under which rules the curves are measured."""
        return rules_title(curves_protocol(self.classifier, self.preprocessing))

    @property
    def colour(self) -> int:
        return method_colour(self.method["key"])

    @property
    def settings(self) -> list[tuple[Parameter, str]]:
        """Every parameter with its value; an empty layer is the model's usual one."""
        usual = self.classifier.default_layer or ""
        values = [*shown_parameters(self.method), *shown_enhancement(self.method)]
        return [(each, text or (usual if each.kind == "layer" else "")) for each, text in values]

    @property
    def own_settings(self) -> list[tuple[Parameter, str]]:
        """Those that are not the defaults."""
        values = [*shown_parameters(self.method), *shown_enhancement(self.method)]
        return [(each, text) for each, text in values if text != each.text(each.default)]

    @property
    def cost(self) -> Cost | None:
        """Work for this map, in passes of one image."""
        return cost_of(self.method, self.classifier, self.preprocessing["size"])

    @property
    def curves(self) -> list[CurveLine]:
        return curve_lines(self.row.curves) if self.row else []

    @property
    def is_open(self) -> bool:
        """Whether the worker is not done with the map or its curves."""
        row = self.row
        return row is not None and (row.is_open or row.curves_state in (State.WAITING, State.RUNNING))

    @property
    def figures_json(self) -> str:
        return json.dumps(self.figures, separators=(",", ":"))

    @property
    def figures(self) -> dict[str, Any]:
        """What the page's scripts need of the curves."""
        if self.row is None or not self.row.curves:
            return {}
        wanted = ("insertion", "deletion", "probability", "cut_outs")
        return {name: self.row.curves[name] for name in wanted if name in self.row.curves}


def tiles_for(user: User, choice: Choice) -> list[Tile]:
    """A tile for every map that is chosen, those that were asked for with their rows."""
    if choice.classifier is None or choice.source is None or choice.target is None or not choice.is_valid:
        return []
    named = choice.named()
    methods = [method for _name, method in named]
    digests = map_digests(choice.classifier, choice.source, choice.target, methods, choice.preprocessing)
    rows = Explanation.objects.visible_to(user).filter(digest__in=digests)
    by_digest = {row.digest: row for row in rows}
    return [
        Tile(
            method,
            by_digest.get(digest),
            choice.classifier,
            choice.preprocessing,
            name,
            differing_parameters(method, methods),
        )
        for (name, method), digest in zip(named, digests, strict=True)
    ]


def differing_parameters(method: dict[str, Any], methods: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Names of the parameters that are not the same in all of the methods with this one's title."""
    alike = [
        {parameter.name: text for parameter, text in [*shown_parameters(each), *shown_enhancement(each)]}
        for each in methods
        if title_of(each) == title_of(method)
    ]
    return tuple(name for name in alike[0] if len({each[name] for each in alike}) > 1)


def tile_of(row: Explanation, name: str = "", beside: Sequence[str] = ()) -> Tile:
    geometry = {"pipeline": row.pipeline, "size": row.size}
    usual = row.method + ("+" if row.enhancement else "")
    return Tile(row.specified_method, row, row.classifier, geometry, name or usual, tuple(beside))


def rules_title(rules: InsertionDeletionProtocol) -> str:
    """The name of a protocol or, where these are nobody's rules, whose they are made after."""
    if is_named(rules):
        return rules.name
    about = {"protocol": rules.name, "size": rules.size, "outputs": rules.activation}
    return _("after %(protocol)s at %(size)d × %(size)d pixels with %(outputs)s outputs") % about
