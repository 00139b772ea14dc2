"""What the peers compute, each with its own code; run by peer_process in the peers' environment.

Every function takes the material of one network and gives an array to be compared with ours. ``batch`` is the peer's
own batch size, which the caller chooses for it.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from saliency_core.lazy import torch, torchvision

FLIPPED_VALUES = 1792


@dataclass(frozen=True)
class Material:
    """A network, normalised images [N, 3, H, W], the classes to explain [N], maps [N, H, W] and a layer's name."""

    network: Any
    images: torch.Tensor
    targets: list[int]
    maps: torch.Tensor
    layer: str | None

    def first(self, count: int) -> Material:
        return Material(
            self.network, self.images[:count], self.targets[:count], self.maps[:count], self.layer
        )


Array = npt.NDArray[np.float32]


class _GivenMaps:
    """Stands where torch-cam expects an extractor: hands out maps that are there already."""

    def __init__(self, network: Any) -> None:
        self.model, self.maps = network, None

    def __call__(self, class_idx: Any = None, scores: Any = None, **_: Any) -> list[torch.Tensor]:
        return [self.maps]

    def fuse_cams(self, cams: list[torch.Tensor]) -> torch.Tensor:
        return cams[0]

    @contextmanager
    def _hooks_off(self) -> Iterator[None]:
        yield


def torchcam_insertion_deletion(material: Material, batch: int, steps: int = 112) -> Array:
    """Insertion and deletion areas [N, 2], blurred canvas."""
    from torchcam.metrics import DeletionInsertionMetric

    blur = partial(torchvision.transforms.functional.gaussian_blur, kernel_size=[51, 51], sigma=[50.0, 50.0])
    extractor = _GivenMaps(material.network)
    metric = DeletionInsertionMetric(
        extractor, partial(torch.softmax, dim=-1), steps=steps, baseline=blur, batch_size=batch
    )
    areas = []
    for image, target, saliency in zip(material.images, material.targets, material.maps, strict=True):
        metric.reset()
        extractor.maps = saliency[None]
        with torch.inference_mode():
            metric.update(image[None], class_idx=target)
        areas.append((metric.insertion, metric.deletion))
    return np.array(areas, dtype=np.float32)


def quantus_pixel_flipping(material: Material, batch: int, values_in_step: int = FLIPPED_VALUES) -> Array:
    """Probabilities [N, steps] as pixels are set to zero; Quantus batches over images, not over steps.

    It counts colour values, and their number in a step must divide that of the pixels, which 3 does not: after every
    third step the values removed are those of whole pixels, and these probabilities [N, steps / 3] are given.
    """
    import quantus

    pixels = material.maps[0].numel()
    metric = quantus.PixelFlipping(
        features_in_step=values_in_step, normalise=False, perturb_baseline=0.0, disable_warnings=True
    )
    # Quantus ranks every colour value: descending whole numbers keep a pixel's three together, in our order.
    order = torch.sort(material.maps.flatten(1), dim=1, descending=True, stable=True).indices
    ranks = torch.empty_like(order).scatter_(1, order, torch.arange(pixels).expand_as(order))
    colours = 3 * (pixels - 1 - ranks)[:, None] + torch.arange(3)[:, None]
    with contextlib.redirect_stdout(io.StringIO()):
        curves = metric(
            model=material.network,
            x_batch=material.images.numpy(),
            y_batch=np.array(material.targets),
            a_batch=colours.float().view(material.images.shape).numpy(),
            channel_first=True,
            softmax=True,
            device="cpu",
            batch_size=batch,
        )
    return np.array(curves, dtype=np.float32)[:, 2::3]


def grad_cam_road(material: Material, batch: int) -> Array:
    """ROAD of pytorch-grad-cam at its nine percentiles, LeRF − MoRF of probabilities [N]. It runs one picture at a time
    whatever ``batch`` says.
    """
    from pytorch_grad_cam.metrics.road import ROADCombined
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget

    targets = [ClassifierOutputSoftmaxTarget(target) for target in material.targets]
    combined = ROADCombined()
    # It halves the difference.
    return 2 * combined(material.images, material.maps.numpy(), targets, material.network)


def torchcam_map(material: Material, batch: int, method: str) -> Array:
    """Maps [N, h, w] of a torch-cam extractor."""
    from torchcam import methods

    options = {"batch_size": batch} if method == "ScoreCAM" else {}
    found = []
    with getattr(methods, method)(material.network, material.layer, **options) as extractor:
        for image, target in zip(material.images, material.targets, strict=True):
            # Frozen weights give no graph unless the image asks for one.
            scores = material.network(image[None].clone().requires_grad_(method != "ScoreCAM"))
            found.append(extractor(target, scores)[0].detach())
    return torch.cat(found).numpy()


def grad_cam_map(material: Material, batch: int, method: str) -> Array:
    """Maps [N, H, W] of pytorch-grad-cam."""
    import pytorch_grad_cam
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    layers = [material.network.get_submodule(material.layer)]
    found = []
    with (
        contextlib.redirect_stderr(io.StringIO()),
        getattr(pytorch_grad_cam, method)(material.network, layers) as extractor,
    ):
        extractor.batch_size = batch
        for image, target in zip(material.images, material.targets, strict=True):
            image = image[None].clone().requires_grad_(method == "GradCAM")
            found.append(extractor(image, targets=[ClassifierOutputTarget(target)]))
    return np.concatenate(found)


def captum_grad_cam(material: Material, batch: int) -> Array:
    """Maps [N, h, w] of captum's LayerGradCam."""
    from captum.attr import LayerGradCam

    layered = LayerGradCam(material.network, material.network.get_submodule(material.layer))
    found = []
    for image, target in zip(material.images, material.targets, strict=True):
        image = image[None].clone().requires_grad_(True)
        found.append(layered.attribute(image, target=target, relu_attributions=True)[0].detach())
    return torch.cat(found).numpy()


TASKS = {
    "insertion_deletion/torch-cam": torchcam_insertion_deletion,
    "pixel_flipping/Quantus": quantus_pixel_flipping,
    "road/pytorch-grad-cam": grad_cam_road,
    "grad_cam/torch-cam": partial(torchcam_map, method="GradCAM"),
    "grad_cam/pytorch-grad-cam": partial(grad_cam_map, method="GradCAM"),
    "grad_cam/captum": captum_grad_cam,
    "score_cam/torch-cam": partial(torchcam_map, method="ScoreCAM"),
    "score_cam/pytorch-grad-cam": partial(grad_cam_map, method="ScoreCAM"),
    "ablation_cam/pytorch-grad-cam": partial(grad_cam_map, method="AblationCAM"),
}
