"""Paired comparison of results from several benchmarks: what takes longer than a page may.

A *request* names groups of results of one protocol on one data set, `{"groups": [{"places": [[benchmark, method,
experiment], …], "reference": position}]}`; the *content* has for each group, by figure, the differences of each
result to the reference on the images that both have, ranks within images, and the images with the largest
disagreement. Positions are those of the group's places.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any

import numpy as np

from saliency_core.errors import ParameterError
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.figures import Figure
from saliency_core.experiments.result import Result
from saliency_core.output.comparison import FigureComparison, compare
from webapp.benchmarks.image_table import DISAGREEMENT, Units, unit_keys, units_of
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.results import columns_of, result_of
from webapp.benchmarks.summaries import RESAMPLES

# Up to here a page computes what it shows itself: some two tenths of a second (see docs/comparing.md).
FEW_VALUES = 4000
IMAGES_KEPT = 60
FEWEST_RANKED = 3
_KEPT = 64

Report = Callable[[float], None]

_kept: OrderedDict[str, dict[str, Any]] = OrderedDict()
_kept_lock = Lock()


def content_digest(request: Mapping[str, Any], states: Sequence[Any]) -> str:
    """SHA-256 of what is compared and of the `states` of the results: (count, newest) of each."""
    text = json.dumps([1, request, states], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def content_at_once(digest: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a small request, kept by this process."""
    with _kept_lock:
        if digest in _kept:
            _kept.move_to_end(digest)
            return _kept[digest]
    content = paired_content(request)
    with _kept_lock:
        _kept[digest] = content
        while len(_kept) > _KEPT:
            _kept.popitem(last=False)
    return content


def paired_content(request: Mapping[str, Any], report: Report = lambda _share: None) -> dict[str, Any]:
    """Computes what a request asks for; `report` is told the share that is done."""
    groups = request["groups"]
    rows = Benchmark.objects.in_bulk({place[0] for group in groups for place in group["places"]})
    done = []
    for number, group in enumerate(groups):

        def within(share: float, number: int = number) -> None:
            report((number + share) / len(groups))

        results = []
        for benchmark, method, experiment in group["places"]:
            row = rows[benchmark]
            columns = columns_of(row, (method, experiment), with_curves=False)
            results.append(result_of(row, (method, experiment), columns))
            within(0.2 * len(results) / len(group["places"]))
        done.append(_group_content(results, group["reference"], within))
    return {"groups": done}


def _group_content(results: Sequence[Result], reference: int, report: Report) -> dict[str, Any]:
    figures = [figure for figure in results[0].experiment.figures() if figure.better]
    content: dict[str, Any] = {
        "figures": {figure.key: {"pairs": {}, "ranks": None, "problems": {}} for figure in figures},
        "apart": [],
        "images": {},
    }
    parts = _by_common_images(results, reference)
    steps = len(parts) * len(figures) + len(figures)
    taken = 0

    def step() -> None:
        nonlocal taken
        taken += 1
        report(0.2 + 0.8 * taken / max(1, steps))

    for common, positions in parts.items():
        if not common:
            content["apart"] += positions
            continue
        for figure in figures:
            _compare_part(content["figures"][figure.key], results, positions, reference, figure)
            step()
    content["apart"].sort()
    for figure in figures:
        content["images"][figure.key] = _disagreeing(results, figure)
        step()
    return content


def _by_common_images(results: Sequence[Result], reference: int) -> dict[bytes, list[int]]:
    """The positions of the other results, those together that have the same images in common with the reference."""
    own = np.unique(results[reference].columns.indices)
    found: dict[bytes, list[int]] = {}
    for position, result in enumerate(results):
        if position != reference:
            common = np.intersect1d(own, result.columns.indices)
            found.setdefault(common.tobytes(), []).append(position)
    return found


def _compare_part(
    content: dict[str, Any], results: Sequence[Result], positions: list[int], reference: int, figure: Figure
) -> None:
    """One figure of results that have the same images in common with the reference, which comes last."""
    order = [*positions, reference]
    try:
        comparison = compare(
            [results[position] for position in order],
            [figure.key],
            reference=len(positions),
            resamples=RESAMPLES,
        )
    except (ParameterError, ValueError) as refused:
        content["problems"] |= {str(position): str(refused) for position in positions}
        return
    (found,) = comparison.figures
    for pair in found.pairs:
        content["pairs"][str(order[pair.first])] = pair.difference.to_dict()
    ranks = _ranks(found, order)
    # Of several sets of images, the one with the most results is ranked.
    if ranks and (content["ranks"] is None or len(ranks["members"]) > len(content["ranks"]["members"])):
        content["ranks"] = ranks


def _ranks(found: FigureComparison, order: Sequence[int]) -> dict[str, Any] | None:
    if found.ranking is None or len(order) < FEWEST_RANKED:
        return None
    return {
        "members": list(order),
        "ranks": [float(rank) for rank in found.ranking.average_ranks],
        "p": found.ranking.p,
        "critical_difference": found.critical_difference,
        "images": found.ranking.images,
    }


def _disagreeing(results: Sequence[Result], figure: Figure) -> list[dict[str, Any]]:
    """The images on which the results differ most in a figure: identifier, class, and by position the values and the
    classes explained.
    """
    parts = {position: result.columns for position, result in enumerate(results) if len(result.columns)}
    if len(parts) < 2:
        return []
    units = units_of(parts, [str(position) for position in range(len(results))], [figure], figure)
    place = next(number for number, column in enumerate(units.columns) if column.key == DISAGREEMENT)
    spread = units.values[place]
    order = np.argsort(-spread, kind="stable")[:IMAGES_KEPT]
    keys = unit_keys(parts)
    every = np.unique(np.concatenate(list(keys.values())))
    return [
        _disagreement(units, int(row), float(spread[row]), parts, keys, int(every[row]))
        for row in order
        if np.isfinite(spread[row])
    ]


def _disagreement(
    units: Units, row: int, spread: float, parts: Mapping[int, Columns], keys: Mapping[int, Any], key: int
) -> dict[str, Any]:
    values = {
        str(column.method): float(units.values[number, row])
        for number, column in enumerate(units.columns)
        if column.method is not None and np.isfinite(units.values[number, row])
    }
    targets = {}
    for position, columns in parts.items():
        at = int(np.searchsorted(keys[position], key))
        if "target" in columns.scalars and at < len(columns) and keys[position][at] == key:
            targets[str(position)] = int(columns.scalars["target"][at])
    return {
        "image": units.images[row],
        "class": str(units.class_names[row]),
        "disagreement": spread,
        "values": values,
        "targets": targets,
    }
