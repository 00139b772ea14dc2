"""Masks made from feature maps, and layers that are recorded or replaced."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from saliency_core.classifiers.classifier import Classifier
from saliency_core.errors import LayerError
from saliency_core.scoring.layer_outputs import record_layer, replaced_output
from saliency_core.scoring.masks import above_percentile, is_flat, unit_range


def test_the_percentile_of_the_conformance_vector() -> None:
    values = torch.arange(1.0, 101).view(1, 10, 10)
    kept = above_percentile(values, 70)  # the percentile is 70.3, 30 values exceed it
    assert kept[kept > 0].tolist() == list(range(71, 101))
    assert (kept == 0).sum() == 70


@pytest.mark.parametrize("percentile", [0, 33.3, 70, 100])
def test_percentiles_are_numpys_per_map_and_strict(percentile: float) -> None:
    maps = torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(0)).round(decimals=1)  # with ties
    kept = above_percentile(maps, percentile)
    for number in range(2):
        for channel in range(3):
            values = maps[number, channel].numpy()
            threshold = np.float32(np.percentile(values.astype(np.float64), percentile))
            np.testing.assert_array_equal(
                kept[number, channel].numpy(), np.where(values > threshold, values, 0)
            )


def test_flat_maps_are_those_whose_range_is_rounding() -> None:
    maps = torch.tensor(
        [[[0.0, 0.0]], [[3.0, 3.0]], [[-2.0, -2.0]], [[3.0, 3.000001]], [[3.0, 3.001]], [[0.0, 1e-20]]]
    )
    assert is_flat(maps).tolist() == [True, True, True, True, False, False]
    assert is_flat(torch.tensor([[[float("nan"), 1.0]], [[float("inf"), 1.0]]])).tolist() == [True, True]
    assert is_flat(torch.zeros(2, 4, 1, 1)).shape == (2, 4)


def test_stretching_never_divides_by_zero() -> None:
    maps = torch.tensor([[[1.0, 3.0], [2.0, 5.0]], [[7.0, 7.0], [7.0, 7.0]]])
    assert unit_range(maps).tolist() == [[[0, 0.5], [0.25, 1]], [[0, 0], [0, 0]]]


def test_a_layer_is_recorded_before_what_follows_overwrites_it(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    model = tiny_classifier.model
    with torch.no_grad():
        expected = model.features[:3](tiny_images)  # the in-place ReLU behind it is not run
        logits = model(tiny_images)
    assert expected.min() < 0
    recorded = record_layer(tiny_classifier, "features.2", tiny_images, batch_size=4)
    torch.testing.assert_close(recorded.features, expected)
    torch.testing.assert_close(recorded.logits, logits)
    assert recorded.calls == 1
    assert not recorded.features.requires_grad
    assert not model.features[2]._forward_hooks


def test_a_replaced_output_may_have_another_batch_size(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    recorded = record_layer(tiny_classifier, "features.2", tiny_images)
    with (
        torch.no_grad(),
        replaced_output(tiny_classifier, "features.2", lambda output: recorded.features.clone()),
    ):
        logits = tiny_classifier.logits(torch.zeros(1, 3, 32, 32))
    torch.testing.assert_close(logits, recorded.logits)
    assert not tiny_classifier.model.features[2]._forward_hooks


def test_layers_that_give_no_maps_or_never_run_are_refused(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    tiny_classifier.model.unused = torch.nn.Conv2d(3, 4, 1)
    with pytest.raises(LayerError, match="no feature maps"):
        record_layer(tiny_classifier, "head", tiny_images)
    with pytest.raises(LayerError, match="takes no part"):
        record_layer(tiny_classifier, "unused", tiny_images)
    assert not tiny_classifier.model.unused._forward_hooks
