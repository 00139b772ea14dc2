"""The maps of a studio page, as its tiles show them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from saliency_core.descriptions import Cost, Parameter
from webapp.accounts.models import User
from webapp.benchmarks.looks import method_colour
from webapp.benchmarks.methods import shown_enhancement, shown_parameters, title_of
from webapp.library.models import Classifier
from webapp.studio.asking import has_curves, map_digests
from webapp.studio.choices import Choice
from webapp.studio.costs import cost_of
from webapp.studio.curve_lines import CurveLine, curve_lines
from webapp.studio.models import Explanation, State


@dataclass(frozen=True)
class Tile:
    """A map of the page: `method` as a specification has it; `row`: None where it has not been asked for."""

    method: dict[str, Any]
    row: Explanation | None
    classifier: Classifier

    @property
    def title(self) -> str:
        return title_of(self.method)

    @property
    def name(self) -> str:
        """What an address calls it: "grad_cam", enhanced "grad_cam+"."""
        return self.method["key"] + ("+" if self.method["enhancement"] else "")

    @property
    def curves_are_defined(self) -> bool:
        return has_curves(self.classifier)

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
        return cost_of(self.method, self.classifier)

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
    methods = choice.specified()
    digests = map_digests(choice.classifier, choice.source, choice.target, methods)
    rows = Explanation.objects.visible_to(user).filter(digest__in=digests)
    by_digest = {row.digest: row for row in rows}
    return [
        Tile(method, by_digest.get(digest), choice.classifier)
        for method, digest in zip(methods, digests, strict=True)
    ]


def tile_of(row: Explanation) -> Tile:
    return Tile(row.specified_method, row, row.classifier)
