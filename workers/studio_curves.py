"""Insertion and deletion of one map, measured after it is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import structlog

from saliency_core.errors import ImageError, Interrupted, SaliscopeError
from saliency_core.experiments.base import Explained
from saliency_core.experiments.insertion_deletion import InsertionDeletion
from saliency_core.lazy import torch
from saliency_core.scoring.canvas import black_canvas
from saliency_core.scoring.ranking import pixel_ranks
from saliency_core.scoring.scorer import Scorer
from webapp.studio import services
from webapp.studio.asking import curves_protocol
from webapp.studio.events import announce
from webapp.studio.models import Explanation
from workers.node import Node
from workers.resources import method_of
from workers.studio_parts import classifier_for, pixels_of, reason_of
from workers.studio_watching import MapWatch

log = structlog.get_logger(__name__)
DIGITS = 5
# Shares of the pixels (in %) that are kept, everything else black, whose probability the page of cut-outs shows.
CUT_OUT_SHARES = tuple(range(5, 100, 5))


def measure(node: Node, explanation: Explanation) -> None:
    """Measures a claimed map; steps back as soon as somebody waits for a map."""
    try:
        curves = measured(node.torch_device, explanation)
    except Interrupted:
        services.give_back_curves(explanation)
        return
    except SaliscopeError as problem:
        services.fail_curves(explanation, reason_of(problem))
    except Exception as problem:
        log.exception("curves_failed", explanation=explanation.pk)
        services.fail_curves(explanation, reason_of(problem))
    else:
        services.finish_curves(explanation, curves)
    announce(explanation)


def measured(device: str, explanation: Explanation) -> dict[str, Any]:
    """`insertion` and `deletion`, the probability after each step, the scores by name, and `cut_outs`: the probability
    where only the highest `shares` (in %) of the pixels are left on black. Raises SaliscopeError.
    """
    classifier = classifier_for(explanation, device)
    image = classifier.preprocessing.prepare(pixels_of(explanation))[None].to(classifier.device)
    maps = torch.from_numpy(_values(explanation))[None].to(classifier.device)
    targets = torch.tensor([explanation.target], device=classifier.device)
    geometry = {"pipeline": explanation.pipeline, "size": explanation.size}
    experiment = InsertionDeletion(curves_protocol(explanation.classifier, geometry))
    passes = experiment.forwards_per_image(experiment.protocol) + len(CUT_OUT_SHARES)
    watch = MapWatch(explanation, part="curves", expected=passes, yielding=True)
    scorer = Scorer(classifier, on_batch=watch)
    found = experiment.measure(
        Explained(
            classifier=classifier,
            method=method_of(explanation.specified_method, classifier),
            scorer=scorer,
            images=image,
            targets=targets,
            labels=torch.tensor([-1], device=classifier.device),
            maps=maps,
            degenerate=torch.tensor([explanation.degenerate], device=classifier.device),
            identifiers=[explanation.image],
            indices=[0],
            truths=[None],
            unit_labels=[None],
        )
    )
    curves = {name: np.round(curve[0], DIGITS).tolist() for name, curve in found.curves.items()}
    left = scorer.score_masks(image, _kept(maps[0]), black_canvas(image, classifier.preprocessing), targets)[
        0
    ].numpy()
    return (
        curves
        | {name: float(values[0]) for name, values in found.scalars.items()}
        | {"cut_outs": {"shares": list(CUT_OUT_SHARES), "black": np.round(left, DIGITS).tolist()}}
    )


def _values(explanation: Explanation) -> npt.NDArray[np.float32]:
    try:
        return np.load(services.explanation_folder(explanation) / "map.npy", allow_pickle=False)
    except (OSError, ValueError):
        raise ImageError("The map's file is gone: ask for the map again.") from None


def _kept(saliency: torch.Tensor) -> torch.Tensor:
    """Masks [shares, H, W] of the highest pixels of a map [H, W]; as many as the page shows."""
    pixels = saliency.numel()
    counts = torch.tensor([int(share / 100 * pixels + 0.5) for share in CUT_OUT_SHARES])
    ranks = pixel_ranks(saliency[None]).view(1, *saliency.shape)
    return (ranks < counts.to(ranks)[:, None, None]).float()
