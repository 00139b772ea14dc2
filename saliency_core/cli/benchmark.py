"""The command benchmark: methods measured by experiments over a data set."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saliency_core.cli.arguments import (
    add_method_options,
    add_model_options,
    chosen_classifier,
    whole_number,
)
from saliency_core.cli.progress import ProgressBar
from saliency_core.cli.results import one_file, write_results
from saliency_core.cli.several import ready_methods, wanted_methods
from saliency_core.datasets.base import FORMATS, Dataset, open_dataset
from saliency_core.datasets.class_mappings import BUILTIN_MAPPINGS, class_mapping
from saliency_core.datasets.mapping import ClassMapping
from saliency_core.datasets.subset import stratified_subset_indices, subset_indices
from saliency_core.enhancement.cli_options import enhancements_from
from saliency_core.errors import ParameterError
from saliency_core.experiments.base import Experiment, create_experiment, experiment_description
from saliency_core.experiments.session import MeasuringSession
from saliency_core.scoring.batch_size_memory import recall_or_find_batch_size
from saliency_core.scoring.precision import PRECISIONS
from saliency_core.scoring.runtime_network import WORTH_PREPARING

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier

USUAL_EXPERIMENT = "insertion_deletion"


def add_commands(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "benchmark",
        help="measure methods over a data set",
        description="Measure methods by experiments over a data set; writes a row per image and prints figures "
        "with intervals. One map per image, class and method serves all experiments.",
    )
    add_model_options(parser)
    add_method_options(parser)
    parser.add_argument("--dataset", required=True, metavar="PATH")
    parser.add_argument("--format", default="image-folder", choices=[item.key for item in FORMATS])
    parser.add_argument(
        "--classes",
        metavar="FILE",
        help="what the data set's classes are called by the model: CSV with the columns label,class, or JSON; "
        f"or one of {', '.join(BUILTIN_MAPPINGS)}",
    )
    parser.add_argument(
        "--experiment",
        action="append",
        dest="experiments",
        metavar="KEY[/PROTOCOL]",
        help=f"see the command experiments; may be given several times (default {USUAL_EXPERIMENT})",
    )
    parser.add_argument(
        "--protocol", metavar="NAME", help="preset@version, for experiments given without one"
    )
    parser.add_argument("--limit", type=whole_number(1), metavar="N", help="measure N images drawn at random")
    parser.add_argument(
        "--stratified", action="store_true", help="keep the classes' proportions in that draw"
    )
    parser.add_argument(
        "--subset-seed", type=whole_number(0), default=0, metavar="S", help="seed of that draw"
    )
    parser.add_argument(
        "--batch-size",
        type=whole_number(1),
        metavar="N",
        help="pictures per forward pass (by default the fastest, measured once for a model and device where there is "
        "much to do)",
    )
    parser.add_argument(
        "--pixel-cache", metavar="FOLDER", help="keep decoded images there, so that the next run decodes none"
    )
    parser.add_argument("--precision", default="fp32", choices=PRECISIONS)
    parser.add_argument(
        "--memory", action="store_true", help="measure the memory of making maps on a CPU too (slower)"
    )
    parser.add_argument(
        "--interval", default="percentile", choices=("percentile", "bca"), help="kind of bootstrap interval"
    )
    parser.add_argument(
        "--out",
        required=True,
        metavar="FILE.csv|DIR",
        help="a file for one method and one experiment; otherwise a folder for the tables, LaTeX, figures, JSON",
    )
    parser.set_defaults(run=run)


def _measured_batch_size(
    classifier: Classifier, options: argparse.Namespace, experiments: list[Experiment], images: int
) -> int | None:
    """The fastest batch size; None where so little is to be scored that measuring would not pay."""
    forwards = sum(each.forwards_per_image(each.protocol) for each in experiments) * images
    if forwards < WORTH_PREPARING:
        return None
    return recall_or_find_batch_size(classifier, options.precision)


def run(options: argparse.Namespace) -> None:
    experiments = chosen_experiments(options)
    wanted = wanted_methods(options)
    variants = len(wanted) * len(enhancements_from(options))
    out = Path(options.out)
    if one_file(out) and (len(experiments) > 1 or variants > 1):
        raise ParameterError(
            f"--out {options.out} is one file, but there are {variants} methods and {len(experiments)} "
            "experiments: give a folder."
        )
    dataset = open_dataset(options.format, options.dataset)
    indices = chosen_indices(options, dataset)
    classifier = chosen_classifier(options)
    ready, refused = ready_methods(wanted, classifier, options)
    for key, reason in refused.items():
        print(f"{key}: {reason}", file=sys.stderr)
    if not ready:
        raise ParameterError(f"No method applies to {classifier.title}.")
    explicit = class_mapping(options.classes) if options.classes else None
    session = MeasuringSession(
        classifier,
        dataset,
        indices,
        [item.method for item in ready],
        experiments,
        mapping=ClassMapping.for_labels(
            dataset.present_labels(), classifier.class_names, classifier.class_ids, explicit
        ),
        dataset_facts=_dataset_facts(dataset, options, len(indices)),
        batch_size=options.batch_size or _measured_batch_size(classifier, options, experiments, len(indices)),
        precision=options.precision,
        memory=options.memory,
        pixel_folder=Path(options.pixel_cache) if options.pixel_cache else None,
    )
    (out.parent if one_file(out) else out).mkdir(parents=True, exist_ok=True)
    try:
        _measure(session)
    except KeyboardInterrupt:
        results = session.results()
        if results:
            kept = out.with_name(f"{out.name}.partial")
            write_results(results, kept, options.interval, as_file=one_file(out))
            images = max(len(set(result.columns.images)) for result in results)
            print(f"The {images} images finished so far are in {kept}.", file=sys.stderr)
        raise
    results = session.results()
    report = write_results(results, out, options.interval, as_file=one_file(out))
    print(report, end="")
    where = f"One row per image: {out}" if one_file(out) else f"Tables, figures and JSON: {out}"
    print(f"\n{where}")


def chosen_experiments(options: argparse.Namespace) -> list[Experiment]:
    """The experiments of --experiment under their protocols. Raises ParameterError."""
    chosen = []
    for text in dict.fromkeys(options.experiments or [USUAL_EXPERIMENT]):
        key, _, protocol = text.replace("-", "_", text.partition("/")[0].count("-")).partition("/")
        protocol = protocol or options.protocol or experiment_description(key).default_protocol.name
        chosen.append(create_experiment(key, protocol))
    return chosen


def chosen_indices(options: argparse.Namespace, dataset: Dataset) -> list[int]:
    """The images that --limit, --stratified and --subset-seed choose. Raises ParameterError."""
    if options.stratified and options.limit:
        labels = [dataset.sample(index).label or "" for index in range(len(dataset))]
        return stratified_subset_indices(labels, options.limit, options.subset_seed)
    return subset_indices(len(dataset), options.limit, options.subset_seed)


def _measure(session: MeasuringSession) -> None:
    total = len(session.indices)
    bars: dict[int, ProgressBar] = {}

    def show(method: int, done: int) -> None:
        bars[method].show(done, total)

    for number, method in enumerate(session.methods):
        title = method.description.title
        with ProgressBar(title, unit="images") as bars[number]:
            session.run_method(number, show)


def _dataset_facts(dataset: Dataset, options: argparse.Namespace, count: int) -> dict[str, Any]:
    facts = {
        "name": Path(options.dataset).name,
        "path": options.dataset,
        "format": options.format,
        "images": len(dataset),
        "measured": count,
        "fingerprint": dataset.fingerprint(),
    }
    if count < len(dataset):
        facts |= {"subset seed": options.subset_seed, "stratified": options.stratified}
    return facts
