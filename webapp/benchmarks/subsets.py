"""The images that a specification chooses: the one place that draws them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saliency_core.datasets.base import Dataset
from saliency_core.datasets.subset import stratified_subset_indices, subset_indices


def chosen_images(specification: Mapping[str, Any], dataset: Dataset) -> list[int]:
    """Indices (ascending) in the data set of the benchmark's images; shards count their ranges in this list."""
    subset = specification["subset"]
    # Specifications from before there was a choice don't name it.
    if subset.get("stratified"):
        labels = [dataset.sample(index).label for index in range(len(dataset))]
        return stratified_subset_indices(labels, subset["count"], subset["seed"])
    return subset_indices(len(dataset), subset["count"], subset["seed"])
