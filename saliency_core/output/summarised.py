"""A result together with its figures and intervals, computed once for every kind of output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from saliency_core.errors import ParameterError, suggestion
from saliency_core.experiments.figures import Figure
from saliency_core.experiments.result import Result
from saliency_core.experiments.summary import summarise_result
from saliency_core.statistics.intervals import Interval, IntervalMethod


@dataclass(frozen=True)
class Summarised:
    """``summary`` is what summarise_result makes of ``result``."""

    result: Result
    summary: Mapping[str, Any]

    def figure(self, key: str) -> Figure:
        """The result's figure of that key. Raises ParameterError."""
        known = {figure.key: figure for figure in self.result.figures}
        if key not in known:
            raise ParameterError(
                f"{self.result.experiment.protocol.full_name} has no figure {key!r}; it has "
                f"{', '.join(known)}.{suggestion(key, known)}"
            )
        return known[key]

    def interval(self, key: str) -> Interval:
        return Interval(**self.summary["figures"][key])


def summarised(
    results: Iterable[Result],
    *,
    method: IntervalMethod = "percentile",
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> list[Summarised]:
    """Each result with its summary; options as in summarise_result."""
    return [
        Summarised(
            result,
            summarise_result(result, method=method, confidence=confidence, resamples=resamples, seed=seed),
        )
        for result in results
    ]


def confidence_of(results: Iterable[Summarised]) -> float:
    """The confidence of the results' intervals. Raises ParameterError where they differ."""
    found = {each.summary["interval"]["confidence"] for each in results}
    if len(found) > 1:
        raise ParameterError("The results have intervals of different confidence; summarise them alike.")
    return float(next(iter(found), 0.95))
