"""What the results of a comparison cost, against what they score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from saliency_core.experiments.figures import MAP_SECONDS, Figure
from webapp.benchmarks.estimates import map_forwards
from webapp.comparisons.choice import Measured
from webapp.comparisons.groups import Group
from webapp.comparisons.looks import result_titles

if TYPE_CHECKING:
    from webapp.comparisons.page import ComparisonPage

MEASURES = ("seconds", "forwards")


class Costs:
    """Points of cost and score, in the measure of cost that the address asks for."""

    def __init__(self, page: ComparisonPage) -> None:
        self.page = page

    @property
    def measure(self) -> str:
        asked = self.page.choice.query.get("cost", "")
        return asked if asked in MEASURES else MEASURES[0]

    @property
    def choices(self) -> list[tuple[str, str]]:
        return [("seconds", _("Seconds per map")), ("forwards", _("Forward passes per map"))]

    def tables(self) -> list[dict[str, Any]]:
        """By table: each result's cost and the chosen figure, both with intervals; `front`: no other result that may
        be compared is both cheaper and better, where the figure has a better end.
        """
        if self.page.figure is None:
            return []
        return [self._table(number, group, self.page.figure) for number, group in enumerate(self.page.groups)]

    def _table(self, number: int, group: Group, figure: Figure) -> dict[str, Any]:
        scale = 100 if figure.unit == "percent" else 1
        titles = result_titles(group.members)
        points = []
        for offset, each in enumerate(group.members):
            place = self.page.positions[each.place]
            score, cost = self.page.interval(place, figure), self._cost(place, each)
            if score and score["value"] is not None and cost and cost["value"] is not None:
                points.append(
                    {
                        "method": place,
                        "title": titles[offset],
                        "cost": cost,
                        "score": score,
                        "shown": {
                            end: None if score[end] is None else scale * score[end]
                            for end in ("value", "low", "high")
                        },
                        "marked": bool(group.marks[offset]),
                    }
                )
        comparable = [point for point in points if not point["marked"]]
        for point in points:
            point["front"] = (
                bool(figure.better)
                and point in comparable
                and not any(
                    _dominates(other, point, figure.better) for other in comparable if other is not point
                )
            )
        return {
            "number": number,
            "protocol": group.members[0].experiment.protocol.full_name,
            "x_title": _("Seconds per map") if self.measure == "seconds" else _("Forward passes per map"),
            "y_title": _(figure.title) + (" (%)" if figure.unit == "percent" else ""),
            "points": sorted(points, key=lambda point: point["cost"]["value"]),
            "front_title": _("best for its cost"),
        }

    def _cost(self, place: int, measured: Measured) -> dict[str, Any] | None:
        if self.measure == "seconds":
            return self.page.interval(place, MAP_SECONDS)
        size = measured.experiment.protocol.size
        forwards = map_forwards(measured.chosen.method, measured.benchmark.classifier, size)
        return {"value": forwards, "low": None, "high": None}


def _dominates(first: Mapping[str, Any], second: Mapping[str, Any], better: str) -> bool:
    """Whether one point is at least as cheap and as good as another, and better in one of both."""
    sign = -1 if better == "lower" else 1
    cost = first["cost"]["value"] - second["cost"]["value"]
    score = sign * (first["score"]["value"] - second["score"]["value"])
    return cost <= 0 and score >= 0 and (cost < 0 or score > 0)
