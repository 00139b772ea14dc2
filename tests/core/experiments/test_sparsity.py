from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from saliency_core.classifiers.classifier import Classifier
from saliency_core.experiments.base import create_experiment, protocol
from saliency_core.experiments.sparsity import Sparsity, entropy, gini_index
from saliency_core.scoring.scorer import Scorer
from tests.core.experiments.explained import explained_of
from tests.core.experiments.splitting import assert_parts_make_the_whole


def test_by_hand() -> None:
    maps = torch.tensor(
        [
            [[1.0, 1.0], [1.0, 1.0]],
            [[0.0, -7.0], [0.0, 0.0]],
            [[0.0, 0.0], [0.0, 0.0]],
            [[4.0, -3.0], [2.0, -1.0]],
        ]
    )
    # 1, 2, 3, 4: (−3·1 − 1·2 + 1·3 + 3·4) / (4 · 10)
    torch.testing.assert_close(gini_index(maps), torch.tensor([0, 0.75, 0, 0.25]).double())
    fourth = -sum(share * math.log(share) for share in (0.1, 0.2, 0.3, 0.4))
    expected = torch.tensor([math.log(4), 0, math.log(4), fourth], dtype=torch.float64)
    torch.testing.assert_close(entropy(maps), expected)


def test_gini_is_the_mean_difference_of_all_pairs() -> None:
    """The definition that does not sort: Σ|a − b| / (2 N Σ)."""
    maps = torch.randn(3, 9, 7, generator=torch.Generator().manual_seed(1))
    values = maps.abs().flatten(1).double()
    pairs = (values[:, :, None] - values[:, None]).abs().sum((1, 2))
    torch.testing.assert_close(gini_index(maps), pairs / (2 * 63 * values.sum(1)))


def test_properties() -> None:
    maps = torch.rand(2, 16, 16, generator=torch.Generator().manual_seed(1))
    for measure in (gini_index, entropy):
        torch.testing.assert_close(measure(-5 * maps), measure(maps))  # neither scale nor sign
        torch.testing.assert_close(measure(maps.flip(1)), measure(maps))  # nor place
    assert (gini_index(maps + 10) < gini_index(maps)).all()  # but where the zero lies
    assert (entropy(maps + 10) > entropy(maps)).all()


def test_no_forward_passes_and_figures(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    done: list[int] = []
    maps = tiny_images.sum(1)
    maps[2] = 0
    explained = explained_of(
        tiny_classifier, tiny_images, maps, [0] * 6, scorer=Scorer(tiny_classifier, on_batch=done.append)
    )
    experiment = create_experiment("sparsity", "gini@1")
    columns = assert_parts_make_the_whole(experiment, explained)
    assert not done
    assert Sparsity.forwards_per_image(protocol("sparsity", "gini@1")) == 0
    assert columns.scalars["gini"][2] == 0
    assert columns.scalars["entropy"][2] == pytest.approx(math.log(1024))
    gini, complexity = experiment.figures()
    assert gini.value(columns) == pytest.approx(np.mean(columns.scalars["gini"]))
    assert complexity.value(columns) == pytest.approx(np.mean(columns.scalars["entropy"]))
