"""What methods share that differentiate a class's logit by the image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from saliency_core.classifiers.state import evaluation_mode
from saliency_core.descriptions import Parameter
from saliency_core.errors import LayerError
from saliency_core.lazy import torch
from saliency_core.methods._random import image_generator, seed_parameter

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier

# Images whose activations are kept at the same time for a backward pass. About 60 MB an image for VGG16 at
# 224 × 224; a CPU gains nothing from larger batches.
GRADIENT_BATCH_SIZES = {"cpu": 8, "cuda": 64}
REDUCTIONS: tuple[str, ...] = ("max_abs", "sum_abs", "sum")


def gradient_batch_size(classifier: Classifier) -> int:
    return GRADIENT_BATCH_SIZES.get(classifier.device.type, 8)


def batches(classifier: Classifier, count: int, copies: int = 1) -> Iterator[slice]:
    """Slices that cover 0 … ``count`` − 1, of at most a gradient batch when every image has ``copies``."""
    size = max(1, gradient_batch_size(classifier) // copies)
    for first in range(0, count, size):
        yield slice(first, min(count, first + size))


@contextmanager
def blank_image(classifier: Classifier) -> Iterator[torch.Tensor]:
    """A blank image [1, 3, H, W] for a trial pass with gradients, in which the model is in evaluation mode."""
    size = classifier.preprocessing.size
    with torch.inference_mode(False), evaluation_mode(classifier.model):
        yield torch.zeros(1, 3, size, size, device=classifier.device)


def logit_gradients(
    classifier: Classifier,
    images: torch.Tensor,
    targets: torch.Tensor,
    forward: Callable[[torch.Tensor, slice], torch.Tensor] | None = None,
    copies: int = 1,
) -> torch.Tensor:
    """∂S_c/∂x [B, 3, H, W] of the logits S_c of classes ``targets`` [B] at ``images`` [B, 3, H, W].

    In batches of gradient_batch_size. ``forward(x, batch)`` computes the logits of images x, which are
    ``images[batch]``, in another way than the classifier, for example with other derivatives; it may run
    ``copies`` times as many images. Raises LayerError if the logits cannot be differentiated.
    """
    collected = []
    for batch in batches(classifier, len(images), copies):
        leaf = images[batch].detach().clone().requires_grad_(True)
        with torch.enable_grad():
            # Copied, since a network may begin with an in-place operation, which a leaf does not allow.
            copy = leaf.clone()
            logits = forward(copy, batch) if forward else classifier.logits(copy)
            # Samples do not interact in evaluation mode, so one backward pass of the sum gives each its own
            # gradient.
            selected = logits.gather(1, targets[batch, None]).sum()
        if not selected.requires_grad:
            raise LayerError(f"The scores of {classifier.title} cannot be differentiated by the image.")
        collected.append(torch.autograd.grad(selected, leaf, materialize_grads=True)[0])
    return torch.cat(collected)


def noisy_gradients(
    classifier: Classifier,
    images: torch.Tensor,
    targets: torch.Tensor,
    samples: int,
    noise: float,
    seed: int,
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Logit gradients at noisy copies of the images: (images that they belong to, gradients [b, 3, H, W]).

    Every image has ``samples`` copies x + N(0, σ²) with σ = ``noise`` · (max x − min x), its largest and
    smallest value over all pixels and channels. Noise is drawn from the image's own generator.
    """
    spread = images.flatten(1).amax(1) - images.flatten(1).amin(1)
    deviations = (noise * spread)[:, None, None, None]
    for batch in batches(classifier, len(images)):
        generators = [image_generator(seed, image) for image in images[batch]]
        for _ in range(samples):
            drawn = torch.stack(
                [torch.randn(images.shape[1:], generator=generator) for generator in generators]
            )
            noisy = images[batch] + deviations[batch] * drawn.to(images.device)
            yield batch, logit_gradients(classifier, noisy, targets[batch])


def reduced(values: torch.Tensor, reduction: str) -> torch.Tensor:
    """Maps [B, H, W] from values [B, 3, H, W] by one of REDUCTIONS."""
    if reduction == "max_abs":
        return values.abs().amax(1)
    return values.abs().sum(1) if reduction == "sum_abs" else values.sum(1)


def reduction_parameter(default: str, source: str) -> Parameter:
    return Parameter(
        name="reduction",
        kind="choice",
        default=default,
        choices=REDUCTIONS,
        title="Colour channels",
        help=(
            "How the values of a pixel's three channels become one: the largest magnitude (max_abs), the sum "
            "of magnitudes (sum_abs) or the sum with signs (sum)."
        ),
        source=source,
    )


def noise_parameters(samples: int, samples_source: str) -> tuple[Parameter, ...]:
    """Parameters of noisy_gradients: samples, noise, seed."""
    return (
        Parameter(
            name="samples",
            kind="integer",
            default=samples,
            minimum=2,
            maximum=1000,
            title="Noisy copies",
            help="Copies of the image with noise at which the gradient is taken.",
            source=samples_source,
        ),
        Parameter(
            name="noise",
            kind="number",
            default=0.15,
            minimum=0.0,
            maximum=2.0,
            title="Noise",
            help="Standard deviation of the Gaussian noise, as a part of the image's range of values.",
            source="PAIR-code/saliency, stdev_spread",
        ),
        seed_parameter(),
    )
