"""Make the thesis' four tables and two figures on material that can be had anywhere.

    python tools/thesis_results.py table-3-2 --data DATA --out docs/results

NAME is table-3-2 (insertion / deletion), table-3-3 (pointing game), table-4-2 (perturbation), table-4-4
(segmentation), figure-3-2 (maps with their curves) or figure-3-4 (sanity check), or all. DATA is a folder with
weights/, imagenet-samples/, ecssd-200/ and coco128/ (see docs/results/README.md); without it only Shapes is used, whose
images and classifiers come with Saliscope.

A table is written as NAME.md with intervals and paired comparisons, as NAME.csv and as NAME.tex in the thesis' layout.
What is measured is kept in --cache, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from saliency_core import create_method, load_classifier  # noqa: E402
from saliency_core.classifiers.classifier import Classifier  # noqa: E402
from saliency_core.cli.main import main as run_command  # noqa: E402
from saliency_core.datasets.base import Dataset, open_dataset  # noqa: E402
from saliency_core.datasets.class_mappings import class_mapping  # noqa: E402
from saliency_core.datasets.mapping import ClassMapping  # noqa: E402
from saliency_core.datasets.sample_photographs import write_sample_photographs  # noqa: E402
from saliency_core.datasets.shapes import write_shapes  # noqa: E402
from saliency_core.datasets.subset import subset_indices  # noqa: E402
from saliency_core.enhancement.sliding_window import SlidingWindowEnhancement  # noqa: E402
from saliency_core.experiments.base import create_experiment  # noqa: E402
from saliency_core.experiments.session import MeasuringSession  # noqa: E402
from saliency_core.output import latex  # noqa: E402
from saliency_core.output.comparison import compare, comparison_text  # noqa: E402
from saliency_core.output.files import write_rows, write_text  # noqa: E402
from saliency_core.output.json_document import read_json, write_json  # noqa: E402
from saliency_core.output.matrix import matrix  # noqa: E402
from saliency_core.output.summarised import Summarised, summarised  # noqa: E402
from saliency_core.output.tables import summary_rows  # noqa: E402
from saliency_core.output.text import blocks, matrix_lines  # noqa: E402

# Name → (classifier, weights file below DATA or None where Saliscope brings the weights)
MODELS = {
    "shapes_cnn": ("shapes_cnn", None),
    "shapes_vit": ("shapes_vit", None),
    "squeezenet": ("torchvision:squeezenet1_1", "weights/squeezenet1_1.safetensors"),
    "efficientnet": ("efficientnet_lite0", None),
    "deit_tiny": ("timm:deit_tiny_patch16_224", "weights/deit_tiny_patch16_224.safetensors"),
}
# Name → (format, folder below DATA or None for Shapes, class mapping)
DATASETS = {
    "shapes": ("shapes", None, None),
    "photographs": ("image-folder", "imagenet-samples", None),
    "ecssd": ("masked-folder", "ecssd-200", None),
    "coco128": ("coco", "coco128", "coco-to-imagenet"),
}
SHAPES = {"images": 1000, "size": 224, "seed": 20_261_123}
ENHANCED: dict[str, Any] = {}
COVERAGE_DIVIDED = {"coverage_normalise": True}

CAM_METHODS = (
    "grad_cam",
    "grad_cam_plus_plus",
    "xgrad_cam",
    "score_cam",
    "group_cam",
    "cameras",
    "msg_cam",
)
"""The columns of the thesis' tables 3-2 and 3-3."""
QUICK_CAM_METHODS = tuple(method for method in CAM_METHODS if method != "score_cam")
FURTHER_METHODS = (
    "layer_cam",
    "relevance_cam",
    "smooth_grad",
    "integrated_gradients",
    "guided_backpropagation",
    "lrp",
    "random_map",
    "centre_gaussian",
)
TRANSFORMER_METHODS = ("vit_grad_cam", "vit_lrp", "partial_lrp", "transformer_attribution")
CNN_METHODS = ("grad_cam", "grad_cam_plus_plus")


@dataclass(frozen=True)
class Job:
    """Methods with and without the enhancement, measured with one model on one data set."""

    model: str
    dataset: str
    images: int
    methods: tuple[str, ...]
    experiments: tuple[str, ...]
    variants: tuple[Mapping[str, Any] | None, ...] = (None,)
    baselines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    title: str
    jobs: tuple[Job, ...]
    experiments: tuple[str, ...]
    reference: str
    compared: tuple[str, ...] = field(default=())


INSERTION = ("insertion_deletion/thesis@1",)
POINTING = ("pointing_game/thesis@1", "pointing_game/torchray@1")
PERTURBATION = ("perturbation/chefer@1", "perturbation/chefer-label@1")
SEGMENTATION = ("segmentation/chefer@1",)
VARIANTS = (None, ENHANCED, COVERAGE_DIVIDED)
ALL_CNN = CAM_METHODS + FURTHER_METHODS

# Shapes has labels, boxes and masks: one pass over its images serves three tables.
_SHAPES_CNN = Job("shapes_cnn", "shapes", 60, ALL_CNN, INSERTION + POINTING)
_SHAPES_ENHANCED = (
    Job(
        "shapes_vit",
        "shapes",
        60,
        TRANSFORMER_METHODS,
        PERTURBATION + SEGMENTATION,
        VARIANTS,
        ("coverage_pattern",),
    ),
    Job(
        "shapes_cnn", "shapes", 60, CNN_METHODS, PERTURBATION + SEGMENTATION, VARIANTS, ("coverage_pattern",)
    ),
)
TABLES = {
    "table-3-2": Table(
        "Insertion / deletion (thesis, table 3-2)",
        (
            _SHAPES_CNN,
            Job("squeezenet", "photographs", 25, ALL_CNN, INSERTION),
            Job("efficientnet", "photographs", 6, (*QUICK_CAM_METHODS, "random_map"), INSERTION),
            Job(
                "squeezenet",
                "photographs",
                25,
                ("grad_cam",),
                INSERTION,
                (ENHANCED,),
                ("coverage_pattern",),
            ),
        ),
        INSERTION,
        "MSG-CAM",
    ),
    "table-3-3": Table(
        "Pointing game (thesis, table 3-3)",
        (
            _SHAPES_CNN,
            Job("squeezenet", "coco128", 25, (*QUICK_CAM_METHODS, "random_map", "centre_gaussian"), POINTING),
        ),
        POINTING,
        "MSG-CAM",
    ),
    "table-4-2": Table(
        "Positive and negative perturbation (thesis, table 4-2)",
        (
            *_SHAPES_ENHANCED,
            Job(
                "deit_tiny",
                "photographs",
                6,
                TRANSFORMER_METHODS,
                PERTURBATION,
                (None, ENHANCED),
                ("coverage_pattern",),
            ),
            Job("squeezenet", "photographs", 16, CNN_METHODS, PERTURBATION, VARIANTS, ("coverage_pattern",)),
        ),
        PERTURBATION,
        "Coverage pattern",
    ),
    "table-4-4": Table(
        "Segmentation (thesis, table 4-4)",
        (
            *_SHAPES_ENHANCED,
            Job(
                "deit_tiny",
                "ecssd",
                10,
                TRANSFORMER_METHODS,
                SEGMENTATION,
                (None, ENHANCED),
                ("coverage_pattern",),
            ),
            Job("squeezenet", "ecssd", 16, CNN_METHODS, SEGMENTATION, VARIANTS, ("coverage_pattern",)),
        ),
        SEGMENTATION,
        "Coverage pattern",
    ),
}


class Material:
    """Classifiers and data sets, opened once."""

    def __init__(self, data: Path | None, device: str) -> None:
        self.data, self.device = data, device
        self._classifiers: dict[str, Classifier] = {}
        self._shapes = tempfile.TemporaryDirectory()

    def available(self, job: Job) -> bool:
        wanted = (MODELS[job.model][1], DATASETS[job.dataset][1])
        return all(part is None or (self.data is not None and (self.data / part).exists()) for part in wanted)

    def classifier(self, name: str) -> Classifier:
        if name not in self._classifiers:
            key, file = MODELS[name]
            weights = None if file is None or self.data is None else self.data / file
            self._classifiers[name] = load_classifier(key, weights=weights, device=self.device)
        return self._classifiers[name]

    def dataset(self, name: str) -> Dataset:
        format, part, _ = DATASETS[name]
        if part is None:
            folder = Path(self._shapes.name)
            if not any(folder.iterdir()):
                write_shapes(folder, **SHAPES)
            return open_dataset(format, folder)
        assert self.data is not None
        return open_dataset(format, self.data / part)

    def mapping(self, name: str, dataset: Dataset, classifier: Classifier) -> ClassMapping:
        named = DATASETS[name][2]
        return ClassMapping.for_labels(
            dataset.present_labels(),
            classifier.class_names,
            classifier.class_ids,
            class_mapping(named) if named else None,
        )


def measured(job: Job, material: Material, cache: Path, from_cache: bool = False) -> list[Summarised]:
    """The job's results: those kept in the cache, and, unless ``from_cache``, the others after measuring them."""
    results: list[Summarised] = []
    chosen = [(method, variant) for method in job.methods for variant in job.variants]
    chosen += [(method, None) for method in job.baselines]
    for method, variant in chosen:
        kept = cache / f"{_key(job, method, variant)}.json"
        if not kept.exists() and from_cache:
            continue
        if not kept.exists():
            write_json(kept, summarised(_measure(job, method, variant, material)))
        results += read_json(kept)
    return results


def _key(job: Job, method: str, variant: Mapping[str, Any] | None) -> str:
    facts = [job.model, job.dataset, job.images, job.experiments, method, variant, SHAPES]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
    return f"{job.model}-{job.dataset}-{method}-{digest}"


def _measure(job: Job, key: str, variant: Mapping[str, Any] | None, material: Material) -> Iterable[Any]:
    classifier, dataset = material.classifier(job.model), material.dataset(job.dataset)
    indices = subset_indices(len(dataset), job.images, seed=0)
    method = create_method(key, classifier)
    if variant is not None:
        method = SlidingWindowEnhancement(method, **variant)
    session = MeasuringSession(
        classifier,
        dataset,
        indices,
        [method],
        [create_experiment(*named.split("/")) for named in job.experiments],
        mapping=material.mapping(job.dataset, dataset, classifier),
        dataset_facts={
            "name": job.dataset,
            "format": DATASETS[job.dataset][0],
            "images": len(dataset),
            "measured": len(indices),
            "fingerprint": dataset.fingerprint(),
            "subset seed": 0,
        },
    )
    results = session.run()
    seconds = results[0].environment["seconds"]
    print(f"{job.model}, {job.dataset}, {method.description.title}: {seconds:.0f} s", flush=True)
    return results


def write_table(
    name: str, material: Material, cache: Path, out: Path, command: str, from_cache: bool
) -> None:
    table = TABLES[name]
    results: list[Summarised] = []
    for job in table.jobs:
        if material.available(job):
            found = measured(job, material, cache, from_cache)
            results += [each for each in found if _protocol(each) in table.experiments]
    lines = [
        f"# {table.title}",
        "",
        "<!-- Written by tools/thesis_results.py; not by hand. -->",
        "",
        f"`{command}`",
        "",
        "Value [95 % bootstrap interval over images]; * the best of its column. ↑ higher is better, ↓ lower.",
        f"The same figures as a table for LaTeX: [{name}.tex]({name}.tex), for spreadsheets: [{name}.csv]({name}.csv).",
    ]
    for block in blocks(results):
        first = block[0].result
        keys = [figure.key for figure in first.experiment.figures()][:8]
        shown = matrix_lines(
            matrix(block, [*keys, "map_seconds"], best_over=("method", "enhancement")), block
        )
        lines += [
            "",
            f"## {first.model}, {first.dataset['name']}, {first.experiment.protocol.full_name}",
            "",
            f"{first.experiment.protocol.summary} {first.dataset['measured']} of {first.dataset['images']} images.",
            "",
            "```text",
            *shown,
            "```",
        ]
        titles = [each.result.title for each in block]
        if table.reference in titles and len(block) > 2:
            compared = compare([each.result for each in block], reference=titles.index(table.reference))
            text = comparison_text(compared).rstrip()
            lines += ["", "<details><summary>Paired comparisons</summary>", "", "```text", text, "```", ""]
            lines += ["</details>"]
    write_text(out / f"{name}.md", "\n".join(lines) + "\n")
    write_rows(out / f"{name}.csv", summary_rows(results))
    write_text(out / f"{name}.tex", "\n".join(_latex(name, results)))


def _protocol(each: Summarised) -> str:
    protocol = each.result.experiment.protocol
    return f"{protocol.experiment}/{protocol.name}"


def _latex(name: str, results: Sequence[Summarised]) -> list[str]:
    """The tables in the thesis' layout: one a model and data set, or one for all where the layout has a place."""
    style = latex.Style(intervals="half_width") if name == "table-3-2" else latex.Style()
    if name == "table-3-2":
        return [latex.table_3_2(block, style) for block in blocks(results)]
    if name == "table-3-3":
        protocols = dict.fromkeys(_protocol(each) for each in results)
        return [
            latex.table_3_3(
                [each for each in results if _protocol(each) == protocol],
                next(each for each in results if _protocol(each) == protocol).result.figures[0].key,
                style,
            )
            for protocol in protocols
        ]
    usual = [
        each for each in results if (each.result.enhancement or {}).get("coverage_normalise") is not True
    ]
    usual = [each for each in usual if each.result.method != "coverage_pattern"]
    sets = dict.fromkeys((each.result.dataset["name"], each.result.dataset["measured"]) for each in usual)
    by_dataset = [
        [each for each in usual if (each.result.dataset["name"], each.result.dataset["measured"]) == chosen]
        for chosen in sets
    ]
    if name == "table-4-2":
        return [latex.table_4_2(members, style=style) for members in by_dataset]
    return [
        latex.table_4_4(members, ("pixel_accuracy", "average_precision", "mean_iou"), style=style)
        for members in by_dataset
    ]


def write_figure(name: str, out: Path) -> None:
    """Draw a figure of the sample photographs and of Shapes, which anybody has."""
    with tempfile.TemporaryDirectory() as folder:
        photographs = {path.stem: str(path) for path in write_sample_photographs(folder)}
        write_shapes(Path(folder) / "shapes", images=4, size=224, seed=SHAPES["seed"], files=True)
        shape = str(sorted((Path(folder) / "shapes" / "images").rglob("*.png"))[1])
        for ending, arguments in FIGURES[name](photographs, shape).items():
            file = out / f"{name}{ending}.png"
            run_command([*arguments, "--out", str(file)])
            with Image.open(file) as picture:
                width = min(picture.width, 1400)
                small = picture.convert("RGB").resize((width, picture.height * width // picture.width))
            small.quantize(256).save(file, optimize=True)  # for the repository


def _figure_3_2(photographs: Mapping[str, str], shape: str) -> dict[str, list[str]]:
    methods = ("grad_cam", "score_cam", "group_cam", "msg_cam")
    images = [photographs[name] for name in ("chelsea", "coffee", "rocket", "motorcycle_left")]
    return {
        "": [
            "curves",
            "--model",
            "efficientnet_lite0",
            *_several("--method", methods),
            *_several("--image", images),
        ]
    }


def _figure_3_4(photographs: Mapping[str, str], shape: str) -> dict[str, list[str]]:
    """MSG-CAM, and Guided Backpropagation, which hardly changes, under both kinds of randomisation."""
    methods = _several("--method", ("msg_cam", "guided_backpropagation"))
    usual = ["sanity-strip", "--model", "efficientnet_lite0", *methods, "--image", photographs["chelsea"]]
    small = ["sanity-strip", "--model", "shapes_cnn", *methods, "--image", shape, "--protocol", "group-cam@1"]
    return {
        "-cascading": [*usual, "--stages", "8", "--protocol", "cascading@1"],
        "-independent": [*usual, "--stages", "8", "--protocol", "independent@1"],
        "-shapes": small,
    }


FIGURES = {"figure-3-2": _figure_3_2, "figure-3-4": _figure_3_4}


def _several(option: str, values: Iterable[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+", choices=[*TABLES, *FIGURES, "all"], metavar="NAME")
    parser.add_argument("--data", type=Path, metavar="DIR")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "results", metavar="DIR")
    parser.add_argument("--cache", type=Path, default=REPOSITORY / "var" / "thesis-results", metavar="DIR")
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--measure",
        choices=MODELS,
        action="append",
        metavar="MODEL",
        help="measure these models, write nothing",
    )
    parser.add_argument(
        "--from-cache", action="store_true", help="write the tables of what was measured so far"
    )
    options = parser.parse_args()
    material = Material(options.data, options.device)
    options.out.mkdir(parents=True, exist_ok=True)
    for name in [*TABLES, *FIGURES] if "all" in options.names else options.names:
        if name in FIGURES:
            write_figure(name, options.out)
            continue
        if options.measure:
            for job in TABLES[name].jobs:
                if job.model in options.measure and material.available(job):
                    measured(job, material, options.cache)
            continue
        command = f"python tools/thesis_results.py {name}{' --data DATA' if options.data else ''}"
        write_table(name, material, options.cache, options.out, command, options.from_cache)


if __name__ == "__main__":
    main()
