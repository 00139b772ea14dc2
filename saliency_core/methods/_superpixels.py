"""Images in superpixels, some of which are shown: what LIME and KernelSHAP ask a classifier about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from saliency_core.descriptions import Parameter
from saliency_core.lazy import functional, torch
from saliency_core.methods._random import seed_parameter
from saliency_core.scoring.canvas import blurred_canvas, zero_canvas
from saliency_core.scoring.scorer import Scorer

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier

# Standard deviation in pixels of the blur before SLIC. Without it, grainy pictures fall into fragments, and
# SLIC joins fragments to few superpixels, in the worst case to a single one.
_SMOOTHING = 1.0
# Scores that differ by less than rounding does: hiding superpixels has no effect.
_EQUAL = 1e-5

SEGMENTS = Parameter(
    name="segments",
    kind="integer",
    default=50,
    minimum=2,
    maximum=1000,
    title="Superpixels",
    help="About how many superpixels (SLIC) an image is divided into.",
    source="Usual for SLIC with images of 224 pixels; the tutorials of captum take 40 to 100",
)
COMPACTNESS = Parameter(
    name="compactness",
    kind="number",
    default=10.0,
    minimum=0.01,
    maximum=1000,
    title="Compactness",
    help="Weight of nearness against likeness of colour: larger makes superpixels squarer.",
    source="Achanta et al., SLIC, and scikit-image's default",
)
CANVAS = Parameter(
    name="baseline",
    kind="choice",
    default="superpixel_mean",
    choices=("superpixel_mean", "zero", "blur"),
    title="Hidden superpixels",
    help=(
        "What a hidden superpixel shows. superpixel_mean: its own mean colour. zero: the mean colour of the "
        "training data. blur: the image, blurred (kernel 51, sigma 50)."
    ),
    source="Ribeiro et al.'s code for images: the superpixel's mean colour",
)
SEED = seed_parameter("Seed of the draw; every image has a draw of its own.")


def samples_parameter(what: str, source: str) -> Parameter:
    """How many perturbed images are scored; ``what`` the method calls them, a sentence."""
    return Parameter(
        name="samples",
        kind="integer",
        default=1000,
        minimum=2,
        maximum=100_000,
        title="Samples",
        help=f"{what} Fewer than ten times the superpixels gives noisy maps.",
        source=source,
    )


@dataclass(frozen=True)
class Superpixels:
    """A batch of images in superpixels: ``labels`` int64 [B, H, W] from 0, ``counts`` how many each image
    has, and what shows where a superpixel is hidden, ``canvas`` [B, 3, H, W].
    """

    images: torch.Tensor
    labels: torch.Tensor
    counts: tuple[int, ...]
    canvas: torch.Tensor

    def painted(self, values: Sequence[npt.NDArray[np.float64]]) -> torch.Tensor:
        """Maps [B, H, W] with each superpixel in its value; ``values`` holds one array per image."""
        maps = [
            torch.from_numpy(value).to(labels.device, torch.float32)[labels]
            for value, labels in zip(values, self.labels, strict=True)
        ]
        return torch.stack(maps)


def divided(classifier: Classifier, images: torch.Tensor, parameters: Any) -> Superpixels:
    """Normalised images [B, 3, H, W] in SLIC superpixels by "segments" and "compactness" of the parameters,
    with the canvas of "baseline".

    SLIC works on the pictures before normalisation, smoothed by a pixel. The number of superpixels is near
    the one asked for, not equal to it.
    """
    preprocessing = classifier.preprocessing
    mean, std = (images.new_tensor(v)[:, None, None] for v in (preprocessing.mean, preprocessing.std))
    pictures = (images * std + mean).clamp(0, 1).permute(0, 2, 3, 1).cpu().double().numpy()
    arrays = [_slic(picture, parameters["segments"], parameters["compactness"]) for picture in pictures]
    labels = torch.from_numpy(np.stack(arrays)).to(images.device)
    counts = tuple(int(array.max()) + 1 for array in arrays)
    if parameters["baseline"] == "superpixel_mean":
        canvas = _mean_colours(images, labels, max(counts))
    else:
        canvas = blurred_canvas(images) if parameters["baseline"] == "blur" else zero_canvas(images)
    return Superpixels(images, labels, counts, canvas)


def _slic(picture: npt.NDArray[np.float64], segments: int, compactness: float) -> npt.NDArray[np.int64]:
    from skimage.segmentation import slic

    if not np.isfinite(picture).all():  # an undefined image has no superpixels, and its scores are undefined
        return np.zeros(picture.shape[:2], dtype=np.int64)
    labels = slic(
        picture,
        n_segments=segments,
        compactness=compactness,
        sigma=_SMOOTHING,
        start_label=0,
        channel_axis=-1,
    )
    return np.asarray(np.unique(labels, return_inverse=True)[1].reshape(labels.shape), dtype=np.int64)


def _mean_colours(images: torch.Tensor, labels: torch.Tensor, count: int) -> torch.Tensor:
    """Every pixel in the mean colour of its superpixel, [B, 3, H, W]."""
    members = functional.one_hot(labels.flatten(1), count).to(torch.float64)  # [B, H·W, count]
    colours = torch.einsum("bcp,bpk->bck", images.flatten(2).double(), members)
    colours = colours / members.sum(1).clamp(min=1)[:, None]
    return colours.gather(2, labels.flatten(1)[:, None].expand(-1, 3, -1)).view_as(images).to(images.dtype)


def coalition_scores(
    classifier: Classifier,
    superpixels: Superpixels,
    coalitions: Sequence[npt.NDArray[np.bool_]],
    targets: torch.Tensor,
    output: str,
) -> list[npt.NDArray[np.float64]]:
    """Scores of the images with only some superpixels shown: for each image an array [N] for its coalitions
    bool [N, superpixels].

    Pictures are made a batch at a time, so memory does not grow with the number of coalitions.
    """
    sizes = [len(rows) for rows in coalitions]
    device, widest = superpixels.images.device, max(superpixels.counts)
    padded = np.concatenate([np.pad(rows, ((0, 0), (0, widest - rows.shape[1]))) for rows in coalitions])
    shown = torch.from_numpy(padded).to(device)
    owners = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes)).to(device)

    def compose(jobs: torch.Tensor) -> torch.Tensor:
        image = owners[jobs]
        kept = shown[jobs].gather(1, superpixels.labels[image].flatten(1))
        kept = kept.view(-1, 1, *superpixels.labels.shape[1:])
        return torch.where(kept, superpixels.images[image], superpixels.canvas[image])

    scores = Scorer(classifier).score_composed(len(owners), compose, targets.to(device)[owners], output)
    return [part.double().numpy() for part in scores.split(sizes)]


def without_effect(scores: npt.NDArray[np.float64]) -> bool:
    """Whether the scores are equal up to rounding (or undefined)."""
    return not np.ptp(scores) > _EQUAL * np.abs(scores).max()
