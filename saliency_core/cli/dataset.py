"""The command dataset: what is in a data set, what is wrong with it, and whether a model knows its classes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from saliency_core.classifiers.architectures import usual_class_names
from saliency_core.classifiers.describe import describe_architecture
from saliency_core.classifiers.labels import IMAGENET_CLASSES, imagenet_ids, imagenet_names
from saliency_core.classifiers.loading import find_classifier, load_classifier
from saliency_core.cli.arguments import whole_number
from saliency_core.datasets.base import FORMATS, Dataset, open_dataset
from saliency_core.datasets.class_mappings import class_mapping
from saliency_core.datasets.mapping import ClassMapping
from saliency_core.errors import ParameterError


def add_commands(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "dataset",
        help="describe a data set, check all its files, and its classes against a model",
        description="Describe a data set and read all of it: every image and every annotation.",
        epilog="Formats: " + " ".join(f"{item.key}: {item.help}" for item in FORMATS),
    )
    parser.add_argument("path", metavar="PATH")
    parser.add_argument("--format", default="image-folder", choices=[item.key for item in FORMATS])
    parser.add_argument("--model", metavar="NAME", help="check that the classes have outputs in this model")
    parser.add_argument(
        "--weights", metavar="FILE", help="of the model, where it has not the usual number of classes"
    )
    parser.add_argument(
        "--classes", metavar="FILE", help="which class each label means: CSV with the columns label,class"
    )
    parser.add_argument("--quick", action="store_true", help="do not read every image: no check for problems")
    parser.add_argument(
        "--show", type=whole_number(0), default=20, metavar="N", help="problems and classes to print (20)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    if options.model is None and (options.classes or options.weights):
        raise ParameterError(
            "--classes and --weights are for the check against a model: give --model as well."
        )
    explicit = class_mapping(options.classes) if options.classes else None
    dataset = open_dataset(options.format, options.path)
    for line in _description(dataset, options.show):
        print(line)
    if not options.quick:
        for line in _problems(dataset.problems(), options.show):
            print(line)
    if options.model is not None:
        names, ids = _outputs(options.model, options.weights)
        mapping = ClassMapping.for_labels(dataset.present_labels(), names, ids, explicit)
        for line in _mapping(mapping, names, options.model, options.show):
            print(line)
        mapping.require_all()


def _description(dataset: Dataset, shown: int) -> list[str]:
    described = dataset.describe()
    truth = ", ".join(described["ground_truth"]) or "none"
    lines = [
        f"Images: {described['images']}, {described['labelled']} of them labelled",
        f"Ground truth: {truth}",
        f"Classes: {len(described['classes'])} that occur, {described['classes_named']} named",
    ]
    if "boxes" in described["ground_truth"]:
        lines.append(f"Boxes: {described['boxes']} in {described['images_with_boxes']} images")
    if "masks" in described["ground_truth"]:
        lines.append(
            f"Masks of classes: {described['class_masks']} in {described['images_with_class_masks']} images"
        )
    if "object_mask" in described["ground_truth"]:
        lines.append(f"Object masks: {described['object_masks']}")
    if described["broken_annotations"]:
        lines.append(f"Images with broken annotations: {described['broken_annotations']}")
    lines.append(f"Fingerprint: {described['fingerprint']}")
    columns = (("images_per_class", "images"), ("boxes_per_class", "boxes"), ("masks_per_class", "masks"))
    for label in described["classes"][:shown]:
        counts = [f"{described[key][label]} {noun}" for key, noun in columns if label in described[key]]
        lines.append(f"  {label}: {', '.join(counts)}")
    return lines + _more(len(described["classes"]) - shown, "classes")


def _problems(problems: Sequence[dict[str, str]], shown: int) -> list[str]:
    lines = [f"Problems: {len(problems) or 'none'}"]
    lines += [f"  {item['file']}: {item['problem']}" for item in problems[:shown]]
    return lines + _more(len(problems) - shown, "problems")


def _mapping(mapping: ClassMapping, names: Sequence[str], model: str, shown: int) -> list[str]:
    mapped = {label: numbers for label, numbers in mapping.classes.items() if numbers}
    lines = [f"Classes with an output in {model}: {len(mapped)}, without: {len(mapping.unmapped)}"]
    for label, numbers in list(mapped.items())[:shown]:
        lines.append(f"  {label}: {', '.join(f'{number} {names[number]}' for number in numbers)}")
    lines += _more(len(mapped) - shown, "classes")
    if mapping.left_out:
        lines.append(f"Left out by the mapping file: {', '.join(mapping.left_out)}")
    if mapping.unused:
        lines.append(f"In the mapping file, but not in the data set: {', '.join(mapping.unused)}")
    return lines


def _more(count: int, noun: str) -> list[str]:
    return [f"  and {count} more {noun}"] if count > 0 else []


def _outputs(model: str, weights: str | None) -> tuple[Sequence[str], Sequence[str]]:
    """Names and ids of the model's outputs; without weights, those of the architecture as it usually is."""
    if weights is not None:
        classifier = load_classifier(model, weights=Path(weights))
        return classifier.class_names, classifier.class_ids
    architecture = find_classifier(model).architecture
    classes = int(describe_architecture(architecture.library, architecture.name)["classes"])
    if classes == IMAGENET_CLASSES:
        return imagenet_names(), imagenet_ids()
    return usual_class_names(architecture, classes) or [f"class {number}" for number in range(classes)], ()
