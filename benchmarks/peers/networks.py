"""The networks that both sides run, made the same way in both environments."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file

from saliency_core.lazy import timm, torch, torchvision

# Where feature maps are weighted: the last convolutional block after its activation.
CAM_LAYERS = {"squeezenet1_1": "features.12", "resnet18": "layer4"}


def network(name: str, weights: Path) -> torch.nn.Module:
    """torchvision's ``name``, or "timm:NAME", with the weights of a safetensors file, in evaluation mode."""
    library, _, plain = name.rpartition(":")
    made = timm.create_model(plain) if library == "timm" else torchvision.models.get_model(plain)
    made.load_state_dict(load_file(weights))
    return made.eval().requires_grad_(False)
