"""Several results on the same images: differences with tests, ranks, and what stands against comparing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np

from saliency_core.errors import ParameterError, suggestion
from saliency_core.experiments.figures import Figure
from saliency_core.experiments.result import Result
from saliency_core.output.axes import titles
from saliency_core.output.cells import neutralised
from saliency_core.output.numbers import MISSING, p_text, scaled, shown_interval, sign
from saliency_core.output.text import aligned
from saliency_core.statistics.comparability import differences
from saliency_core.statistics.intervals import Interval, IntervalMethod, number
from saliency_core.statistics.multiple import holm
from saliency_core.statistics.paired import PairedDifference, pairwise_table
from saliency_core.statistics.ranking import Friedman, cliques, friedman, nemenyi_critical_difference

_LEVELS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
_WILCOXON, _BOOTSTRAP = "Wilcoxon signed-rank test", "bootstrap over images"
_EITHER = f"{_WILCOXON}; {_BOOTSTRAP} where single images have no figure"


@dataclass(frozen=True)
class Pair:
    """The result with the position ``first`` minus that with the position ``second``; p-values adjusted by
    Holm's method over the pairs that are compared.
    """

    first: int
    second: int
    difference: PairedDifference
    p_wilcoxon_holm: float | None
    p_bootstrap_holm: float | None


@dataclass(frozen=True)
class FigureComparison:
    """One figure of all results on the ``images`` images that all of them have.

    ``intervals``: the figure of each result there. ``ranking``: average ranks within images with Friedman's
    test, ``critical_difference`` by Nemenyi and the groups that do not differ by it (positions, best first);
    None where single images have no value or there are fewer than three results.
    """

    figure: Figure
    images: int
    intervals: tuple[Interval, ...]
    pairs: tuple[Pair, ...]
    ranking: Friedman | None
    critical_difference: float | None
    groups: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Comparison:
    """``titles`` name the results; ``reference`` is the position of the one all others are compared with, or
    None for all pairs. ``warnings``: sentences on what differs beside the methods.
    """

    titles: tuple[str, ...]
    reference: int | None
    figures: tuple[FigureComparison, ...]
    warnings: tuple[str, ...]
    confidence: float
    alpha: float


def compare(
    results: Sequence[Result],
    figures: Sequence[str] | None = None,
    *,
    reference: int | str | None = None,
    method: IntervalMethod = "percentile",
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
    alpha: float = 0.05,
    report_progress: Callable[[float], None] = lambda _share: None,
) -> Comparison:
    """Compare results of one protocol, paired by image.

    ``figures``: keys, by default the experiment's own that have a better end. ``reference``: position or
    title of a result; every other one is then compared with it (other minus reference), else all pairs are.
    ``report_progress`` is told the share that is done before each figure, and may raise to stop.
    Raises ParameterError for fewer than two results, several protocols or several data sets, or no image in
    common.
    """
    if len(results) < 2:
        raise ParameterError("A comparison needs two results or more.")
    names = titles(results)
    base = _position(reference, names)
    warnings = _warnings(results, names)
    own = [figure.key for figure in results[0].experiment.figures() if figure.better]
    chosen = [_figure(results[0], key) for key in (own if figures is None else figures)]
    drawing: dict[str, Any] = {
        "method": method,
        "confidence": confidence,
        "resamples": resamples,
        "seed": seed,
    }
    compared: list[FigureComparison] = []
    for figure in chosen:
        report_progress(len(compared) / len(chosen))
        compared.append(_compare_figure(results, figure, base, alpha, drawing))
    return Comparison(tuple(names), base, tuple(compared), tuple(warnings), confidence, alpha)


def _position(reference: int | str | None, names: Sequence[str]) -> int | None:
    if isinstance(reference, str):
        if reference not in names:
            raise ParameterError(
                f"No result is called {reference!r}; there are {', '.join(names)}.{suggestion(reference, names)}"
            )
        return list(names).index(reference)
    if reference is not None and not 0 <= reference < len(names):
        raise ParameterError(f"There is no result {reference}; they are numbered 0 to {len(names) - 1}.")
    return reference


def _figure(result: Result, key: str) -> Figure:
    known = {figure.key: figure for figure in result.figures}
    if key not in known:
        raise ParameterError(
            f"There is no figure {key!r}; there are {', '.join(known)}.{suggestion(key, known)}"
        )
    return known[key]


def _warnings(results: Sequence[Result], names: Sequence[str]) -> list[str]:
    """What differs, each sentence once with the pairs it is true of. Raises ParameterError where figures are
    not comparable at all.
    """
    facts = [_facts(result) for result in results]
    found: dict[str, list[str]] = {}
    for first, second in combinations(range(len(results)), 2):
        for difference in differences(facts[first], facts[second]):
            if difference.severe or (difference.key == "dataset" and _both(facts, first, second)):
                raise ParameterError(f"{names[first]} / {names[second]}: {difference.sentence}")
            found.setdefault(difference.sentence, []).append(f"{names[first]} / {names[second]}")
    pairs = len(results) * (len(results) - 1) // 2
    return [
        sentence if len(where) == pairs and pairs > 1 else f"{_some(where)}: {sentence}"
        for sentence, where in found.items()
    ]


def _both(facts: Sequence[Mapping[str, Any]], first: int, second: int) -> bool:
    """Whether both data sets are known: images of two of them cannot be paired."""
    return bool(facts[first]["dataset_fingerprint"] and facts[second]["dataset_fingerprint"])


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _facts(result: Result) -> dict[str, Any]:
    return {
        "protocol": result.experiment.protocol.to_dict(),
        "preprocessing": dict(result.preprocessing),
        "weights_sha256": result.weights_sha256,
        "dataset_fingerprint": result.dataset.get("fingerprint"),
        "indices": np.unique(result.columns.indices),
        "precision": result.precision,
        "versions": result.environment.get("versions"),
    }


def _compare_figure(
    results: Sequence[Result], figure: Figure, base: int | None, alpha: float, drawing: Mapping[str, Any]
) -> FigureComparison:
    # The reference comes last: a pair of the table is then "other minus reference".
    order = [place for place in range(len(results)) if place != base] + ([] if base is None else [base])
    common = reduce(np.intersect1d, [result.columns.indices for result in results])
    if not len(common):
        raise ParameterError("The results have no image in common.")
    columns = [result.columns.rows(np.isin(result.columns.indices, common)) for result in results]
    better = {"higher": "higher", "lower": "lower"}.get(figure.better, "")
    table = pairwise_table(
        [figure.table(columns[place]) for place in order],
        figure.combine,
        [columns[place].indices for place in order],
        reference=None if base is None else len(order) - 1,
        single_images=figure.of_single_images,
        better=better,  # type: ignore[arg-type]
        **drawing,
    )
    wanted = table.pairs
    by_ranks = holm([pair.difference.p_wilcoxon for pair in wanted])
    by_draws = holm([pair.difference.p_bootstrap for pair in wanted])
    pairs = tuple(
        Pair(order[pair.first], order[pair.second], pair.difference, number(ranks), number(draws))
        for pair, ranks, draws in zip(wanted, by_ranks, by_draws, strict=True)
    )
    back = np.argsort(order)
    ranking: Friedman | None = None
    critical: float | None = None
    groups: tuple[tuple[int, ...], ...] = ()
    if len(results) > 2 and figure.better:
        found = friedman(table.values[:, back], better)  # type: ignore[arg-type]
        if found.images:
            ranking = found
            critical = nemenyi_critical_difference(found.methods, found.images, alpha)
            groups = tuple(cliques(found.average_ranks, critical))
    intervals = tuple(table.intervals[place] for place in back)
    return FigureComparison(figure, len(table.images), intervals, pairs, ranking, critical, groups)


def significance_marks(comparison: Comparison) -> dict[tuple[int, str], str]:
    """For latex.Style.marks: "*", "**", "***" for results that differ from the reference with p < 0.05, 0.01,
    0.001 (Wilcoxon's signed ranks; the bootstrap where single images have no value; adjusted by Holm).

    Raises ParameterError for a comparison without a reference.
    """
    if comparison.reference is None:
        raise ParameterError("Marks of significance need a reference that results are compared with.")
    marks = {}
    for each in comparison.figures:
        for pair in each.pairs:
            p = _p(pair)
            mark = next((text for level, text in _LEVELS if p is not None and p < level), "")
            if mark:
                marks[pair.first, each.figure.key] = mark
    return marks


def marks_note(comparison: Comparison) -> str:
    """What the marks mean, for latex.Style.marks_note."""
    assert comparison.reference is not None
    tests = {_WILCOXON if pair.p_wilcoxon_holm is not None else _BOOTSTRAP for pair in _tested(comparison)}
    by = _WILCOXON if tests == {_WILCOXON} else _BOOTSTRAP if tests == {_BOOTSTRAP} else _EITHER
    return (
        f"*, **, ***: different from {comparison.titles[comparison.reference]} with p < 0.05, 0.01, 0.001 "
        f"({by}, Holm's correction)"
    )


def _tested(comparison: Comparison) -> list[Pair]:
    return [pair for each in comparison.figures for pair in each.pairs if _p(pair) is not None]


def _p(pair: Pair) -> float | None:
    return pair.p_bootstrap_holm if pair.p_wilcoxon_holm is None else pair.p_wilcoxon_holm


# --- as text and as rows ---------------------------------------------------------------------------------


def comparison_text(comparison: Comparison) -> str:
    """Every figure's differences with interval, tests and effect sizes, then the ranks."""
    against = (
        "all pairs"
        if comparison.reference is None
        else f"each against {comparison.titles[comparison.reference]}"
    )
    lines = [f"Paired comparison, {against}", ""]
    lines += [f"Caution: {sentence}" for sentence in comparison.warnings]
    lines += [""] if comparison.warnings else []
    lines += [
        f"Differences with {100 * comparison.confidence:g} % bootstrap intervals, by image; p: Wilcoxon "
        "signed-rank (W) and bootstrap (B),",
        "adjusted by Holm's method over the lines of a block; r: matched-pairs rank-biserial correlation; "
        "d: Cohen's d_z.",
    ]
    for each in comparison.figures:
        lines += ["", f"{_heading(each.figure)}, {each.images:,} images in common", ""]
        rows = [["First", "Second", "Difference", "p (W)", "p (B)", "r", "d", "Better/worse/equal"]]
        for pair in each.pairs:
            found = pair.difference
            rows.append(
                [
                    comparison.titles[pair.first],
                    comparison.titles[pair.second],
                    _signed(found, each.figure.unit),
                    p_text(pair.p_wilcoxon_holm),
                    p_text(pair.p_bootstrap_holm),
                    _plain(found.rank_biserial),
                    _plain(found.d_z),
                    f"{found.wins}/{found.losses}/{found.ties}",
                ]
            )
        lines += aligned(rows)
        lines += _rank_lines(each, comparison)
    return "\n".join(lines) + "\n"


def _heading(figure: Figure) -> str:
    unit = (
        f" ({'percentage points' if figure.unit == 'percent' else sign(figure.unit)})" if figure.unit else ""
    )
    better = f", {figure.better} is better" if figure.better else ""
    return f"{figure.title}{unit}{better}"


def _signed(found: PairedDifference, unit: str) -> str:
    text = shown_interval(Interval(found.value, found.low, found.high, found.n), unit)
    return f"+{text}" if found.value is not None and not text.startswith("-") and found.value > 0 else text


def _plain(value: float | None) -> str:
    return MISSING if value is None else f"{value:+.2f}"


def _rank_lines(each: FigureComparison, comparison: Comparison) -> list[str]:
    ranking = each.ranking
    if ranking is None or each.critical_difference is None:
        return []
    order = np.argsort(ranking.average_ranks, kind="stable")
    chi = MISSING if ranking.chi_square is None else f"{ranking.chi_square:.2f}"
    lines = [
        "",
        f"Average ranks over {ranking.images:,} images (1 is best); Friedman χ² = {chi}, "
        f"p {'' if (ranking.p or 0) < 0.001 else '= '}{p_text(ranking.p)}; critical difference "
        f"{each.critical_difference:.3f} (Nemenyi, α = {comparison.alpha:g})",
    ]
    lines += aligned([[f"{ranking.average_ranks[place]:.3f}", comparison.titles[place]] for place in order])
    for group in each.groups:
        lines.append("not different: " + ", ".join(comparison.titles[place] for place in group))
    return lines


PAIR_COLUMNS: tuple[str, ...] = (
    "figure",
    "unit",
    "better",
    "first",
    "second",
    "difference",
    "low",
    "high",
    "n",
    "p_wilcoxon",
    "p_wilcoxon_holm",
    "p_bootstrap",
    "p_bootstrap_holm",
    "rank_biserial",
    "d_z",
    "wins",
    "losses",
    "ties",
)
RANK_COLUMNS: tuple[str, ...] = (
    "figure",
    "result",
    "value",
    "low",
    "high",
    "unit",
    "average_rank",
    "images",
    "chi_square",
    "p",
    "critical_difference",
    "alpha",
)


def pair_rows(comparison: Comparison) -> Iterator[list[str]]:
    """One row per figure and pair; differences are in the unit (percentage points for "percent")."""
    yield list(PAIR_COLUMNS)
    for each in comparison.figures:
        unit = each.figure.unit
        for pair in each.pairs:
            found = pair.difference
            yield [
                each.figure.key,
                unit,
                each.figure.better,
                neutralised(comparison.titles[pair.first]),
                neutralised(comparison.titles[pair.second]),
                *(_number(_scaled(end, unit)) for end in (found.value, found.low, found.high)),
                str(found.n),
                _number(found.p_wilcoxon),
                _number(pair.p_wilcoxon_holm),
                _number(found.p_bootstrap),
                _number(pair.p_bootstrap_holm),
                _number(found.rank_biserial),
                _number(found.d_z),
                str(found.wins),
                str(found.losses),
                str(found.ties),
            ]


def rank_rows(comparison: Comparison) -> Iterator[list[str]]:
    """One row per figure and result: the figure on the common images, and its average rank."""
    yield list(RANK_COLUMNS)
    for each in comparison.figures:
        ranking, unit = each.ranking, each.figure.unit
        for place, title in enumerate(comparison.titles):
            interval = each.intervals[place]
            yield [
                each.figure.key,
                neutralised(title),
                *(_number(_scaled(end, unit)) for end in (interval.value, interval.low, interval.high)),
                unit,
                _number(None if ranking is None else ranking.average_ranks[place]),
                str(each.images if ranking is None else ranking.images),
                _number(None if ranking is None else ranking.chi_square),
                _number(None if ranking is None else ranking.p),
                _number(each.critical_difference),
                f"{comparison.alpha:g}",
            ]


def _scaled(value: float | None, unit: str) -> float | None:
    return None if value is None else scaled(value, unit)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.8g}"
