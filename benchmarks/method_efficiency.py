"""How much of a network's own forward rate the methods keep that run it hundreds of times for a map.

    python -m benchmarks.method_efficiency [--device cuda] [--only METHOD …] [--table FILE] [MODEL …]

Efficiency is the forward passes of one map ÷ the time it took ÷ the raw forward rate (see raw_rate), both timed in
turns; goal 0.9. Passes are counted as they run, by the pixels they are of: one at 448 × 448 counts as four. Backward
passes count nothing, nor do canvases, masks and sums. A second figure counts each backward pass as two forward ones. It
is the most that a method may claim: the backward passes of Group-CAM and MSG-CAM end at the layer and cost much less.

On a CPU these methods make a map of one image; Group-CAM and MSG-CAM, which begin with gradients, also maps of as many
together as benchmarks make.

Gradient methods and Transformer Attribution are given in forward passes: the time for one image of a batch as
benchmarks make it (8 on a CPU, 32 on a GPU) over that of one raw forward pass. How often the network was called shows
what shares batches: gradients of several images, and the windows of the enhancement with those of other images.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.models import random_classifier
from benchmarks.raw_rate import RawRate, best_raw_rate, seconds
from benchmarks.tables import markdown, write
from saliency_core.classifiers.classifier import Classifier
from saliency_core.enhancement.sliding_window import create_enhanced_method
from saliency_core.lazy import torch
from saliency_core.methods.base import Method
from saliency_core.methods.registry import create_method
from saliency_core.scoring.batch_size import MAPS_AT_ONCE, find_batch_size
from saliency_core.scoring.memory import keep_freed_memory

GOAL, TRANSFORMER_GOAL = 0.9, 5.0
TURNS = 3
HEADINGS = ("model", "what", "network called", ">measured", ">backward as two", "goal")
MODELS = {
    "cpu": ("squeezenet1_1", "resnet18", "timm:deit_tiny_patch16_224"),
    "cuda": ("vgg19", "resnet18", "timm:vit_base_patch16_224"),
}
MASKING = (
    ("score_cam", {}),
    ("group_cam", {}),
    ("msg_cam", {}),
    ("rise", {"masks": 400}),
)
BEGIN_WITH_GRADIENTS = ("group_cam", "msg_cam")


@dataclass
class Passes:
    """Forward passes of a network: calls, images in them, and images by their pixels, of which so many are
    differentiated.
    """

    calls: int = 0
    images: int = 0
    equivalents: float = 0.0
    differentiated: float = 0.0


@contextmanager
def counted(classifier: Classifier) -> Iterator[Passes]:
    """Counts the passes that run inside."""
    passes, own = Passes(), classifier.preprocessing.size**2

    def hook(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        count, _, height, width = inputs[0].shape
        passes.calls += 1
        passes.images += count
        equivalents = count * height * width / own
        passes.equivalents += equivalents
        passes.differentiated += equivalents * torch.is_grad_enabled()

    handle = classifier.model.register_forward_pre_hook(hook)
    try:
        yield passes
    finally:
        handle.remove()


def applicable(
    key: str, classifier: Classifier, parameters: dict[str, object], only: Collection[str] = ()
) -> Method | None:
    """The method, if it is among ``only`` (where there are any) and applies to the classifier."""
    from saliency_core.methods.applicability import why_not
    from saliency_core.methods.registry import method_class

    if (only and key not in only) or why_not(method_class(key).description, classifier.traits()) is not None:
        return None
    return create_method(key, classifier, **parameters)


def timed(method: Method, raw: RawRate, images: torch.Tensor) -> tuple[float, float]:
    """Seconds per image, and those of one raw forward pass in the same turns; medians."""
    device, targets = images.device, torch.zeros(len(images), dtype=torch.int64)
    spent, forward = [], []
    for _ in range(TURNS):
        before = raw.passes_per_second(0.4)
        spent.append(seconds(lambda: method.explain(images, targets), device) / len(images))
        forward.append(2 / (before + raw.passes_per_second(0.4)))
    ratios = [map_seconds / pass_seconds for map_seconds, pass_seconds in zip(spent, forward, strict=True)]
    return statistics.median(spent), statistics.median(ratios)


def passes_of(method: Method, images: torch.Tensor) -> Passes:
    with counted(method.classifier) as passes:
        method.explain(images, torch.zeros(len(images), dtype=torch.int64))
    return passes


def efficiency_row(name: str, method: Method, raw: RawRate, images: torch.Tensor) -> tuple[str, ...]:
    """The row of a method that makes maps of these images [B, 3, H, W] together."""
    count, title = len(images), method.description.title
    together = "1 image" if count == 1 else f"{count} images"
    passes = passes_of(method, images)  # a first time is slower
    spent, equivalents = timed(method, raw, images)
    each, differentiated = passes.equivalents / count, passes.differentiated / count
    efficiency = each / equivalents
    return (
        name,
        f"{title}, {together}: {each:.0f} forward passes, {spent:.2f} s an image",
        f"{passes.calls} calls for {count}",
        f"efficiency {efficiency:.2f}",
        f"{(each + 2 * differentiated) / equivalents:.2f}" if differentiated else "",
        _met(efficiency >= GOAL),
    )


def rows_of(name: str, device: str, only: Collection[str] = ()) -> Iterator[tuple[str, ...]]:
    """``only``: the keys of the methods to be measured; none means all, and the enhancement."""
    classifier = random_classifier(name, device)
    find_batch_size(classifier)
    raw, _ = best_raw_rate(classifier, "fp32", turns=2)
    size = classifier.preprocessing.size
    generator = torch.Generator().manual_seed(0)
    together = MAPS_AT_ONCE[device]
    images = torch.randn(together, 3, size, size, generator=generator).to(device)
    one = images[:1] if device == "cpu" else images
    for key, parameters in MASKING:
        method = applicable(key, classifier, dict(parameters), only)
        if method is None:
            continue
        yield efficiency_row(name, method, raw, one)
        if key in BEGIN_WITH_GRADIENTS and len(images) > len(one):
            yield efficiency_row(name, method, raw, images)
    for key, parameters in (("gradient", {}), ("grad_cam", {})):
        method = applicable(key, classifier, dict(parameters), only)
        if method is None:
            continue
        passes = passes_of(method, images)
        _, equivalents = timed(method, raw, images)
        yield (name, f"{method.description.title}, {together} images", f"{passes.calls} calls for {together}",
               f"{equivalents:.1f} forward passes an image", "", "")  # fmt: skip
    for key, parameters in (
        ("transformer_attribution", {"precision": "float32"}),
        ("transformer_attribution", {"precision": "float64"}),
    ):
        method = applicable(key, classifier, dict(parameters), only)
        if method is None:
            continue
        method.explain(images, torch.zeros(together, dtype=torch.int64))
        _, equivalents = timed(method, raw, images)
        goal = _met(equivalents <= TRANSFORMER_GOAL)
        yield (name, f"{method.description.title} in {parameters['precision']}, {together} images", "",
               f"{equivalents:.1f} forward passes an image", "", goal)  # fmt: skip
    if not only and applicable("grad_cam", classifier, {}) is not None:
        enhanced = create_enhanced_method("grad_cam", classifier)
        passes = passes_of(enhanced, images[:2])
        spent, equivalents = timed(enhanced, raw, images[:2])
        yield (name, f"Grad-CAM enhanced, 2 images: 2 × 26 maps, 2 × 25 scores, {spent:.2f} s an image",
               f"{passes.calls} calls for 2", f"{equivalents:.1f} forward passes an image", "", "")  # fmt: skip


def _met(reached: bool) -> str:
    return "met" if reached else "MISSED"


def line(row: tuple[str, ...]) -> str:
    model, what, called, measured, backward, goal = row
    counted_too = backward and f"{backward} with backward passes as two"
    return ", ".join(cell for cell in (model, what, called, goal, measured, counted_too) if cell)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--only", action="append", default=[], metavar="METHOD", help="may be repeated")
    parser.add_argument("--table", type=Path, metavar="FILE")
    options = parser.parse_args()
    if options.device == "cpu":
        keep_freed_memory()
    rows = []
    for name in options.models or MODELS[options.device]:
        for row in rows_of(name, options.device, options.only):
            rows.append(row)
            print(line(row), flush=True)
    title = f"Methods (goals: efficiency {GOAL}, Transformer Attribution {TRANSFORMER_GOAL:g} forward passes)"
    write(options.table, markdown(title, HEADINGS, rows, options.device))


if __name__ == "__main__":
    main()
