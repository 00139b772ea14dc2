"""Measure whether maps are sensible: do they lie on the objects, and do they follow the weights?

    python tools/method_table.py --weights-folder WEIGHTS --ecssd FOLDER --images 20 --quick

writes docs/methods/sensible.md: for every method that applies to EfficientNet-Lite0, SqueezeNet 1.1 and DeiT-Tiny,

- the share of the map's mass, stretched to [0, 1], that lies inside the object's mask, and the area under the ROC curve
  of map against mask, which no stretching changes; with bootstrap intervals over images;
- Spearman's correlation of the map with that of the same class after the last 1, 3 and 10 layers with weights were
  initialised anew, one after the other (Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018).

FOLDER has images/NAME.jpg and masks/NAME.png. A constant map counts as uniform, and correlates 0 with any other.
What is measured is kept in --cache, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy.stats import rankdata

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from saliency_core import create_method, load_classifier  # noqa: E402
from saliency_core.classifiers.classifier import Classifier  # noqa: E402
from saliency_core.classifiers.randomisation import randomised  # noqa: E402
from saliency_core.classifiers.weighted_layers import weighted_layers  # noqa: E402
from saliency_core.datasets.images import read_image  # noqa: E402
from saliency_core.descriptions import MethodDescription  # noqa: E402
from saliency_core.estimate import layer_channels  # noqa: E402
from saliency_core.experiments.similarity import spearman  # noqa: E402
from saliency_core.methods.applicability import why_not  # noqa: E402
from saliency_core.methods.registry import methods_by_family  # noqa: E402
from saliency_core.statistics.bootstrap import mean_interval  # noqa: E402

# Built-in key or architecture, title, weights file in the weights folder (None: the built-in's own).
MODELS = (
    ("efficientnet_lite0", "EfficientNet-Lite0", None),
    ("torchvision:squeezenet1_1", "SqueezeNet 1.1", "squeezenet1_1.safetensors"),
    ("timm:deit_tiny_patch16_224", "DeiT-Tiny", "deit_tiny_patch16_224.safetensors"),
)
LAYERS = (1, 3, 10)
FEWEST = 3  # images of a method that would need more than --most-forwards
REFERENCE = "centre_gaussian"
EXPLANATIONS = (
    "Photographers put objects in the middle: the centre Gaussian is a strong guess on ECSSD without a look at the "
    "picture, and better than many maps. With few photographs the intervals are wide, and *–* means undecided.",
    "Random map, edge detector, coverage pattern: baselines, not explanations; the first two are a floor.",
    "Gradient × Input, Integrated Gradients, GradientSHAP, DeepLIFT, LRP, LRP for ViT: signed values for pixels. "
    "Stretched to [0, 1], their zero becomes about one half everywhere, and the share inside is that of the area.",
    "Gradient, Deconvnet: fine noise or edges all over the picture. Deconvnet and Guided Backpropagation hardly change "
    "when the last layers are initialised anew, as Adebayo et al. found: they show the picture's edges more than what "
    "the model learnt.",
    "Class activation maps on SqueezeNet: 13 × 13 maps of a network whose last convolution sees little of the picture; "
    "they rank pixels as well as the centre does (ROC area), but spread their mass.",
    "RISE, LIME, KernelSHAP, occlusion: sums over few masks, segments or patches, all the coarser with quick "
    "parameters, and with a floor of the average score (RISE) or negative values (the others).",
    "Relevance-CAM: signed weights, without the ReLU of the others, so that background is not zero.",
    "Raw attention, attention rollout: the same for every class, and rollout has a high floor everywhere, which "
    "costs mass but not rank (ROC area). The last layer of a network, its head, plays no part in them.",
    "Grad-CAM for ViT: its clamp leaves nothing on some photographs (column *constant*), which count as uniform.",
)


@dataclass(frozen=True)
class Photograph:
    image: torch.Tensor  # [1, 3, H, W], normalised
    target: torch.Tensor  # [1], the predicted class
    mask: np.ndarray  # bool [H, W]


def photographs(classifier: Classifier, folder: Path, count: int) -> list[Photograph]:
    """``count`` photographs spread evenly over the sorted folder."""
    names = sorted((folder / "images").glob("*.jpg"))
    chosen = [names[round(place)] for place in np.linspace(0, len(names) - 1, min(count, len(names)))]
    found = []
    for path in chosen:
        image = classifier.preprocessing.prepare(read_image(path))[None]
        with Image.open(folder / "masks" / f"{path.stem}.png") as file:
            mask = np.asarray(classifier.preprocessing.framed(file).convert("L")) > 127
        found.append(Photograph(image, classifier.predict(image)[0], mask))
    return found


def mass_inside(saliency: np.ndarray, mask: np.ndarray) -> float:
    """Share of the map's mass inside the mask; a constant map is uniform."""
    values = saliency - saliency.min()
    total = values.sum()
    return float(values[mask].sum() / total) if total > 0 else float(mask.mean())


def positive_inside(saliency: np.ndarray, mask: np.ndarray) -> float | None:
    """Share of the positive values' mass inside the mask; None for a map without negative values."""
    if saliency.min() >= 0:
        return None
    positive = saliency.clip(min=0)
    return float(positive[mask].sum() / positive.sum()) if positive.sum() > 0 else float(mask.mean())


def roc_area(saliency: np.ndarray, mask: np.ndarray) -> float:
    """Probability that a pixel of the object is more salient than one of the background; ties count half."""
    ranks, inside = rankdata(saliency.ravel()), mask.ravel()
    objects, others = int(inside.sum()), int((~inside).sum())
    return float((ranks[inside].sum() - objects * (objects + 1) / 2) / (objects * others))


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Rank correlation of two maps; 0 if one is constant."""
    return float(spearman(first.reshape(1, -1), second.reshape(1, -1))[0])


def with_random_layers(classifier: Classifier, count: int) -> Classifier:
    """A copy whose last ``count`` layers with weights are initialised anew, always with the same numbers."""
    return randomised(classifier, weighted_layers(classifier)[:count])


def explained(
    description: MethodDescription,
    classifier: Classifier,
    samples: list[Photograph],
    parameters: dict[str, Any],
) -> list[np.ndarray]:
    method = create_method(description.key, classifier, **parameters)
    return [method.explain(item.image, item.target).maps[0].cpu().numpy() for item in samples]


def measure_masses(
    description: MethodDescription,
    classifier: Classifier,
    samples: list[Photograph],
    parameters: dict[str, Any],
) -> dict[str, Any]:
    """Where the maps lie, a value per image."""
    started = time.perf_counter()
    maps = explained(description, classifier, samples, parameters)
    seconds = (time.perf_counter() - started) / len(samples)
    return {
        "mass": [mass_inside(values, item.mask) for values, item in zip(maps, samples, strict=True)],
        "roc": [roc_area(values, item.mask) for values, item in zip(maps, samples, strict=True)],
        "positive": [positive_inside(values, item.mask) for values, item in zip(maps, samples, strict=True)],
        "constant": sum(bool(values.min() == values.max()) for values in maps),
        "seconds": seconds,
    }


def measure_correlations(
    description: MethodDescription,
    classifier: Classifier,
    changed: dict[int, Classifier],
    samples: list[Photograph],
    parameters: dict[str, Any],
) -> dict[str, list[float]]:
    """By the number of layers initialised anew, a correlation per image."""
    clean = explained(description, classifier, samples, parameters)
    return {
        str(layers): [
            correlation(before, after)
            for before, after in zip(clean, explained(description, other, samples, parameters), strict=True)
        ]
        for layers, other in changed.items()
    }


def measure_all(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """By model and method; asks the cache first."""
    cache = Path(options.cache)
    cache.mkdir(parents=True, exist_ok=True)
    results: dict[str, dict[str, Any]] = {}
    for name, title, file in MODELS:
        weights = None if file is None else Path(options.weights_folder) / file
        classifier = load_classifier(name, weights=weights, device=options.device)
        traits, layers = classifier.traits(), [layer.to_dict() for layer in classifier.layers]
        samples: list[Photograph] = []
        changed: dict[int, Classifier] = {}
        results[title] = {}
        for description in methods_by_family():
            if why_not(description, traits) or (options.methods and description.key not in options.methods):
                continue
            parameters = dict(description.quick) if options.quick else {}
            channels = layer_channels(description, parameters, layers, classifier.default_layer)
            forwards = max(1.0, description.work(parameters, channels).forward_equivalents)
            if options.skip_above and forwards > options.skip_above:
                results[title][description.key] = {"skipped": forwards}
                continue
            images = min(options.images, max(FEWEST, int(options.most_forwards / forwards)))
            kept = cache / f"{title}-{description.key}-{images}-{'quick' if options.quick else 'usual'}.json"
            found = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
            if options.from_cache and not found:
                results[title][description.key] = {"skipped": forwards}
                continue
            if "spearman" not in found and not options.from_cache:
                if not samples:
                    samples = photographs(classifier, Path(options.ecssd), options.images)
                    changed = {count: with_random_layers(classifier, count) for count in LAYERS}
                affordable = max(1, int(options.most_forwards / (4 * forwards)))
                few = samples[: min(options.randomised_images, images, affordable)]
                try:
                    found = found or measure_masses(description, classifier, samples[:images], parameters)
                    found["spearman"] = measure_correlations(
                        description, classifier, changed, few, parameters
                    )
                except Exception as error:  # one method that fails does not cost the others' hours
                    print(f"{title}, {description.title}: {type(error).__name__}: {error}", file=sys.stderr)
                    continue
                kept.write_text(json.dumps(found), encoding="utf-8")
                print(
                    f"{title}, {description.title}: {images} images, {found['seconds']:.2f} s each",
                    flush=True,
                )
            results[title][description.key] = found
    return results


def table(title: str, figures: dict[str, Any]) -> list[str]:
    """Markdown: a row per method, the best mass first."""
    reference = figures.get(REFERENCE, {}).get("mass", [])
    titles = {description.key: description.title for description in methods_by_family()}
    rows = []
    for key, found in figures.items():
        if "skipped" in found:
            continue
        mass, roc = mean_interval(found["mass"]), mean_interval(found["roc"])
        paired = list(zip(found["mass"], reference, strict=False))
        above = mean_interval([own - centre for own, centre in paired])
        worse = key != REFERENCE and above.high is not None and above.high < 0
        verdict = "below" if worse else "above" if above.low is not None and above.low > 0 else "–"
        signed = [value for value in found.get("positive", []) if value is not None]
        positive = mean_interval(signed)
        correlations = found.get("spearman", {})
        falls = [
            f"{np.mean(correlations[str(layers)]):.2f}" if str(layers) in correlations else "–"
            for layers in LAYERS
        ]
        cells = [
            f"[{titles[key]}]({key}.md)",
            str(mass.n),
            f"{mass.mean:.3f} {_bounds(mass.low, mass.high)}",
            f"{above.mean:+.3f} {_bounds(above.low, above.high, '+')}" if above.mean is not None else "–",
            verdict,
            f"{positive.mean:.3f} {_bounds(positive.low, positive.high)}" if signed else "–",
            f"{roc.mean:.3f} {_bounds(roc.low, roc.high)}",
            *falls,
            str(found["constant"]),
            f"{found['seconds']:.2f}",
        ]
        rows.append((-(mass.mean or 0), "| " + " | ".join(cells) + " |"))
    head = ["method", "images", "mass inside", "less the centre's", "centre", "positive part", "ROC area"]
    head += [f"ρ, {count} layer{'s' * (count > 1)}" for count in LAYERS] + ["constant", "s per image"]
    lines = [f"## {title}", "", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    skipped = [
        f"{titles[key]} ({found['skipped']:,.0f})" for key, found in figures.items() if "skipped" in found
    ]
    note = [f"Not measured (forward passes per image): {', '.join(skipped)}.", ""] if skipped else []
    return [*lines, *(row for _, row in sorted(rows)), "", *note]


def _bounds(low: float | None, high: float | None, sign: str = "") -> str:
    return "" if low is None or high is None else f"({low:{sign}.3f} to {high:{sign}.3f})"


def page(results: dict[str, dict[str, Any]], options: argparse.Namespace, command: str) -> str:
    parameters = "the methods' quick parameters" if options.quick else "the methods' default parameters"
    lines = [
        "# Are the maps sensible?",
        "",
        "<!-- Written by tools/method_table.py; not by hand. -->",
        "",
        f"`{command}`",
        "",
        f"{options.images} photographs of ECSSD with object masks, squashed to 224 × 224 pixels; the predicted class; "
        f"{parameters}. Methods that would take more than {options.most_forwards:,} forward passes a model are "
        f"measured on fewer images, at least {FEWEST} (column *images*).",
        "",
        "- *mass inside*: share of the map's mass, stretched to [0, 1], inside the mask, with a 95 % bootstrap "
        "interval over images. A random map scores the object's share of the area. Signed maps have much mass at "
        "zero, which stretching puts in the middle of the scale: for them *positive part* says more, the share of "
        "the mass of the positive values.",
        "- *less the centre's*: difference to the centre Gaussian on the same images, with its interval; *centre* says "
        "whether the interval lies above or below zero.",
        "- *ROC area*: probability that a pixel of the object is more salient than one beside it.",
        f"- *ρ*: Spearman's correlation of the map with that of the same class after the last {_listed()} layers with "
        f"weights were initialised anew, mean of up to {options.randomised_images} images. Methods that depend on the "
        "weights fall from 1; baselines that do not look at the model stay at 1.",
        "- *constant*: maps without any contrast, which count as uniform here.",
        "",
    ]
    for title, figures in results.items():
        lines += table(title, figures)
    lines += ["## Those not above the centre", "", *(f"- {text}" for text in EXPLANATIONS), ""]
    return "\n".join(lines)


def _listed() -> str:
    return f"{', '.join(map(str, LAYERS[:-1]))} and {LAYERS[-1]}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights-folder", required=True, metavar="DIR")
    parser.add_argument("--ecssd", required=True, metavar="DIR", help="folder with images/ and masks/")
    parser.add_argument("--images", type=int, default=20, metavar="N", help="photographs (default 20)")
    parser.add_argument("--randomised-images", type=int, default=5, metavar="N", help="for ρ (default 5)")
    parser.add_argument("--quick", action="store_true", help="the methods' quick parameters")
    parser.add_argument("--most-forwards", type=int, default=10_000, metavar="N", help="per method and model")
    parser.add_argument(
        "--skip-above", type=int, metavar="N", help="leave out methods of more forward passes per image"
    )
    parser.add_argument(
        "--from-cache", action="store_true", help="write the page of what was measured so far"
    )
    parser.add_argument("--methods", nargs="*", metavar="KEY", help="only these (default: all)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--cache", default="var/method-table", metavar="DIR")
    parser.add_argument("--out", default=str(REPOSITORY / "docs" / "methods" / "sensible.md"), metavar="FILE")
    options = parser.parse_args()
    results = measure_all(options)
    shown = list(sys.argv[1:])
    for flag, value in (
        ("--weights-folder", "WEIGHTS"),
        ("--ecssd", "ECSSD"),
        ("--cache", "CACHE"),
        ("--out", "FILE"),
    ):
        if flag in shown:  # folders of the machine it ran on are nobody's business
            shown[shown.index(flag) + 1] = value
    Path(options.out).parent.mkdir(parents=True, exist_ok=True)
    command = f"python tools/method_table.py {shlex.join(shown)}"
    Path(options.out).write_text(page(results, options, command), encoding="utf-8")


if __name__ == "__main__":
    main()
