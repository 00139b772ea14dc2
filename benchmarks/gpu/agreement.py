"""Do the processor and the card give the same maps and the same figures?"""

from __future__ import annotations

import time

import torch

from benchmarks.gpu.report import Report
from benchmarks.models import explained
from saliency_core import create_method, load_classifier
from saliency_core.datasets.base import Dataset
from saliency_core.descriptions import USUAL_CHANNELS
from saliency_core.errors import SaliscopeError
from saliency_core.experiments.base import create_experiment
from saliency_core.methods.registry import method_descriptions
from saliency_core.scoring.scorer import Scorer

MOST_FORWARDS = 150


def agreement(
    report: Report, model: str, weights: str, dataset: Dataset, indices: list[int], seconds: float
) -> None:
    """Maps of all methods of moderate cost, stretched to [0, 1], and the areas of insertion and deletion of these maps
    on the same photographs: largest differences. Methods are begun for ``seconds``.
    """
    report.heading(f"Processor against card: {model}, {len(indices)} photographs")
    on = {device: load_classifier(model, weights=weights, device=device) for device in ("cpu", "cuda")}
    frame = on["cpu"].preprocessing
    images = torch.stack([frame.prepare(dataset.image(index)) for index in indices])
    targets, _ = on["cpu"].predict(images)
    experiment = create_experiment("insertion_deletion", "thesis@1")
    rows = []
    end = time.monotonic() + seconds
    for description in method_descriptions():
        if time.monotonic() > end:
            report.say(f"(time is up before {description.key})")
            break
        try:
            methods = {d: create_method(description.key, on[d], **description.quick) for d in on}
            cost = description.cost({"channels": USUAL_CHANNELS, **methods["cpu"].parameters})
            if cost.forwards + 2 * cost.backwards > MOST_FORWARDS:
                continue
            found = {d: methods[d].explain(images, targets) for d in on}
        except SaliscopeError:
            continue  # it does not apply to this network
        cpu, gpu = found["cpu"].normalised(), found["cuda"].normalised().cpu()
        apart = (cpu - gpu).abs().flatten(1)
        correlation = min(
            float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]).double())[0, 1])
            for a, b in zip(cpu, gpu, strict=True)
        )
        rows.append(
            (description.key, f"{float(apart.max()):.1e}", f"{float(apart.mean()):.1e}", f"{correlation:.6f}")
        )
    report.table(["method", "largest difference", "mean difference", "least correlation"], rows)
    areas = {}
    maps = create_method("grad_cam" if on["cpu"].family == "cnn" else "transformer_attribution", on["cpu"])
    explanation = maps.explain(images, targets)
    for device, classifier in on.items():
        for precision in ("fp32",) if device == "cpu" else ("fp32", "tf32", "fast"):
            scorer = Scorer(classifier, precision=precision)
            given = explained(classifier, scorer, images, explanation.maps, targets)
            areas[device, precision] = experiment.measure(given).scalars
    base = areas["cpu", "fp32"]
    report.say("")
    report.table(
        [
            "areas of one image, largest difference from the processor (points of 100)",
            "insertion",
            "deletion",
        ],
        [
            [
                f"card, {precision}",
                *(
                    f"{100 * abs(found[name] - base[name]).max():.4f}"
                    for name in ("insertion_auc", "deletion_auc")
                ),
            ]
            for (device, precision), found in areas.items()
            if device == "cuda"
        ],
    )
