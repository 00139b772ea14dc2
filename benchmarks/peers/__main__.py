"""Speed and agreement of saliency_core and of other libraries: the same images, networks and protocols, fp32.

    python -m venv .venv-peers && .venv-peers/bin/pip install -r benchmarks/peers/requirements.txt   # or: make peers
    python -m benchmarks.peers [--data FOLDER] [--quick] [MODEL …]

Each side runs in a process and an environment of its own, as it comes, with the same number of threads; the two take
turns, so that what else the machine does falls on both, and the median of the turns' ratios counts. A peer gets the
batch size that is fastest for it, found first. Networks without a file of weights in the shared data get random
ones, the same on both sides. None of the peers has RISE.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.peers.agreement import Agreement, areas, curves, maps, overall
from benchmarks.peers.networks import CAM_LAYERS
from benchmarks.peers.our_tasks import Ours
from benchmarks.peers.peer import Peer
from benchmarks.shared_data import photographs, shared_folder, weights_of
from benchmarks.tables import markdown, write
from saliency_core.classifiers.loading import load_classifier
from saliency_core.lazy import torch
from saliency_core.methods.registry import create_method
from saliency_core.scoring.batch_size import find_batch_size

MODELS = ("squeezenet1_1", "resnet18", "timm:deit_tiny_patch16_224")
BATCHES = (4, 8, 16, 32, 64)
IMAGES = 8
SAME = (1, 1)
INSERTION = "insertion_deletion/torch-cam"
REST_SECONDS = 0.3  # threads of the side that has just worked go to sleep


@dataclass(frozen=True)
class Comparison:
    """What is compared: ``ours`` of so many images, and the peers with the ratio to be reached."""

    title: str
    ours: Callable[[int], np.ndarray]
    forwards: tuple[int, int]  # ours and the peers' per image: the ratio is that of seconds per forward pass
    peers: dict[str, tuple[str, float, Agreement]]
    images: int
    turns: int
    batches: tuple[int, ...] = ()  # tried first
    tuned_on: str = ""  # another task of the same forward passes with which they are tried


def comparisons(model: str, ours: Ours, quick: bool) -> list[Comparison]:
    goal = 3.0 if model == "squeezenet1_1" else 1.4
    few = 1 if quick else 2
    found = [
        Comparison(
            "insertion and deletion, 224 forwards", ours.insertion_deletion, SAME,
            {"torch-cam": (INSERTION, goal, areas)}, few, 3, BATCHES,
        ),
        Comparison(
            "deletion to zeros, per forward (113 and 84)", ours.pixel_flipping, (113, 84),
            {"Quantus": ("pixel_flipping/Quantus", 2.0, curves)}, IMAGES, 1 if quick else 3, (1, 2, 4, 8),
        ),
    ]  # fmt: skip
    layer = CAM_LAYERS.get(model)
    if layer is None:
        return found
    of_map = partial(partial, ours.map)
    score_cam = of_map("score_cam", layer, variant="logit_softmax")
    found += [
        Comparison(
            "Grad-CAM", of_map("grad_cam", layer), SAME,
            {
                "torch-cam": ("grad_cam/torch-cam", 1.0, maps),
                "pytorch-grad-cam": ("grad_cam/pytorch-grad-cam", 1.0, maps),
                "captum": ("grad_cam/captum", 1.0, maps),
            }, IMAGES, 9,
        ),
        Comparison(
            "Score-CAM", score_cam, SAME,
            {
                "torch-cam": ("score_cam/torch-cam", 1.0, maps),
                "pytorch-grad-cam": ("score_cam/pytorch-grad-cam", 2.0, partial(maps, tolerance=0.05)),
            }, 1, few, BATCHES, INSERTION,
        ),
        Comparison(
            "Ablation-CAM", of_map("ablation_cam", layer), SAME,
            {"pytorch-grad-cam": ("ablation_cam/pytorch-grad-cam", 1.0, maps)}, 1, few,
            BATCHES, INSERTION,
        ),
    ]  # fmt: skip
    if model == "squeezenet1_1":
        found.append(
            Comparison(
                "ROAD, 9 shares", ours.road, SAME,
                {"pytorch-grad-cam": ("road/pytorch-grad-cam", 1.0, overall)}, 1, few,
            )
        )  # fmt: skip
    return found


def best_batch(peer: Peer, task: str, candidates: tuple[int, ...]) -> int:
    """The batch size that is fastest for a peer, on a shortened task, the better of two runs."""
    images, shortened = (
        (IMAGES, {"values_in_step": 12544}) if task.startswith("pixel_flipping") else (1, {"steps": 32})
    )
    found = dict.fromkeys(candidates, float("inf"))
    for _ in range(2):
        for batch in candidates:
            found[batch] = min(found[batch], peer.run(task, images=images, batch=batch, **shortened)[0])
    return min(found, key=lambda batch: found[batch])


def measured(comparison: Comparison, peer: Peer, batches: dict[str, int]) -> list[tuple[object, ...]]:
    """A row of cells for each peer."""
    for task, _, _ in comparison.peers.values():
        if comparison.batches:
            alike = comparison.tuned_on or task
            if alike not in batches:
                batches[alike] = best_batch(peer, alike, comparison.batches)
            batches[task] = batches[alike]
    count = comparison.images
    ours = comparison.ours(1)
    spent: list[float] = []
    others: dict[str, list[float]] = {name: [] for name in comparison.peers}
    results: dict[str, np.ndarray] = {}
    for turn in range(comparison.turns):
        time.sleep(REST_SECONDS)
        start = time.perf_counter()
        ours = comparison.ours(count)
        spent.append((time.perf_counter() - start) / count)
        for name, (task, _, _) in comparison.peers.items():
            if turn == 0 and comparison.turns > 2:
                peer.run(task, images=1, batch=batches.get(task, 1))  # a first time is slower
            time.sleep(REST_SECONDS)
            seconds, results[name] = peer.run(task, images=count, batch=batches.get(task, 1))
            others[name].append(seconds / count)
    rows = []
    for name, (task, goal, agreement) in comparison.peers.items():
        less = comparison.forwards[0] / comparison.forwards[1]
        ratio = less * statistics.median(peers / own for peers, own in zip(others[name], spent, strict=True))
        batch = f"{name}, batch {batches[task]}" if task in batches else name
        rows.append(
            (comparison.title, batch, f"{statistics.median(spent):.3f}", f"{statistics.median(others[name]):.3f}",
             f"{ratio:.2f}", f"≥ {goal:g}: {'met' if ratio >= goal else 'MISSED'}", agreement(ours, results[name]))
        )  # fmt: skip
    return rows


def material(model: str, data: Path, folder: Path) -> tuple[Ours, Path, Path, str]:
    """Our side for a network, and the two files that the peers read: material and weights."""
    weights = weights_of(model, data)
    kind = "trained weights" if weights else "random weights"
    if weights is None:
        weights = folder / f"{model.replace(':', '-')}.safetensors"
        torch.manual_seed(0)
        from safetensors.torch import save_file

        from saliency_core.lazy import torchvision

        save_file(torchvision.models.get_model(model).state_dict(), weights)
    classifier = load_classifier(
        model if ":" in model else f"torchvision:{model}", weights=weights, device="cpu"
    )
    files = photographs(data, IMAGES)
    if files:
        opened = [Image.open(file).convert("RGB") for file in files]
        frame = classifier.preprocessing
        images = torch.stack([frame.normalised(np.asarray(frame.framed(image))) for image in opened])
    else:
        images = torch.randn(IMAGES, 3, 224, 224, generator=torch.Generator().manual_seed(0))
        kind += ", noise for images"
    targets = classifier.predict(images)[0]
    find_batch_size(classifier)
    method = "grad_cam" if model in CAM_LAYERS else "attention_rollout"
    saliency = create_method(method, classifier).explain(images, targets).maps
    stored = folder / "material.npz"
    np.savez(stored, images=images.numpy(), targets=targets.numpy(), maps=saliency.numpy())
    return Ours(classifier, images, targets, saliency), stored, weights, kind


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--data", type=Path, default=shared_folder(), help="weights and photographs")
    parser.add_argument("--python", type=Path, default=Path(".venv-peers/bin/python"))
    parser.add_argument("--quick", action="store_true", help="fewer images and turns")
    parser.add_argument(
        "--keep-freed-memory",
        action="store_true",
        help="give the peers our setting of the C library's memory",
    )
    parser.add_argument("--only", default="", help="comparisons whose title contains this")
    parser.add_argument("--table", type=Path, metavar="FILE")
    options = parser.parse_args()
    rows: list[tuple[object, ...]] = []
    with (
        tempfile.TemporaryDirectory() as temporary,
        Peer(
            options.python.absolute(),
            Path(temporary),
            torch.get_num_threads(),
            keep_freed_memory=options.keep_freed_memory,
        ) as peer,
    ):
        for model in options.models or MODELS:
            ours, stored, weights, kind = material(model, options.data, Path(temporary))
            peer.open(stored, model, weights, CAM_LAYERS.get(model))
            batches: dict[str, int] = {}
            for comparison in comparisons(model, ours, options.quick):
                if options.only not in comparison.title:
                    continue
                for row in measured(comparison, peer, batches):
                    rows.append((f"{model}, {kind}", *row))
                    print(" | ".join(str(cell) for cell in rows[-1]), flush=True)
    headings = ("model", "what", "peer", ">ours, s/image", ">peer, s/image", ">ratio", "goal", "agreement")
    write(options.table, markdown("Peers", headings, rows))


if __name__ == "__main__":
    main()
