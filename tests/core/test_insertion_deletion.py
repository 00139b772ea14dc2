from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from saliency_core import create_method, load_classifier
from saliency_core.classifiers.classifier import Classifier
from saliency_core.datasets.images import read_image
from saliency_core.errors import ParameterError
from saliency_core.estimate import benchmark_forwards, expected_seconds
from saliency_core.experiments.base import create_experiment, experiment_class, protocol
from saliency_core.experiments.insertion_deletion import InsertionDeletion, fitting_protocol, is_named
from saliency_core.methods.registry import method_description
from saliency_core.scoring.scorer import Scorer
from saliency_core.statistics.area import trapezoid_area
from tests.core import literal
from tests.core.conftest import TINY_PROTOCOL
from tests.core.experiments.explained import explained_of


def test_area_by_hand() -> None:
    assert trapezoid_area(np.full(113, 0.3)) == pytest.approx(0.3)
    assert trapezoid_area(np.linspace(0, 1, 113)) == pytest.approx(0.5)
    assert trapezoid_area([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]).tolist() == [0.25, 0.75]
    with pytest.raises(ValueError, match="two points"):
        trapezoid_area([0.5])


def test_thesis_protocol() -> None:
    thesis = protocol("insertion_deletion", "thesis@1")
    assert thesis.full_name == "insertion-deletion/thesis@1"
    assert thesis.steps == 112
    values = thesis.to_dict()
    assert (values["step_pixels"], values["blur_kernel"], values["blur_sigma"]) == (448, 51, 50.0)
    assert (values["insertion_canvas"], values["deletion_canvas"]) == ("blur", "blur")
    assert (values["pipeline"], values["size"], values["activation"]) == ("squash", 224, "softmax")
    assert InsertionDeletion.forwards_per_image(thesis) == 224
    assert InsertionDeletion.forwards_per_image(protocol("insertion_deletion", "group-cam@1")) == 225


def test_images_of_another_size_or_outputs_have_rules_after_the_nearest_protocol() -> None:
    thesis, group_cam = (protocol("insertion_deletion", name) for name in ("thesis@1", "group-cam@1"))
    assert fitting_protocol("squash", 224, "softmax") is thesis
    assert fitting_protocol("resize_crop", 224, "softmax") is group_cam
    small = fitting_protocol("squash", 64, "sigmoid")
    assert (small.size, small.activation, small.step_pixels, small.steps) == (64, "sigmoid", 37, 111)
    assert (small.blur_kernel, small.blur_sigma) == (15, pytest.approx(100 / 7))
    large = fitting_protocol("resize_crop", 448, "softmax")
    assert (large.pipeline, large.deletion_canvas, large.steps) == ("resize_crop", "zeros", 112)
    assert (large.step_pixels, large.blur_kernel, large.blur_sigma) == (1792, 103, 100.0)
    assert [is_named(each) for each in (thesis, group_cam, small, large)] == [True, True, False, False]


def test_unknown_names_are_refused_with_what_there_is() -> None:
    with pytest.raises(ParameterError, match=r"no protocol 'thesis@2'.*Did you mean 'thesis@1'"):
        protocol("insertion_deletion", "thesis@2")
    with pytest.raises(ParameterError, match="no experiment 'insertion'"):
        experiment_class("insertion")


def test_the_estimate_counts_every_pass() -> None:
    thesis = protocol("insertion_deletion", "thesis@1")
    forwards = benchmark_forwards(method_description("grad_cam"), {}, [thesis])
    assert forwards == 228  # the class, one forward and one backward pass (counted twice), 224 copies
    assert expected_seconds(images=40, forwards=228, rate=38, workers=2) == 120
    with pytest.raises(ValueError, match="above zero"):
        expected_seconds(1, 1, rate=0)


def test_measure_equals_the_literal_loop(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    maps = torch.rand(6, 32, 32, generator=torch.Generator().manual_seed(5)).mul(8).floor()  # full of ties
    targets = torch.tensor([0, 1, 2, 3, 4, 0])
    scorer = Scorer(tiny_classifier, batch_size=5)
    measured = InsertionDeletion(TINY_PROTOCOL).measure(
        explained_of(tiny_classifier, tiny_images, maps, targets, scorer=scorer)
    )
    for number in range(6):
        image = tiny_images[number].numpy()
        insertion, deletion = literal.insertion_and_deletion(
            tiny_classifier.model,
            image,
            maps[number].numpy(),
            int(targets[number]),
            literal.blur(image, TINY_PROTOCOL.blur_kernel, TINY_PROTOCOL.blur_sigma),
            TINY_PROTOCOL.step_pixels,
        )
        np.testing.assert_allclose(measured.curves["insertion"][number], insertion, atol=1e-5)
        np.testing.assert_allclose(measured.curves["deletion"][number], deletion, atol=1e-5)
        assert measured.scalars["probability"][number] == pytest.approx(deletion[0], abs=1e-5)
        inserted = sum((a + b) / 2 for a, b in pairwise(insertion)) / 11
        assert measured.scalars["insertion_auc"][number] == pytest.approx(inserted, abs=1e-5)
    overall = measured.scalars["insertion_auc"] - measured.scalars["deletion_auc"]
    np.testing.assert_array_equal(measured.scalars["overall"], overall)
    assert np.ptp(measured.curves["insertion"]) > 0.1  # the curves do move


def test_deletion_to_zeros_ends_at_the_mean_colour(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    group_cam = create_experiment("insertion_deletion", "group-cam@1")
    images = torch.nn.functional.interpolate(tiny_images[:1], size=(224, 224))
    measured = group_cam.measure(explained_of(tiny_classifier, images, images.sum(1), [2]))
    zero = literal.probability(tiny_classifier.model, np.zeros((3, 224, 224)), 2)
    assert measured.curves["deletion"][0, -1] == pytest.approx(zero, abs=1e-5)
    blurred = literal.blur(images[0].numpy(), 51, 50.0)
    start = literal.probability(tiny_classifier.model, blurred, 2)
    assert measured.curves["insertion"][0, 0] == pytest.approx(start, abs=1e-5)
    assert abs(zero - start) > 1e-3


@pytest.mark.slow
def test_thesis_protocol_on_squeezenet_equals_the_literal_loop(shared_data: Path) -> None:
    classifier = load_classifier(
        "squeezenet1_1", weights=shared_data / "weights" / "squeezenet1_1.safetensors"
    )
    photograph = next((shared_data / "imagenet-samples" / "n01440764").iterdir())
    images = classifier.preprocessing.prepare(read_image(photograph))[None]
    targets, _ = classifier.predict(images)
    assert classifier.class_names[int(targets)] == "tench"
    explanation = create_method("grad_cam", classifier, layer="features.12").explain(images, targets)
    measured = create_experiment("insertion_deletion", "thesis@1").measure(
        explained_of(classifier, images, explanation.maps, targets)
    )
    image = images[0].numpy()
    insertion, deletion = literal.insertion_and_deletion(
        classifier.model,
        image,
        explanation.maps[0].numpy(),
        int(targets),
        literal.blur(image, 51, 50.0),
        448,
    )
    assert len(insertion) == 113
    np.testing.assert_allclose(measured.curves["insertion"][0], insertion, atol=1e-5)
    np.testing.assert_allclose(measured.curves["deletion"][0], deletion, atol=1e-5)
    assert measured.scalars["insertion_auc"][0] > measured.scalars["deletion_auc"][0]
