"""What the page of a benchmark shows of one of its experiments: the matrix of methods and figures, curves, bins,
classes, differences, failures. Figures are read from the summaries; none is computed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.http import QueryDict
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from saliency_core.errors import ParameterError
from saliency_core.experiments.base import Experiment
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.figures import COMMON_FIGURES, Figure
from webapp.benchmarks.charts import curve_chart, spread_chart
from webapp.benchmarks.figures import best_of
from webapp.benchmarks.image_table import PAGE_SIZE, Units, kept_units, units_of
from webapp.benchmarks.looks import Look, method_looks
from webapp.benchmarks.models import Benchmark, ResultComparison, ResultSummary
from webapp.benchmarks.results import columns_of, experiment_of
from webapp.benchmarks.significance import marked
from webapp.benchmarks.summaries import result_counts
from webapp.method_settings.costs import cost_of_map, studio_rate

CLASSES_PAGE_SIZE = 20
MAPS_SHOWN = 3


@dataclass
class ExperimentPage:
    """One experiment of a benchmark as the address asks to see it; what the address gets wrong becomes the default.

    `experiment`: index; `figure`: key of the one that bins, classes, differences and images are shown of; `reference`:
    index of the method that the others are compared with; `maps`: indices of the methods whose maps are shown.
    """

    benchmark: Benchmark
    asked: QueryDict

    # --- what is asked for ---------------------------------------------------------------------------------

    @cached_property
    def index(self) -> int:
        return _number(self.asked.get("experiment"), len(self.benchmark.specification["experiments"])) or 0

    @cached_property
    def experiment(self) -> Experiment:
        return experiment_of(self.benchmark, self.index)

    @cached_property
    def looks(self) -> list[Look]:
        return method_looks(self.benchmark.specification)

    @property
    def single(self) -> bool:
        return len(self.looks) == 1

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        return self.experiment.figures()

    @cached_property
    def figure(self) -> Figure:
        known = {figure.key: figure for figure in self.figures}
        return known.get(self.asked.get("figure", ""), self.figures[0])

    @cached_property
    def reference(self) -> int | None:
        return None if self.single else _number(self.asked.get("reference"), len(self.looks))

    @cached_property
    def maps(self) -> list[int]:
        asked = [_number(text, len(self.looks)) for text in self.asked.getlist("maps")]
        chosen = sorted({index for index in asked if index is not None})
        return chosen or list(range(min(MAPS_SHOWN, len(self.looks))))

    @cached_property
    def expensive_maps(self) -> list[int]:
        """Those of `maps` of which a page takes so long that it is drawn only at the press of a button."""
        classifier = self.benchmark.classifier
        rate, number = studio_rate(classifier), min(PAGE_SIZE, self.images)
        methods = self.benchmark.specification["methods"]

        def is_cheap(index: int) -> bool:
            try:
                return cost_of_map(classifier, methods[index], rate).is_cheap_for(number)
            except ParameterError:
                return False

        return [index for index in self.maps if not is_cheap(index)]

    # --- what there is -------------------------------------------------------------------------------------

    @cached_property
    def summaries(self) -> dict[int, ResultSummary]:
        rows = self.benchmark.summaries.filter(experiment_index=self.index).defer("classes", "running")
        return {row.method_index: row for row in rows}

    @property
    def contents(self) -> dict[int, dict[str, Any]]:
        return {method: row.content for method, row in self.summaries.items()}

    @property
    def images(self) -> int:
        return max((content["images"] for content in self.contents.values()), default=0)

    @property
    def interim(self) -> bool:
        return self.benchmark.is_unfinished

    @property
    def completing(self) -> bool:
        """Whether intervals or comparisons of what is finished are still being computed."""
        return (
            not self.benchmark.is_unfinished and not self.benchmark.figures_complete and bool(self.summaries)
        )

    @cached_property
    def comparison(self) -> dict[str, Any] | None:
        """The comparison of the methods, unless it is of other results than those that are shown."""
        if self.single or self.benchmark.is_unfinished:
            return None
        row = ResultComparison.objects.filter(benchmark=self.benchmark, experiment_index=self.index).first()
        shown = [each for each in self.summaries.values() if each.content["images"]]
        newest = max((each.newest for each in shown), default=0)
        return row.content if row and row.newest == newest else None

    # --- the matrix ----------------------------------------------------------------------------------------

    @cached_property
    def shown_figures(self) -> list[Figure]:
        """The experiment's own, then those common ones that any method has."""
        own = {figure.key for figure in self.figures}
        further = [
            figure
            for figure in COMMON_FIGURES
            if figure.key not in own
            and any(
                content["figures"].get(figure.key, {}).get("value") is not None
                for content in self.contents.values()
            )
        ]
        return [*self.figures, *further]

    def matrix(self) -> list[dict[str, Any]]:
        """A row a method: {"look", "content", "cells": [{"figure", "interval", "best", "compared", "difference"}]}."""
        best = {figure.key: best_of(figure, self._values(figure)) for figure in self.shown_figures}
        against = {figure.key: self.differences(figure) for figure in self.figures}
        return [
            {
                "look": look,
                "content": self.contents.get(look.index),
                "cells": [
                    {
                        "figure": figure,
                        "interval": self._interval(look.index, figure),
                        "best": look.index in best[figure.key],
                        "compared": bool(against.get(figure.key)),
                        "difference": against.get(figure.key, {}).get(look.index),
                    }
                    for figure in self.shown_figures
                ],
            }
            for look in self.looks
        ]

    def _interval(self, method: int, figure: Figure) -> dict[str, Any] | None:
        return self.contents.get(method, {}).get("figures", {}).get(figure.key)

    def _values(self, figure: Figure) -> dict[int, float]:
        found = {look.index: self._interval(look.index, figure) for look in self.looks}
        return {method: each["value"] for method, each in found.items() if each and each["value"] is not None}

    def differences(self, figure: Figure) -> dict[int, dict[str, Any]]:
        """Each method minus the reference on the images that all have, by method: value, low, high, n, p (adjusted by
        Holm's method over the methods), mark, wins, losses, ties, rank_biserial, d_z.
        """
        compared = (self.comparison or {}).get("figures", {}).get(figure.key)
        if compared is None or self.reference is None:
            return {}
        pairs = {}
        for pair in compared["pairs"]:
            if self.reference in (pair["first"], pair["second"]):
                other = pair["second"] if pair["first"] == self.reference else pair["first"]
                pairs[other] = pair if pair["second"] == self.reference else _turned(pair)
        return marked(pairs)

    def difference_rows(self) -> list[dict[str, Any]]:
        found = self.differences(self.figure)
        return [{"look": look, **found[look.index]} for look in self.looks if look.index in found]

    def ranks(self) -> dict[str, Any] | None:
        """Average ranks of the figure within images, the best first, with the critical difference."""
        compared = (self.comparison or {}).get("figures", {}).get(self.figure.key)
        if not compared or not compared["ranks"]:
            return None
        order = sorted(zip(compared["ranks"], self.comparison["methods"], strict=True))
        return {
            "rows": [{"look": self.looks[method], "rank": rank} for rank, method in order],
            "p": compared["p"],
            "critical_difference": compared["critical_difference"],
            "images": compared["images"],
        }

    # --- charts --------------------------------------------------------------------------------------------

    def charts(self) -> dict[str, Any] | None:
        """Curves and spreads for the page's script; None before there is anything to draw."""
        if not any(content["images"] for content in self.contents.values()):
            return None
        return {
            "methods": [look.to_dict() for look in self.looks],
            "curves": {
                curve.key: curve_chart(self.contents, curve.key) for curve in self.experiment.curves()
            },
            "spreads": {figure.key: spread_chart(self.contents, figure) for figure in self.spread_figures},
        }

    @property
    def spread_figures(self) -> list[Figure]:
        return [
            figure
            for figure in self.figures
            if any(figure.key in content["spread"] for content in self.contents.values())
        ][:3]

    # --- tables --------------------------------------------------------------------------------------------

    def bins(self) -> dict[str, Any]:
        """By the clean probability: one method with all figures, or the methods with the chosen one."""
        contents = self.contents
        bins = {method: content["bins"] for method, content in contents.items() if content["bins"]}
        if not bins:
            return {"columns": [], "rows": []}
        if self.single:
            columns = [(0, figure, _(figure.title)) for figure in self.figures]
        else:
            columns = [(look.index, self.figure, look.title) for look in self.looks]
        first = next(iter(bins.values()))
        return {
            "columns": [{"title": title, "unit": figure.unit} for _method, figure, title in columns],
            "rows": [
                {
                    "low": row["low"],
                    "high": row["high"],
                    "count": max(each[place]["count"] for each in bins.values()),
                    "last": row is first[-1],
                    "cells": [
                        {
                            "unit": figure.unit,
                            "interval": bins[method][place]["figures"].get(figure.key)
                            if method in bins
                            else None,
                        }
                        for method, figure, _title in columns
                    ],
                }
                for place, row in enumerate(first)
            ],
        }

    def classes(self) -> dict[str, Any]:
        """A page of the classes explained, sorted as `class_sort` and `class_page` of the address say."""
        rows = self.benchmark.summaries.filter(experiment_index=self.index).values_list(
            "method_index", "classes"
        )
        by_method = {method: {each["name"]: each for each in classes} for method, classes in rows}
        names = list(dict.fromkeys(name for classes in by_method.values() for name in classes))
        columns = (
            [(0, figure, _(figure.title), figure.key) for figure in self.figures]
            if self.single
            else [(look.index, self.figure, look.title, f"m{look.index}") for look in self.looks]
        )

        def value(name: str, method: int, figure: Figure) -> float | None:
            return by_method.get(method, {}).get(name, {}).get("figures", {}).get(figure.key)

        def interval(name: str, method: int, figure: Figure) -> dict[str, float | None]:
            ends = by_method.get(method, {}).get(name, {}).get("intervals", {}).get(figure.key)
            low, high = ends or (None, None)
            return {"value": value(name, method, figure), "low": low, "high": high}

        def count(name: str) -> int:
            return max(classes[name]["images"] for classes in by_method.values() if name in classes)

        sort = self.asked.get("class_sort", "")
        key = sort.removeprefix("-")
        by_key = {each: (method, figure) for method, figure, _title, each in columns}
        if key in by_key:
            known = [name for name in names if value(name, *by_key[key]) is not None]
            unknown = [name for name in names if value(name, *by_key[key]) is None]
            known.sort(key=lambda name: value(name, *by_key[key]) or 0.0, reverse=sort.startswith("-"))
            names = [*known, *unknown]
        elif key == "images":
            names.sort(key=count, reverse=sort.startswith("-"))
        else:
            sort, key = ("-name" if sort == "-name" else "name"), "name"
            names.sort(reverse=sort == "-name")
        pages = max(1, -(-len(names) // CLASSES_PAGE_SIZE))
        page = min((_number(self.asked.get("class_page"), pages + 1) or 1), pages)
        shown = names[(page - 1) * CLASSES_PAGE_SIZE : page * CLASSES_PAGE_SIZE]
        return {
            "headings": [
                _class_heading("name", _("Class"), "", sort, named=True),
                _class_heading("images", _("Images"), "", sort),
                *(_class_heading(each, title, figure.unit, sort) for _method, figure, title, each in columns),
            ],
            "rows": [
                {
                    "name": name,
                    "images": count(name),
                    "cells": [
                        {"unit": figure.unit, "interval": interval(name, method, figure)}
                        for method, figure, _title, _key in columns
                    ],
                }
                for name in shown
            ],
            "total": len(names),
            "page": page,
            "pages": pages,
            "sort": sort,
            "with_intervals": any(
                "intervals" in each for classes in by_method.values() for each in classes.values()
            ),
        }

    def failures(self) -> dict[str, Any]:
        """Images without figures, each once, with the methods that lack it if not all do."""
        missing: dict[tuple[int, str, str], list[int]] = {}
        for method, content in sorted(self.contents.items()):
            for failure in content["failures"]:
                key = failure["index"], str(failure["image"]), str(failure["reason"])
                missing.setdefault(key, []).append(method)
        rows = [
            {
                "image": image,
                "reason": reason,
                "looks": [] if len(methods) == len(self.contents) else [self.looks[each] for each in methods],
            }
            for (_index, image, reason), methods in sorted(missing.items())
        ]
        failed = max((content["failed"] for content in self.contents.values()), default=0)
        return {"rows": rows, "count": max(len(rows), failed), "left_out": failed > len(rows)}

    def units(self) -> Units:
        """The rows of the table of images, kept by this process as long as no result comes or goes."""
        counts = {
            method: state
            for (method, experiment), state in result_counts(self.benchmark).items()
            if experiment == self.index
        }
        key = (
            self.benchmark.pk,
            self.benchmark.created,
            self.index,
            None if self.single else self.figure.key,
            tuple(sorted(counts.items())),
            get_language(),
        )

        def make() -> Units:
            parts: dict[int, Columns] = {
                method: columns_of(self.benchmark, (method, self.index), with_curves=False)
                for method in sorted(counts)
            }
            return units_of(parts, [look.title for look in self.looks], self.figures, self.figure)

        return kept_units(key, make)


def _number(text: str | None, count: int) -> int | None:
    """The text as an index below `count`, None if it is none."""
    if text is None or not (text.isascii() and text.isdecimal()) or len(text) > 6:
        return None
    return int(text) if int(text) < count else None


def _turned(pair: Mapping[str, Any]) -> dict[str, Any]:
    """The difference the other way round."""

    def minus(value: float | None) -> float | None:
        return None if value is None else -value

    return {
        **pair,
        "first": pair["second"],
        "second": pair["first"],
        "value": minus(pair["value"]),
        "low": minus(pair["high"]),
        "high": minus(pair["low"]),
        "rank_biserial": minus(pair["rank_biserial"]),
        "d_z": minus(pair["d_z"]),
        "wins": pair["losses"],
        "losses": pair["wins"],
    }


def _class_heading(key: str, title: str, unit: str, sort: str, *, named: bool = False) -> dict[str, Any]:
    present = sort.removeprefix("-") == key
    first, other = (key, f"-{key}") if named else (f"-{key}", key)
    order = ("descending" if sort.startswith("-") else "ascending") if present else ""
    return {
        "title": title,
        "unit": unit,
        "figure": not named,
        "order": order,
        "toggled": other if sort == first else first,
    }
