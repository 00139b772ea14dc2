"""Maps of one picture with the defaults and with the values of a settings page, by the studio's worker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from webapp.accounts.models import User
from webapp.benchmarks.methods import title_of
from webapp.method_settings.costs import MapCost, cost_of_map, studio_rate
from webapp.method_settings.page import SettingsPage
from webapp.studio.asking import ask_for_maps, ask_for_prediction, map_digests, prediction_digest
from webapp.studio.models import Explanation, Prediction
from webapp.studio.sources import class_names_of


@dataclass(frozen=True)
class PreviewMap:
    """`is_default`: with the method's defaults; `row` is None where it has not been asked for.

    `comes_unasked`: drawn with the others. The expensive defaults, to be compared with cheaper values, are not.
    """

    is_default: bool
    row: Explanation | None
    cost: MapCost
    comes_unasked: bool


@dataclass
class Preview:
    """`prediction`: which class is explained, its most probable one; `errors` by the names of the page's fields."""

    maps: list[PreviewMap]
    prediction: Prediction | None
    target: int | None
    class_name: str
    base_title: str = ""
    errors: dict[str, list[str]] = field(default_factory=dict)

    @property
    def cost(self) -> MapCost | None:
        """Of the values shown."""
        return self.maps[-1].cost if self.maps else None

    @property
    def default_map(self) -> PreviewMap | None:
        return self.maps[0] if self.maps else None

    @property
    def is_asked(self) -> bool:
        """Whether everything has been asked for that a press of the button asks for."""
        return bool(self.maps) and all(each.row is not None for each in self.maps if each.comes_unasked)

    @property
    def waits_for_class(self) -> bool:
        return self.prediction is not None and self.prediction.is_open

    @property
    def socket(self) -> str:
        """The address of the socket that tells of what is not finished; empty where everything is."""
        rows = [f"explanation={each.row.pk}" for each in self.maps if each.row and each.row.is_open]
        if self.prediction is not None and self.prediction.is_open:
            rows.append(f"prediction={self.prediction.pk}")
        return f"/ws/studio/?{'&'.join(rows)}" if rows else ""


def preview_of(user: User, page: SettingsPage) -> Preview:
    """What there is of it so far; nothing is asked for."""
    if not page.form.is_valid():
        errors = {page.form.add_prefix(name): list(texts) for name, texts in page.form.errors.items()}
        return Preview([], None, None, "", errors=errors)
    methods = page.methods()
    rate = studio_rate(page.classifier)
    costs = [cost_of_map(page.classifier, method, rate) for method in methods]
    prediction, target = _predicted(user, page)
    rows: list[Explanation | None] = [None] * len(methods)
    if page.source is not None and target is not None:
        digests = map_digests(page.classifier, page.source, target, methods)
        found = Explanation.objects.visible_to(user).filter(digest__in=digests)
        by_digest = {row.digest: row for row in found}
        rows = [by_digest.get(digest) for digest in digests]
    maps = [
        PreviewMap(number == 0, row, cost, number == len(methods) - 1 or cost.is_cheap)
        for number, (row, cost) in enumerate(zip(rows, costs, strict=True))
    ]
    name = "" if target is None else class_names_of(page.classifier)[target]
    base = title_of(page.methods()[0] | {"enhancement": None})
    return Preview(maps, prediction, target, name, base, _errors_of(page, rows))


def ask_for_preview(user: User, page: SettingsPage, *, with_defaults: bool = False) -> None:
    """Asks for the maps, or first for the class of the picture: that of the values shown first, then that of the
    defaults, if it is cheap or wanted in any case. Raises ValidationError.
    """
    if page.source is None or not page.form.is_valid():
        return
    _prediction, target = _predicted(user, page)
    if target is None:
        ask_for_prediction(owner=user, classifier=page.classifier, source=page.source)
        return
    *defaults, shown = page.methods()
    rate = studio_rate(page.classifier)
    compared = [
        each for each in defaults if with_defaults or cost_of_map(page.classifier, each, rate).is_cheap
    ]
    ask_for_maps(
        owner=user,
        classifier=page.classifier,
        source=page.source,
        target=target,
        methods=[shown, *compared],
        with_curves=False,
    )


def _predicted(user: User, page: SettingsPage) -> tuple[Prediction | None, int | None]:
    """The picture's classes, and the one that is explained: that of the address, else the most probable one."""
    if page.source is None:
        return None, None
    digest = prediction_digest(page.classifier, page.source)
    prediction = Prediction.objects.visible_to(user).filter(digest=digest).first()
    best = prediction.classes[0][0] if prediction and prediction.classes else None
    return prediction, best if page.choice.target is None else page.choice.target


def _errors_of(page: SettingsPage, rows: list[Explanation | None]) -> dict[str, list[str]]:
    """What the worker refused for a parameter's sake, by the field: its sentence begins with the name."""
    errors: dict[str, list[str]] = {}
    for row in rows:
        word = row.problem.partition(" ")[0] if row and row.problem else ""
        if row and any(parameter.name == word for parameter in page.description.parameters):
            errors[page.form.add_prefix(word)] = [row.problem]
    return errors


def payload(preview: Preview, page: SettingsPage, panel: str, state: str) -> dict[str, Any]:
    """What the page's script is told: the panel and the state in words, and what it shows beside the fields."""
    return {
        "panel": panel,
        "state": state,
        "address": page.address(),
        "errors": preview.errors,
        "differences": list(page.differences),
        "cheap": bool(preview.cost and preview.cost.is_cheap),
        "asked": preview.is_asked,
        "waits_for_class": preview.waits_for_class,
        "socket": preview.socket,
    }
