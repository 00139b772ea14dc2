"""Train the two classifiers of the Shapes data set from scratch and write their weights into the repository.

    python tools/train_shapes_classifiers.py --model shapes_cnn --work FOLDER
    python tools/train_shapes_classifiers.py --model shapes_vit --work FOLDER
    python tools/train_shapes_classifiers.py --evaluate

Training images come from a seed of their own, and so do those on which the accuracy is measured; data sets that users
make begin at seed 0. FOLDER keeps the drawn images (2 GB), so that the second run need not draw them again.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from saliency_core import load_classifier
from saliency_core.classifiers.shapes_networks import CONVOLUTIONS, SIZE, STEM, shapes_cnn, shapes_vit
from saliency_core.datasets.shapes_drawing import draw
from saliency_core.datasets.shapes_forms import KINDS

WEIGHTS = Path(__file__).resolve().parents[1] / "saliency_core" / "classifiers" / "shapes_weights"
TRAINING_SEED, HELD_OUT_SEED = 20_000_001, 20_000_002
TRAINING_IMAGES, HELD_OUT_IMAGES = 12_000, 2_000
MODELS = ("shapes_cnn", "shapes_vit")
BATCH = {"shapes_cnn": 40, "shapes_vit": 40}
PATCH, PATCHES, WINDOW = 16, 14, 10  # pixels of a patch; patches across an image; patches across a window
NO_OBJECT = len(KINDS)  # the class of a patch without an object
LEAST_COVER = 0.25  # of a patch, for it to be an object's


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the classifiers of the Shapes data set.")
    parser.add_argument("--model", choices=MODELS)
    parser.add_argument("--evaluate", action="store_true", help="measure the committed weights")
    parser.add_argument("--epochs", type=int, help="default: 8")
    parser.add_argument("--images", type=int, default=TRAINING_IMAGES)
    parser.add_argument(
        "--bf16", action="store_true", help="train in bfloat16, where the processor is quick at it"
    )
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "saliscope-shapes")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="folder for the weights")
    options = parser.parse_args()
    if options.evaluate:
        for name in MODELS:
            if (options.out / f"{name}.safetensors").exists():
                evaluate(name, options.out / f"{name}.safetensors")
    if options.model:
        torch.set_num_threads(1)
        torch.manual_seed(0)
        images = TrainingImages(options.work, options.images, BATCH[options.model])
        if options.model == "shapes_cnn":
            weights = train_cnn(images, options.epochs or 8, options.bf16)
        else:
            weights = train_vit(images, options.epochs or 8, options.out / "shapes_cnn.safetensors")
        options.out.mkdir(parents=True, exist_ok=True)
        file = options.out / f"{options.model}.safetensors"
        save_file({name: tensor.detach().clone().contiguous() for name, tensor in weights.items()}, file)
        file.chmod(0o644)
        print(f"{file}: {file.stat().st_size} bytes")
        evaluate(options.model, file)


@dataclass(frozen=True)
class Batch:
    """``pixels`` float32 [B, 3, S, S] in [−1, 1], ``labels`` [B]; of the N patches their classes ``patches`` [B, N] and
    ``places`` [B, N] in the image, 0 … 195.
    """

    pixels: torch.Tensor
    labels: torch.Tensor
    patches: torch.Tensor
    places: torch.Tensor


class TrainingImages:
    """The drawn images with the class of each and of each of its 14 × 14 patches, kept in files."""

    def __init__(self, folder: Path, count: int, batch: int) -> None:
        self.batch = batch
        folder.mkdir(parents=True, exist_ok=True)
        names = [folder / f"{part}-{count}.npy" for part in ("pixels", "labels", "patches")]
        if not names[-1].exists():
            started = time.monotonic()
            _draw_all(names, count)
            print(f"drew {count} images, {count / (time.monotonic() - started):.0f} a second", flush=True)
        self.pixels, self.labels, self.patches = (np.load(name, mmap_mode="r") for name in names)

    def batches(self, epoch: int, windows: bool) -> Iterator[Batch]:
        """All images once in random order, or windows of 10 × 10 patches around their main objects.

        Each batch is turned, mirrored and its colours exchanged by lot: no class changes by that.
        """
        lots = np.random.default_rng((TRAINING_SEED, epoch))
        order = lots.permutation(len(self.labels))
        side = WINDOW if windows else PATCHES
        for first in range(0, len(order) - self.batch + 1, self.batch):
            chosen = order[first : first + self.batch]
            labels, patches = self.labels[chosen], self.patches[chosen]
            corners = _corners(patches == labels[:, None, None], side, lots)
            pixels = np.stack(
                [
                    self.pixels[
                        index, PATCH * row : PATCH * (row + side), PATCH * column : PATCH * (column + side)
                    ]
                    for index, (row, column) in zip(chosen, corners, strict=True)
                ]
            )
            rows, columns = (corners[:, axis, None] + np.arange(side) for axis in (0, 1))
            places = rows[:, :, None] * PATCHES + columns[:, None, :]
            patches = np.take_along_axis(patches.reshape(self.batch, -1), places.reshape(self.batch, -1), 1)
            patches = patches.reshape(self.batch, side, side)
            pixels, turns, mirrored = pixels[..., lots.permutation(3)], lots.integers(4), lots.integers(2)
            pixels, patches = (np.rot90(array, turns, axes=(1, 2)) for array in (pixels, patches))
            if mirrored:
                pixels, patches = pixels[:, :, ::-1], patches[:, :, ::-1]
            yield Batch(
                pixels=torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1,
                labels=torch.from_numpy(labels.astype(np.int64)),
                patches=torch.from_numpy(patches.reshape(self.batch, -1).astype(np.int64)),
                places=torch.from_numpy(places.reshape(self.batch, -1)),
            )


def _corners(main: np.ndarray, side: int, lots: np.random.Generator) -> np.ndarray:
    """First row and column [B, 2] of windows about in the middle of which the main object [B, 14, 14] lies."""
    count, line = np.maximum(main.sum((1, 2)), 1), np.arange(PATCHES)
    middles = np.stack([(main.sum(2) * line).sum(1), (main.sum(1) * line).sum(1)], 1) / count[:, None]
    moved = middles + 0.5 - side / 2 + lots.uniform(-2, 2, (len(main), 2))
    return np.clip(np.rint(moved), 0, PATCHES - side).astype(np.int64)


def _draw_all(names: list[Path], count: int) -> None:
    side = PATCHES
    pixels = np.lib.format.open_memmap(names[0], "w+", np.uint8, (count, SIZE, SIZE, 3))
    labels, patches = np.zeros(count, np.uint8), np.full((count, side, side), NO_OBJECT, np.uint8)
    for index in range(count):
        drawing = draw(TRAINING_SEED, index, SIZE)
        pixels[index] = drawing.pixels
        labels[index] = KINDS.index(drawing.visible[0][0])
        most = np.full((side, side), LEAST_COVER)
        for kind, mask in drawing.visible:
            cover = mask.reshape(side, PATCH, side, PATCH).mean(axis=(1, 3))
            patches[index][cover >= most] = KINDS.index(kind)
            most = np.maximum(most, cover)
    pixels.flush()
    np.save(names[1], labels)
    np.save(names[2], patches)


def train_cnn(images: TrainingImages, epochs: int, bf16: bool) -> dict[str, torch.Tensor]:
    """Cross-entropy on the class of the image, and, by a linear layer that is thrown away, on the class of each patch:
    among the averages over mostly background the forms would not be found for a long time.

    Three quarters of the time it sees windows around the main objects, which takes half the time. The batch
    normalisations are folded away at the end.
    """
    network = shapes_cnn(batch_norm=True).to(memory_format=torch.channels_last)
    body = network[:-3]  # without average, flattening and head
    patch_head = nn.Linear(network.head.in_features, NO_OBJECT + 1)
    optimiser, schedule = _optimiser(
        [*network.parameters(), *patch_head.parameters()], images, epochs, peak=4e-3
    )
    for epoch in range(epochs):
        report = Report(epoch)
        for batch in images.batches(epoch, windows=epoch < 0.75 * epochs):
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                maps = body(batch.pixels.contiguous(memory_format=torch.channels_last)).float()
            scores = network.head(maps.mean((2, 3)))
            whole = nn.functional.cross_entropy(scores, batch.labels, label_smoothing=0.05)
            patch_scores = patch_head(maps.flatten(2).transpose(1, 2))
            kinds = nn.functional.cross_entropy(patch_scores.flatten(0, 1), batch.patches.flatten())
            _step(whole + kinds, optimiser, schedule)
            report.add(scores, batch.labels, whole, kinds)
        report.print()
    return _folded(network.eval())


def _folded(network: nn.Module) -> dict[str, torch.Tensor]:
    """The weights of the plain network with the same scores."""
    modules, plain = dict(network.named_modules()), shapes_cnn()
    target = dict(plain.named_modules())
    for name, _, _ in CONVOLUTIONS:
        norm = modules[f"norm{name}"]
        target[f"conv{name}"].weight, target[f"conv{name}"].bias = nn.utils.fusion.fuse_conv_bn_weights(
            modules[f"conv{name}"].weight,
            None,
            norm.running_mean,
            norm.running_var,
            norm.eps,
            norm.weight,
            norm.bias,
        )
    target["head"].load_state_dict(modules["head"].state_dict())
    probe = torch.randn(2, 3, SIZE, SIZE)
    with torch.inference_mode():
        assert torch.allclose(network(probe), plain(probe), atol=1e-3)
    return plain.state_dict()


def train_vit(images: TrainingImages, epochs: int, stem: Path) -> dict[str, torch.Tensor]:
    """Cross-entropy on the class of the image, read from the class token, and on the class of each patch, read from its
    token by a linear layer that is thrown away (token labelling: Jiang et al. 2021).

    The stem's convolutions are those of the trained shapes_cnn (file ``stem``) and stay as they are, so that what they
    make of the training images is computed once. Positions begin as sines and cosines, so that neighbours are
    alike, and linear layers keep the variance of what goes through them: timm's deviation of 0.02 is meant for 768
    channels and all but shuts the branches of 64.
    """
    network = shapes_vit()
    network.patch_embed.load_state_dict(
        {name: tensor for name, tensor in load_file(stem).items() if name.partition(".")[0] in STEM},
        strict=False,
    )
    network.pos_embed.data[:, 1:] = _positions(network.embed_dim)
    _keep_variance(network)
    patch_head = nn.Linear(network.embed_dim, NO_OBJECT + 1)
    maps = _stem_maps(network, images)
    trained = [
        *patch_head.parameters(),
        *(value for name, value in network.named_parameters() if not name.startswith("patch_embed.conv")),
    ]
    optimiser, schedule = _optimiser(trained, images, epochs, peak=2e-3)
    weight = torch.ones(NO_OBJECT + 1)
    weight[NO_OBJECT] = 0.25  # most patches
    for epoch in range(epochs):
        report = Report(epoch)
        order = np.random.default_rng((TRAINING_SEED, epoch)).permutation(len(images.labels))
        for first in range(0, len(order) - images.batch + 1, images.batch):
            chosen = order[first : first + images.batch]
            labels = torch.from_numpy(images.labels[chosen].astype(np.int64))
            patches = torch.from_numpy(images.patches[chosen].reshape(len(chosen), -1).astype(np.int64))
            tokens = network.patch_embed.proj(maps[chosen].float()).flatten(2).transpose(1, 2)
            tokens = network.norm(network.blocks(network._pos_embed(tokens)))
            scores = network.head(tokens[:, 0])
            whole = nn.functional.cross_entropy(scores, labels, label_smoothing=0.05)
            patch_scores = patch_head(tokens[:, 1:])
            kinds = nn.functional.cross_entropy(patch_scores.flatten(0, 1), patches.flatten(), weight)
            _step(whole + kinds, optimiser, schedule)
            report.add(scores, labels, whole, kinds)
        report.print()
    return network.state_dict()


def _stem_maps(network: nn.Module, images: TrainingImages) -> torch.Tensor:
    """What the stem's convolutions make of all images, float16 [N, 64, 14, 14]."""
    convolutions = nn.Sequential(*(getattr(network.patch_embed, name) for name in STEM))
    maps = torch.empty(len(images.labels), 64, PATCHES, PATCHES, dtype=torch.float16)
    with torch.inference_mode():
        for first in range(0, len(maps), 40):
            pixels = (
                torch.from_numpy(images.pixels[first : first + 40]).permute(0, 3, 1, 2).float() / 127.5 - 1
            )
            maps[first : first + 40] = convolutions(pixels).half()
    return maps


def _keep_variance(network: nn.Module) -> None:
    for block in network.blocks:
        for linear in (block.attn.qkv, block.attn.proj, block.mlp.fc1, block.mlp.fc2):
            linear.weight.data.normal_(0, linear.in_features**-0.5)


def _positions(width: int) -> torch.Tensor:
    """Sines and cosines of row and column [196, width], so that neighbours begin alike."""
    line = torch.arange(PATCHES).float()
    waves = line[:, None] / 100 ** (torch.arange(width // 4) / (width // 4))
    waves = torch.cat([waves.sin(), waves.cos()], dim=1)
    rows, columns = waves[:, None].expand(-1, PATCHES, -1), waves[None].expand(PATCHES, -1, -1)
    return torch.cat([rows, columns], dim=2).flatten(0, 1)


def _optimiser(
    parameters: object, images: TrainingImages, epochs: int, peak: float
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    optimiser = torch.optim.AdamW(parameters, lr=peak, weight_decay=0.03)
    steps = epochs * (len(images.labels) // images.batch)
    return optimiser, torch.optim.lr_scheduler.OneCycleLR(optimiser, peak, total_steps=steps, pct_start=0.15)


def _step(
    loss: torch.Tensor, optimiser: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LRScheduler
) -> None:
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_([p for group in optimiser.param_groups for p in group["params"]], 1.0)
    optimiser.step()
    schedule.step()


class Report:
    """Losses and accuracy over an epoch's training images."""

    def __init__(self, epoch: int) -> None:
        self.epoch, self.started = epoch, time.process_time()
        self.images = self.right = 0
        self.losses: list[list[float]] = []

    def add(self, scores: torch.Tensor, labels: torch.Tensor, *losses: torch.Tensor) -> None:
        self.images += len(labels)
        self.right += int((scores.argmax(1) == labels).sum())
        self.losses.append([loss.item() for loss in losses])
        if len(self.losses) % 100 == 0:
            self.print()

    def print(self) -> None:
        losses = " + ".join(f"{loss:.3f}" for loss in np.mean(self.losses[-100:], axis=0))
        print(
            f"epoch {self.epoch + 1}: {self.images} images, loss {losses}, "
            f"accuracy {self.right / self.images:.3f}, {time.process_time() - self.started:.0f} s of one core",
            flush=True,
        )


def evaluate(name: str, weights: Path) -> None:
    """Print the accuracy on held-out images: all, with one object, with several; and the usual mistakes."""
    classifier = load_classifier(f"saliscope:{name}", weights=weights)
    right: dict[bool, list[bool]] = {True: [], False: []}
    mistakes: dict[tuple[str, str], int] = {}
    for first in range(0, HELD_OUT_IMAGES, 50):
        drawings = [draw(HELD_OUT_SEED, index, SIZE) for index in range(first, first + 50)]
        pixels = torch.from_numpy(np.stack([drawing.pixels for drawing in drawings])).permute(0, 3, 1, 2)
        classes, _ = classifier.predict(pixels.float() / 127.5 - 1)
        for drawing, found in zip(drawings, classes.tolist(), strict=True):
            label, answer = drawing.visible[0][0], classifier.class_names[found]
            right[len(drawing.visible) == 1].append(label == answer)
            if label != answer:
                mistakes[label, answer] = mistakes.get((label, answer), 0) + 1
    everything = right[True] + right[False]
    print(
        f"{name}: {sum(everything)} of {len(everything)} held-out images right ({np.mean(everything):.1%});"
    )
    for single, what in ((True, "one object"), (False, "two or three")):
        print(f"  {what}: {sum(right[single])} of {len(right[single])} ({np.mean(right[single]):.1%})")
    worst = sorted(mistakes.items(), key=lambda item: -item[1])[:6]
    print("  mistaken: " + ", ".join(f"{a} for {b} {count} times" for (a, b), count in worst))


if __name__ == "__main__":
    main()
