"""A benchmark's rows as the results that saliency_core's tables, plots and comparisons are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saliency_core.experiments.base import Experiment, create_experiment
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.result import Result
from saliency_core.methods.registry import method_description
from webapp.benchmarks.methods import enhancement_of
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.selectors import environments_of, results_of, working_seconds

Place = tuple[int, int]
"""(method_index, experiment_index)"""


def places_of(benchmark: Benchmark) -> list[Place]:
    """Every method under every experiment, method by method."""
    specification = benchmark.specification
    return [
        (method, experiment)
        for method in range(len(specification["methods"]))
        for experiment in range(len(specification["experiments"]))
    ]


def experiment_of(benchmark: Benchmark, experiment_index: int) -> Experiment:
    """The experiment under its protocol."""
    chosen = benchmark.specification["experiments"][experiment_index]
    return create_experiment(chosen["key"], chosen["protocol"])


def results(benchmark: Benchmark, *, with_curves: bool = True) -> list[Result]:
    """What is finished of every method under every experiment, with all that is needed to quote it.

    Those without any result yet have empty columns.
    """
    environment = environment_of(benchmark)
    return [
        result_of(benchmark, place, columns_of(benchmark, place, with_curves=with_curves), environment)
        for place in places_of(benchmark)
    ]


def columns_of(benchmark: Benchmark, place: Place, *, with_curves: bool = True) -> Columns:
    """What is finished of one method under one experiment. `with_curves` False: curves only where a figure is made of
    them.
    """
    method, experiment = place
    needed = any(figure.curve for figure in experiment_of(benchmark, experiment).figures())
    return results_of(
        benchmark, method_index=method, experiment_index=experiment, with_curves=with_curves or needed
    )


def result_of(
    benchmark: Benchmark, place: Place, columns: Columns, environment: Mapping[str, Any] | None = None
) -> Result:
    """These columns as the result of one method under one experiment of the benchmark."""
    specification = benchmark.specification
    classifier, dataset, subset = (specification[key] for key in ("classifier", "dataset", "subset"))
    method = specification["methods"][place[0]]
    experiment = experiment_of(benchmark, place[1])
    protocol = experiment.protocol
    preprocessing = classifier["preprocessing"] | {"pipeline": protocol.pipeline, "size": protocol.size}
    if "activation" in classifier:
        preprocessing["activation"] = classifier["activation"]
    return Result(
        model=classifier["name"],
        architecture=f"{classifier['library']}:{classifier['architecture']}",
        weights_sha256=classifier["weights_sha256"] or "",
        preprocessing={"name": f"{protocol.pipeline} {protocol.size}", **preprocessing},
        method=method["key"],
        method_title=method_description(method["key"]).title,
        parameters=method["parameters"],
        enhancement=enhancement_of(method),
        experiment=experiment,
        dataset={
            "name": dataset["name"],
            "format": dataset["format"],
            "images": dataset["number_of_images"],
            "measured": subset["count"],
            "fingerprint": dataset["fingerprint"],
            **{f"subset {name}": value for name, value in subset.items() if name != "count"},
        },
        columns=columns,
        precision=specification["precision"],
        environment=environment or {},
    )


def environment_of(benchmark: Benchmark) -> dict[str, Any]:
    """When, where and with what the shards were computed."""
    found = environments_of(benchmark)
    seconds = working_seconds(benchmark)
    return {
        "started": benchmark.started.isoformat(timespec="seconds") if benchmark.started else "not yet",
        "seconds": None if seconds is None else round(seconds, 1),
        "device": ", ".join(sorted({str(each.get("device")) for each in found})) or "none yet",
        "versions": found[0].get("versions", {}) if found else {},
    }
