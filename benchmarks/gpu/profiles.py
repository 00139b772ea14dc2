"""Where a scored image's time goes on the card."""

from __future__ import annotations

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu.report import Report
from benchmarks.models import random_classifier, random_explained
from saliency_core.experiments.base import create_experiment
from saliency_core.scoring.scorer import Scorer


def profiles(report: Report, models: list[str], precision: str, kernels: int = 6) -> None:
    """The kernels that take most of insertion and deletion of eight images."""
    for name in models:
        classifier = random_classifier(name, "cuda")
        experiment = create_experiment("insertion_deletion", "thesis@1")
        explained = random_explained(classifier, Scorer(classifier, precision=precision), 8)
        experiment.measure(explained)
        torch.cuda.synchronize()
        with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as found:
            experiment.measure(explained)
            torch.cuda.synchronize()
        events = [event for event in found.key_averages() if event.self_device_time_total > 0]
        # The profiler lists an operation and the kernel it launched: kernels only, or all would count twice.
        events = [event for event in events if event.device_type == torch.autograd.DeviceType.CUDA]
        total = sum(event.self_device_time_total for event in events)
        events.sort(key=lambda event: -event.self_device_time_total)
        report.heading(f"Where the time goes: {name}, {precision}, {total / 1000:.0f} ms on the card")
        report.table(
            ["kernel", "share", "calls"],
            [
                (f"`{event.key[:90]}`", f"{100 * event.self_device_time_total / total:.1f} %", event.count)
                for event in events[:kernels]
            ],
        )
