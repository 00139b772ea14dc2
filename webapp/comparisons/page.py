"""What the page of a comparison shows of one experiment, table by table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Q

from saliency_core.experiments.figures import COMMON_FIGURES, Figure
from saliency_core.statistics.ranking import Friedman, friedman, nemenyi_critical_difference
from webapp.accounts.models import User
from webapp.benchmarks.charts import curve_chart
from webapp.benchmarks.figures import best_of
from webapp.benchmarks.looks import Look
from webapp.benchmarks.methods import enhancement_of, title_of
from webapp.benchmarks.models import ResultSummary
from webapp.benchmarks.significance import marked
from webapp.comparisons.choice import Choice, Measured
from webapp.comparisons.costs import Costs
from webapp.comparisons.differing_images import DifferingImages
from webapp.comparisons.groups import Group, comparability_facts, grouped
from webapp.comparisons.looks import result_looks, result_titles
from webapp.comparisons.pairing import FEW_VALUES, content_at_once, content_digest
from webapp.jobs.models import Job
from webapp.jobs.services import cancel_superseded, request_job

FEWEST_SETTINGS = 4
FEWEST_METHODS = 3


@dataclass
class Paired:
    """The paired comparison of the results: its content, or the job that computes it, or neither where there is
    nothing to compare.
    """

    content: dict[str, Any] | None = None
    job: Job | None = None


class ComparisonPage:
    """A comparison as the address asks to see it; what the address gets wrong becomes the default."""

    def __init__(self, user: User, choice: Choice) -> None:
        self.user = user
        self.choice = choice

    # --- what there is -------------------------------------------------------------------------------------

    @cached_property
    def measured(self) -> list[Measured]:
        return self.choice.measured

    @cached_property
    def looks(self) -> list[Look]:
        return result_looks(self.measured)

    @property
    def heads(self) -> list[dict[str, Any]]:
        """Short names for the table of settings, which says everything else."""
        return [
            {"look": look, "title": title_of(each.chosen.method), "number": each.benchmark.pk}
            for look, each in zip(self.looks, self.measured, strict=True)
        ]

    @cached_property
    def summaries(self) -> dict[tuple[int, int, int], ResultSummary]:
        """The summaries of the results, by (benchmark, method, experiment)."""
        wanted = Q(pk__in=[])
        for benchmark, method, experiment in (each.place for each in self.measured):
            wanted |= Q(benchmark=benchmark, method_index=method, experiment_index=experiment)
        rows = ResultSummary.objects.filter(wanted).defer("classes", "running")
        return {(row.benchmark_id, row.method_index, row.experiment_index): row for row in rows}

    def content(self, measured: Measured) -> dict[str, Any]:
        row = self.summaries.get(measured.place)
        return row.content if row else {}

    @cached_property
    def contents(self) -> dict[int, dict[str, Any]]:
        """By the result's position, of those that have any image."""
        found = {position: self.content(each) for position, each in enumerate(self.measured)}
        return {position: content for position, content in found.items() if content.get("images")}

    # --- figures -------------------------------------------------------------------------------------------

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        return self.measured[0].experiment.figures() if self.measured else ()

    @cached_property
    def figure(self) -> Figure | None:
        """The one that differences, costs, ranks and images are shown of."""
        known = {figure.key: figure for figure in self.figures}
        return known.get(self.choice.query.get("figure", ""), self.figures[0] if self.figures else None)

    @cached_property
    def shown_figures(self) -> list[Figure]:
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

    def interval(self, position: int, figure: Figure) -> dict[str, Any] | None:
        return self.contents.get(position, {}).get("figures", {}).get(figure.key)

    # --- tables --------------------------------------------------------------------------------------------

    @cached_property
    def groups(self) -> list[Group]:
        return grouped(self.measured, self.choice.reference, together=self.choice.together)

    @cached_property
    def strict_groups(self) -> list[Group]:
        """Those within which results may be compared: one protocol and one data set each."""
        return grouped(self.measured, self.choice.reference, together=False)

    @cached_property
    def positions(self) -> dict[tuple[int, int, int], int]:
        return {each.place: position for position, each in enumerate(self.measured)}

    def tables(self) -> list[dict[str, Any]]:
        return [self._table(number, group) for number, group in enumerate(self.groups)]

    def _table(self, number: int, group: Group) -> dict[str, Any]:
        places = [self.positions[each.place] for each in group.members]
        free = [place for place, marks in zip(places, group.marks, strict=True) if not marks]
        best = {figure.key: self._best(figure, free) for figure in self.shown_figures}
        # What all rows of the table have in common stands above it, not in every name.
        titles = result_titles(group.members)
        rows = []
        for offset, place in enumerate(places):
            content = self.contents.get(place)
            rows.append(
                {
                    "title": titles[offset],
                    "look": self.looks[place],
                    "measured": group.members[offset],
                    "content": content,
                    "reference": offset == group.reference,
                    "letters": group.letters(offset),
                    "cells": [
                        {
                            "figure": figure,
                            "interval": self.interval(place, figure),
                            "best": place in best[figure.key],
                            "difference": self.differences(figure).get(place),
                        }
                        for figure in self.shown_figures
                    ],
                }
            )
        first = group.members[0]
        return {
            "number": number,
            "protocol": first.experiment.protocol,
            "dataset": first.benchmark.specification["dataset"]["name"],
            "rows": rows,
            "warnings": group.warnings(),
            "reference": self.looks[places[group.reference]],
            "mixed": self.choice.together and len(self.strict_groups) > 1,
        }

    def _best(self, figure: Figure, places: Sequence[int]) -> set[int]:
        found = {place: self.interval(place, figure) for place in places}
        return best_of(
            figure,
            {place: each["value"] for place, each in found.items() if each and each["value"] is not None},
        )

    # --- paired comparison ---------------------------------------------------------------------------------

    @cached_property
    def paired(self) -> Paired:
        """Computed at once where it is little, else by a job that the page watches."""
        request, states = self._request()
        if not request["groups"]:
            return Paired()
        digest = content_digest(request, states)
        values = sum(
            self.content(self._by_place[tuple(place)])["units"]
            for group in request["groups"]
            for place in group["places"]
        )
        if values <= FEW_VALUES:
            return Paired(content_at_once(digest, request))
        done = Job.objects.filter(kind=Job.Kind.COMPARISON, digest=digest, state=Job.State.READY).first()
        if done is not None:
            # What others had computed is the same: its digest is of the results that this member may see.
            return Paired(done.content)
        failed = Job.objects.visible_to(self.user).filter(
            kind=Job.Kind.COMPARISON, digest=digest, state=Job.State.FAILED
        )
        job = failed.first()
        if job is None:
            job = request_job(owner=self.user, kind=Job.Kind.COMPARISON, request=request, digest=digest)
            # Every other choice on the page is a comparison of its own.
            cancel_superseded(job)
        return Paired(job=job)

    @cached_property
    def _by_place(self) -> dict[tuple[int, ...], Measured]:
        return {each.place: each for each in self.measured}

    @cached_property
    def paired_members(self) -> list[tuple[list[int], int]]:
        """For each group that is compared: the positions of its members, and which of them is the reference."""
        found = []
        for group in self.strict_groups:
            reference = group.members[group.reference]
            ended = [
                each
                for each in group.members
                if not each.benchmark.is_unfinished and self.content(each).get("images")
            ]
            if len(ended) > 1 and reference in ended:
                found.append(([self.positions[each.place] for each in ended], ended.index(reference)))
        return found

    def _request(self) -> tuple[dict[str, Any], list[Any]]:
        groups, states = [], []
        for places, reference in self.paired_members:
            members = [self.measured[place] for place in places]
            groups.append({"places": [list(each.place) for each in members], "reference": reference})
            rows = [self.summaries[each.place] for each in members]
            states.append(
                [
                    [row.results, row.newest, str(each.benchmark.created)]
                    for row, each in zip(rows, members, strict=True)
                ]
            )
        return {"groups": groups}, states

    @cached_property
    def _differences(self) -> dict[str, dict[int, dict[str, Any]]]:
        content = self.paired.content
        if content is None:
            return {}
        found: dict[str, dict[int, dict[str, Any]]] = {}
        for (places, _reference), group in zip(self.paired_members, content["groups"], strict=True):
            for key, figure in group["figures"].items():
                pairs = {places[int(position)]: pair for position, pair in figure["pairs"].items()}
                found.setdefault(key, {}).update(marked(pairs))
        return found

    def differences(self, figure: Figure) -> dict[int, dict[str, Any]]:
        """Each result minus the reference of its group on the images that both have, by the result's position."""
        return self._differences.get(figure.key, {})

    def pair_tables(self) -> list[dict[str, Any]]:
        """The differences of the chosen figure, with what could not be compared and why."""
        if self.figure is None or self.paired.content is None:
            return []
        tables = []
        for (places, reference), group in zip(
            self.paired_members, self.paired.content["groups"], strict=True
        ):
            figure = group["figures"].get(self.figure.key)
            if figure is None:
                continue
            found = self.differences(self.figure)
            titles = result_titles([self.measured[place] for place in places])
            rows = []
            for offset, place in enumerate(places):
                if offset == reference:
                    continue
                rows.append(
                    {
                        "look": self.looks[place],
                        "title": titles[offset],
                        "difference": found.get(place),
                        "interval": self.interval(place, self.figure),
                        "apart": offset in group["apart"],
                        "problem": figure["problems"].get(str(offset), ""),
                    }
                )
            tables.append(
                {
                    "reference": titles[reference],
                    "reference_interval": self.interval(places[reference], self.figure),
                    "protocol": self.measured[places[reference]].experiment.protocol,
                    "rows": rows,
                    "ranks": self._ranks(figure["ranks"], titles),
                }
            )
        return tables

    def _ranks(self, ranks: Mapping[str, Any] | None, titles: Sequence[str]) -> dict[str, Any] | None:
        if not ranks:
            return None
        order = sorted(zip(ranks["ranks"], ranks["members"], strict=True))
        return {
            **ranks,
            "rows": [{"title": titles[member], "rank": rank} for rank, member in order],
        }

    def ranks_over_settings(self) -> dict[str, Any] | None:
        """Average ranks of methods that were all measured in the same settings (model, images, protocol and whatever
        else figures depend on), each setting one block of Friedman's test; None unless there are enough of both.
        Benchmarks that are not complete have no part, nor methods that a setting has twice, as with two layers.
        """
        figure = self.figure
        if figure is None or not figure.better:
            return None
        cells: dict[str, dict[tuple[str, str], float]] = {}
        twice: set[tuple[str, str]] = set()
        for position, each in enumerate(self.measured):
            interval, facts = self.interval(position, figure), comparability_facts(each)
            if not facts["complete"] or not interval or interval["value"] is None:
                continue
            values = cells.setdefault(json.dumps(facts, sort_keys=True, default=str), {})
            name = _method_name(each)
            twice |= {name} & set(values)
            values[name] = interval["value"]
        settings = [values for values in cells.values() if len(values) >= FEWEST_METHODS]
        if len(settings) < FEWEST_SETTINGS:
            return None
        methods = sorted(set.intersection(*(set(values) for values in settings)) - twice)
        if len(methods) < FEWEST_METHODS:
            return None
        better = "lower" if figure.better == "lower" else "higher"
        found: Friedman = friedman([[values[name] for name in methods] for values in settings], better)
        order = sorted(zip(found.average_ranks, methods, strict=True))
        return {
            "settings": found.images,
            "p": found.p,
            "critical_difference": nemenyi_critical_difference(found.methods, found.images),
            "rows": [{"title": name[0], "rank": rank} for rank, name in order],
        }

    # --- charts --------------------------------------------------------------------------------------------

    def charts(self) -> dict[str, Any] | None:
        """Curves of each table and the costs, for the page's script; None before there is anything to draw."""
        if not self.contents:
            return None
        curves = {}
        for number, group in enumerate(self.groups):
            places = {self.positions[each.place] for each in group.members}
            own = {place: content for place, content in self.contents.items() if place in places}
            for curve in self.measured[0].experiment.curves():
                chart = curve_chart(own, curve.key)
                if chart:
                    curves[f"{number}-{curve.key}"] = chart
        return {
            "methods": [look.to_dict() for look in self.looks],
            "curves": curves,
            "spreads": {},
            "points": {str(table["number"]): table for table in self.costs.tables()},
        }

    def curve_titles(self, charts: Mapping[str, Any] | None) -> list[dict[str, Any]]:
        """The charts in their order: `key`, the curve, the number of the table."""
        if not charts:
            return []
        return [
            {"key": f"{number}-{curve.key}", "curve": curve, "group": group}
            for number, group in enumerate(self.groups)
            for curve in self.measured[0].experiment.curves()
            if f"{number}-{curve.key}" in charts["curves"]
        ]

    # --- parts of their own --------------------------------------------------------------------------------

    @cached_property
    def costs(self) -> Costs:
        return Costs(self)

    @cached_property
    def images(self) -> DifferingImages:
        return DifferingImages(self)


def _method_name(measured: Measured) -> tuple[str, str]:
    """A method with its parameters, whatever the model: (title, parameters); layers, which are the model's own, are
    left out.
    """
    method = measured.chosen.method
    own = {name: value for name, value in method["parameters"].items() if name not in ("layer", "layers")}
    return title_of(method), json.dumps([own, enhancement_of(method)], sort_keys=True)
