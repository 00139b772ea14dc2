"""The hot loop, with a network whose scores can be worked out by hand."""

from __future__ import annotations

import pytest
import torch

from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.errors import Interrupted, ParameterError
from saliency_core.scoring.ranking import Curve, pixel_order
from saliency_core.scoring.rate import measure_forward_rate
from saliency_core.scoring.scorer import Scorer


class RedMean(torch.nn.Module):
    """Two logits: the mean of the red channel, and zero. Keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[torch.Tensor] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen.append(images.clone())
        red = images[:, 0].mean((1, 2))
        return torch.stack([red, torch.zeros_like(red)], dim=1)


@pytest.fixture
def red() -> Classifier:
    classifier = Classifier(RedMean(), name="red", preprocessing=Preprocessing(size=8))
    classifier.model.seen.clear()
    return classifier


def sources_of_ones_and_zeros() -> torch.Tensor:
    """One image of ones, a canvas of zeros, 2 × 3 pixels."""
    return torch.stack([torch.ones(3, 2, 3), torch.zeros(3, 2, 3)])[None]


SALIENCY = torch.tensor([[[0.5, 0.0, 0.9], [0.5, 0.9, 0.0]]])  # order of pixels: 2, 4, 0, 3, 1, 5
INSERTION, DELETION = Curve(start=1, end=0), Curve(start=0, end=1)


def test_steps_are_composed_as_by_hand(red: Classifier) -> None:
    scores = Scorer(red, batch_size=3).score_rankings(
        sources_of_ones_and_zeros(),
        pixel_order(SALIENCY),
        (INSERTION, DELETION),
        2,
        torch.tensor([0]),
        output="logit",
    )
    thirds = torch.tensor([[[0, 1 / 3, 2 / 3, 1], [1, 2 / 3, 1 / 3, 0]]])
    torch.testing.assert_close(scores, thirds, atol=1e-6, rtol=0)
    pictures = [picture[0].flatten().int().tolist() for batch in red.model.seen for picture in batch]
    assert pictures == [
        [1, 1, 1, 1, 1, 1],  # the image, scored once for both curves
        [0, 0, 0, 0, 0, 0],  # the canvas, likewise
        [0, 0, 1, 0, 1, 0],  # insertion: pixels 2 and 4
        [1, 0, 1, 1, 1, 0],  # then 0 and 3
        [1, 1, 0, 1, 0, 1],  # deletion, the same order
        [0, 1, 0, 0, 0, 1],
    ]


def test_last_step_may_be_smaller_and_the_batch_is_padded(red: Classifier) -> None:
    done: list[int] = []
    scores = Scorer(red, batch_size=2, on_batch=done.append).score_rankings(
        sources_of_ones_and_zeros(), pixel_order(SALIENCY), (INSERTION,), 4, torch.tensor([0]), output="logit"
    )
    torch.testing.assert_close(scores, torch.tensor([[[0, 4 / 6, 1]]]), atol=1e-6, rtol=0)
    assert done == [2, 1]
    assert [len(batch) for batch in red.model.seen] == [2, 2]


@pytest.mark.parametrize(("most", "size", "batches"), [(4, 3, 1), (3, 3, 1), (2, 2, 2), (1, 1, 3)])
def test_batches_divide_the_copies_of_an_image_evenly(
    most: int, size: int, batches: int, red: Classifier
) -> None:
    for images in (1, 2):
        red.model.seen.clear()
        Scorer(red, batch_size=most).score_rankings(
            sources_of_ones_and_zeros().expand(images, -1, -1, -1, -1),
            pixel_order(SALIENCY.expand(images, -1, -1)),
            (INSERTION,),
            4,
            torch.zeros(images, dtype=torch.int64),
        )
        # Of one size however many images there are; two images' six copies fill three batches of two.
        assert {len(batch) for batch in red.model.seen} == {size}
        assert len(red.model.seen) == -(-3 * images // size)
        assert images == 2 or len(red.model.seen) == batches


def test_224_distinct_forwards_per_image_in_full_batches(red: Classifier) -> None:
    done: list[int] = []
    sources = torch.randn(2, 2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    scores = Scorer(red, on_batch=done.append).score_rankings(
        sources,
        pixel_order(torch.rand(2, 224, 224, generator=torch.Generator().manual_seed(1))),
        (INSERTION, DELETION),
        448,
        torch.tensor([0, 1]),
    )
    assert scores.shape == (2, 2, 113)
    assert scores.dtype == torch.float32
    assert done == [8] * 56  # 2 × 224
    assert {len(batch) for batch in red.model.seen} == {8}
    pictures = {picture.contiguous().numpy().tobytes() for batch in red.model.seen for picture in batch}
    assert len(pictures) == 448
    assert torch.equal(scores[:, 0, 0], scores[:, 1, -1])
    assert torch.equal(scores[:, 0, -1], scores[:, 1, 0])


def test_probability_is_the_softmax_of_the_target(red: Classifier) -> None:
    images = torch.stack([torch.full((3, 8, 8), value) for value in (0.0, 1.0)])
    scorer = Scorer(red)
    chosen = scorer.score_images(images, torch.tensor([0, 1]))
    torch.testing.assert_close(chosen, torch.tensor([0.5, 0.268941]), atol=1e-6, rtol=0)
    every = scorer.score_images(images)
    torch.testing.assert_close(every, torch.tensor([[0.5, 0.5], [0.731059, 0.268941]]), atol=1e-6, rtol=0)


def test_sigmoid_classifiers_give_sigmoid_scores() -> None:
    red = Classifier(RedMean(), name="red", preprocessing=Preprocessing(size=8), activation="sigmoid")
    scores = Scorer(red).score_images(torch.ones(1, 3, 8, 8))
    torch.testing.assert_close(scores, torch.tensor([[0.731059, 0.5]]), atol=1e-6, rtol=0)


def test_masks_by_hand_own_and_shared(red: Classifier) -> None:
    images = torch.stack([torch.ones(3, 2, 2), torch.full((3, 2, 2), 3.0)])
    canvas = torch.full((2, 3, 2, 2), -1.0)
    masks = torch.tensor([[[1.0, 1], [1, 1]], [[0, 0], [0, 0]], [[1, 0.5], [0, 0]]])
    scorer = Scorer(red, batch_size=4)
    # Third mask on the first image: 1·1 + (.5 − .5) + (−1) + (−1) = −1, divided by 4 pixels.
    expected = torch.tensor([[1.0, -1.0, -0.25], [3.0, -1.0, 0.5]])
    shared = scorer.score_masks(images, masks, canvas, torch.tensor([0, 0]), output="logit")
    torch.testing.assert_close(shared, expected, atol=1e-6, rtol=0)
    own = scorer.score_masks(
        images, torch.stack([masks, masks.flip(0)]), canvas, torch.tensor([0, 0]), output="logit"
    )
    torch.testing.assert_close(own, torch.stack([expected[0], expected[1].flip(0)]), atol=1e-6, rtol=0)
    every = scorer.score_masks(images, masks, canvas, output="logit")
    torch.testing.assert_close(every[..., 0], expected, atol=1e-6, rtol=0)
    assert every.shape == (2, 3, 2)


def test_pictures_are_composed_a_full_batch_at_a_time(red: Classifier) -> None:
    asked: list[list[int]] = []

    def compose(jobs: torch.Tensor) -> torch.Tensor:
        asked.append(jobs.tolist())
        assert torch.is_inference_mode_enabled()
        return jobs.view(-1, 1, 1, 1).expand(-1, 3, 8, 8).float()

    done: list[int] = []
    scorer = Scorer(red, batch_size=4, on_batch=done.append)
    scores = scorer.score_composed(6, compose, torch.tensor([0, 0, 1, 0, 0, 0]), "logit")
    assert scores.tolist() == [0, 1, 0, 3, 4, 5]
    assert asked == [[0, 1, 2, 3], [4, 5, 5, 5]]  # the last batch is padded
    assert done == [4, 2]


def test_scores_may_be_reduced_on_the_device(red: Classifier) -> None:
    """Only what is kept of a job comes back: which class is the highest, and its margin."""
    asked: list[list[int]] = []

    def reduce(scores: torch.Tensor, jobs: torch.Tensor) -> torch.Tensor:
        asked.append(jobs.tolist())
        assert scores.shape == (4, 2)
        best = scores.sort(1, descending=True).values
        return torch.stack([scores.argmax(1), best[:, 0] - best[:, 1]], dim=1)

    def compose(jobs: torch.Tensor) -> torch.Tensor:
        return (jobs - 2).view(-1, 1, 1, 1).expand(-1, 3, 8, 8).float()

    kept = Scorer(red, batch_size=4).score_composed(5, compose, output="logit", reduce=reduce)
    assert kept.tolist() == [[1, 2], [1, 1], [0, 0], [0, 1], [0, 2]]
    assert kept.dtype == torch.float32
    assert asked == [[0, 1, 2, 3], [4, 4, 4, 4]]


def test_nothing_to_score_gives_nothing(red: Classifier) -> None:
    scorer = Scorer(red)
    assert scorer.score_composed(0, lambda jobs: jobs, torch.empty(0, dtype=torch.int64)).shape == (0,)
    assert scorer.score_composed(0, lambda jobs: jobs).shape == (0, 2)
    assert not red.model.seen


def test_scores_do_not_depend_on_what_else_is_scored(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    scorer = Scorer(tiny_classifier, batch_size=4)
    sources = torch.stack([tiny_images, tiny_images.flip(3)], dim=1)
    order = pixel_order(tiny_images.sum(1))
    targets = torch.tensor([0, 1, 2, 3, 4, 0])

    def score(part: slice) -> torch.Tensor:
        return scorer.score_rankings(sources[part], order[part], (INSERTION, DELETION), 100, targets[part])

    together = score(slice(None))
    assert torch.equal(together, torch.cat([score(slice(0, 1)), score(slice(1, 4)), score(slice(4, 6))]))


def test_stopping_takes_effect_after_one_batch(red: Classifier) -> None:
    def stop(forwards: int) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        Scorer(red, batch_size=2, on_batch=stop).score_images(torch.ones(10, 3, 8, 8))
    assert len(red.model.seen) == 1


def test_the_models_own_mode_is_restored_even_after_a_stop(tiny_classifier: Classifier) -> None:
    def stop(forwards: int) -> None:
        raise Interrupted

    tiny_classifier.model.train()
    tiny_classifier.model.features[0].eval()
    before = [module.training for module in tiny_classifier.model.modules()]
    with pytest.raises(Interrupted):
        Scorer(tiny_classifier, on_batch=stop).score_images(torch.ones(1, 3, 32, 32))
    assert [module.training for module in tiny_classifier.model.modules()] == before


def test_wrong_options_are_refused(red: Classifier) -> None:
    with pytest.raises(ParameterError, match="fp32, tf32, bf16"):
        Scorer(red, precision="fp8")
    with pytest.raises(ParameterError, match="at least 1"):
        Scorer(red, batch_size=0)
    with pytest.raises(ParameterError, match="probability, logit"):
        Scorer(red).score_images(torch.ones(1, 3, 8, 8), output="rank")


def test_bf16_is_close_to_fp32_and_not_equal(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    exact = Scorer(tiny_classifier).score_images(tiny_images)
    rounded = Scorer(tiny_classifier, precision="bf16").score_images(tiny_images)
    assert rounded.dtype == torch.float32
    assert not torch.equal(exact, rounded)
    torch.testing.assert_close(exact, rounded, atol=0.05, rtol=0)


def test_the_rate_is_that_of_the_median_batch(
    tiny_classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter([0.0, 2.0, 2.0, 3.0, 3.0, 12.0])  # batches of 2, 1 and 9 seconds
    monkeypatch.setattr("saliency_core.scoring.rate.time.perf_counter", lambda: next(ticks))
    assert measure_forward_rate(tiny_classifier, batch_size=8, seconds=2.0) == 4.0
