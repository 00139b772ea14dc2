"""The command classifiers KEY --compatibility: the compatibility report as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.compatibility import compatibility_report
from saliency_core.classifiers.loading import load_classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.cli.progress import ProgressBar
from saliency_core.datasets.images import read_image
from saliency_core.datasets.sample_photographs import sample_photographs
from saliency_core.methods.registry import method_description


def print_compatibility(name: str, weights: str | None, size: int | None) -> None:
    """Loads the classifier and prints its report. Raises SaliscopeError."""
    with ProgressBar("Fetching weights", unit="B") as bar:
        classifier = load_classifier(
            name,
            weights=weights,
            preprocessing=None if size is None else Preprocessing(size=size),
            on_progress=bar.show,
        )
    photographs = [(path.name, read_image(path)) for path in sample_photographs()]
    print("\n".join(report_lines(classifier, compatibility_report(classifier, photographs))))


def report_lines(classifier: Classifier, report: Mapping[str, Any]) -> list[str]:
    """The report of ``compatibility_report``, line by line."""
    lines = [
        f"{classifier.title} ({classifier.family}), {len(classifier.class_names)} classes, "
        f"{report['parameters']:,} parameters, {classifier.activation} outputs, {classifier.preprocessing.name}",
        "",
        "Layers that can be explained:",
    ]
    for layer in classifier.layers:
        mark = "  (default)" if layer.name == classifier.default_layer else ""
        lines.append(f"  {layer.name}: {layer.kind}, {layer.channels} × {layer.height} × {layer.width}{mark}")
    working = [each["method"] for each in report["methods"] if each["reason"] is None]
    lines += ["", f"Methods that work ({len(working)}): {', '.join(working)}"]
    refused = [each for each in report["methods"] if each["reason"] is not None]
    lines += [f"Methods that do not ({len(refused)}):"] if refused else []
    for each in refused:
        names = {"method": method_description(each["method"]).title, "model": classifier.title}
        lines.append(f"  {each['method']}: {each['reason'] % names}")
    lines += ["", "ReLUs: " + _counts(report["relus"]), "Normalisation: " + _counts(report["normalisation"])]
    if report["tokens"]:
        lines.append("Tokens: " + _counts(report["tokens"]))
    for each in report["relevance"]:
        if each["problem"]:
            lines.append(f"Relevance by {each['method']}: {each['problem']}")
        else:
            lines.append(
                f"Relevance by {each['method']} on {each['image']}: expected {each['expected']:.4g}, "
                f"conservation error {each['error']:.2g}"
            )
    lines += [f"Other images in the batch change a score by at most {report['batch_difference']:.1g}", ""]
    lines.append("Classes of the sample photographs:")
    for each in report["predictions"]:
        best = (
            f"{classifier.class_names[index]} {probability:.1%}"
            for index, probability in zip(each["classes"], each["probabilities"], strict=True)
        )
        lines.append(f"  {each['image']}: {', '.join(best)}")
    return lines


def _counts(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())
