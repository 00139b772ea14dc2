"""A comparison to take away: tables, tests, LaTeX, a report and one JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from saliency_core.experiments.columns import Columns
from saliency_core.output.cells import neutralised
from saliency_core.output.comparison import PAIR_COLUMNS
from saliency_core.output.files import csv_lines
from saliency_core.output.json_document import document
from saliency_core.output.latex import Style, matrix_table
from saliency_core.output.numbers import scaled
from saliency_core.output.summarised import Summarised
from saliency_core.output.tables import summary_rows
from saliency_core.output.text import blocks, results_text
from webapp.benchmarks.exports import summary_of
from webapp.benchmarks.results import result_of
from webapp.comparisons.groups import meaning
from webapp.comparisons.page import ComparisonPage

SCHEMA = "saliscope-comparison/1"


def summarised_results(page: ComparisonPage) -> list[Summarised]:
    """The results with the figures that are kept, under names that tell them apart."""
    found = []
    for position, each in enumerate(page.measured):
        row = page.summaries.get(each.place)
        columns = Columns(failures=row.content["failures"] if row else [])
        result = result_of(each.benchmark, each.place[1:], columns)
        alike = [other for other in found if _cell_of(other.result) == _cell_of(result)]
        if alike:
            # Two runs of one specification would share a cell of a table.
            result = replace(
                result, method_title=f"{result.method_title} (#{each.benchmark.pk}, {position + 1})"
            )
        found.append(Summarised(result, summary_of(row, result)))
    return found


def _cell_of(result: Any) -> tuple[str, ...]:
    """What a table tells results apart by."""
    facts = (result.parameters, result.enhancement, result.dataset, result.experiment.protocol.to_dict())
    return (
        result.model,
        result.weights_sha256,
        result.method_title,
        *(json.dumps(each, sort_keys=True, default=str) for each in facts),
    )


def summary_csv(page: ComparisonPage) -> Iterator[str]:
    """One row a result and figure, with everything that the figure depends on."""
    return csv_lines(summary_rows(summarised_results(page)))


def tests_csv(page: ComparisonPage) -> Iterator[str]:
    """One row a figure and result: its difference to the reference with intervals, tests and effect sizes."""
    return csv_lines(_test_rows(page))


def _test_rows(page: ComparisonPage) -> Iterator[list[str]]:
    columns = [name for name in PAIR_COLUMNS if not name.endswith("_holm")]
    yield [*columns, "p_holm", "test", "problem"]
    for figure in page.figures:
        found = page.differences(figure)
        for places, reference in page.paired_members:
            base = page.looks[places[reference]].title
            for offset, place in enumerate(places):
                if offset == reference:
                    continue
                pair = found.get(place)
                values = {"figure": figure.key, "unit": figure.unit, "better": figure.better}
                values |= {"first": neutralised(page.looks[place].title), "second": neutralised(base)}
                if pair is not None:
                    values |= {
                        "difference": _number(pair["value"], figure.unit),
                        "low": _number(pair["low"], figure.unit),
                        "high": _number(pair["high"], figure.unit),
                    }
                    values |= {
                        name: _number(pair[name], "")
                        for name in (
                            "n",
                            "p_wilcoxon",
                            "p_bootstrap",
                            "rank_biserial",
                            "d_z",
                            "wins",
                            "losses",
                            "ties",
                        )
                    }
                    values |= {"p_holm": _number(pair["p"], ""), "test": pair["test"]}
                else:
                    values["problem"] = "no paired comparison"
                yield [values.get(name, "") for name in (*columns, "p_holm", "test", "problem")]


def _number(value: float | None, unit: str) -> str:
    return "" if value is None else f"{scaled(value, unit):.8g}"


def latex(page: ComparisonPage) -> str:
    """A table for every protocol, data set and model, with intervals."""
    style = Style(intervals="half_width", second=True)
    return "\n".join(matrix_table(block, style=style) for block in blocks(summarised_results(page)))


def report(page: ComparisonPage) -> str:
    """Figures, what stands against comparing them, differences to the reference, and how everything was made."""
    lines = [results_text(summarised_results(page))]
    for group in page.strict_groups:
        for key in group.keys:
            names = [
                page.looks[page.positions[each.place]].title
                for each, marks in zip(group.members, group.marks, strict=True)
                if key in marks
            ]
            lines.append(f"Caution: {', '.join(names)}: {meaning(key)}.")
    rows = list(_test_rows(page))
    if len(rows) > 1:
        from saliency_core.output.text import aligned

        wanted = [
            "figure",
            "first",
            "second",
            "difference",
            "low",
            "high",
            "n",
            "p_holm",
            "test",
            "rank_biserial",
            "d_z",
        ]
        places = [rows[0].index(name) for name in wanted]
        lines += ["", "Differences to the reference on the images that both have (p: Holm's correction)", ""]
        lines += aligned([[row[place] for place in places] for row in rows])
    return "\n".join(lines) + "\n"


def comparison_document(page: ComparisonPage) -> dict[str, Any]:
    """Results as in saliscope-results/1 without single images, the tables' marks, and the paired comparison."""
    return {
        "schema": SCHEMA,
        "experiment": page.choice.experiment,
        "reference": page.choice.reference,
        "results": [
            {"result": each.chosen.name, "benchmark": each.benchmark.pk, **content}
            for each, content in zip(
                page.measured, document(summarised_results(page), with_images=False)["results"], strict=True
            )
        ],
        "tables": [
            {
                "protocol": group.members[0].experiment.protocol.full_name,
                "reference": group.members[group.reference].chosen.name,
                "results": [
                    {"result": each.chosen.name, "differs_in": list(marks)}
                    for each, marks in zip(group.members, group.marks, strict=True)
                ],
            }
            for group in page.strict_groups
        ],
        "comparison": _comparison(page),
    }


def _comparison(page: ComparisonPage) -> dict[str, Any]:
    paired = page.paired
    if paired.content is None:
        return {"state": paired.job.state if paired.job else "none", "groups": []}
    groups = [
        {
            "results": [page.measured[place].chosen.name for place in places],
            "reference": page.measured[places[reference]].chosen.name,
            **content,
        }
        for (places, reference), content in zip(page.paired_members, paired.content["groups"], strict=True)
    ]
    return {"state": "ready", "groups": groups}


def json_text(page: ComparisonPage) -> str:
    return json.dumps(comparison_document(page), ensure_ascii=False, allow_nan=False, default=float)
