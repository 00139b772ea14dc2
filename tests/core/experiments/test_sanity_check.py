"""Sanity checks: curves against a literal cascade, baselines that stay at 1, splits that do not matter."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from saliency_core import create_method, load_classifier
from saliency_core.classifiers.architectures import Architecture, build
from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.classifiers.randomisation import layer_seed
from saliency_core.datasets.images import read_image
from saliency_core.enhancement.sliding_window import create_enhanced_method
from saliency_core.errors import ParameterError
from saliency_core.experiments.base import Measurement, create_experiment, experiment_description, protocol
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.sanity_check import SanityCheck, SanityCheckProtocol, Stages
from saliency_core.methods.applicability import why_not
from saliency_core.methods.base import Method
from saliency_core.methods.registry import method_descriptions
from saliency_core.scoring.listening import listening
from tests.core.every_method import (
    NETWORKS,
    SIZE,
    TARGETS,
    network,
    photographs,
    quick,
    random_states,
    state_of,
)
from tests.core.experiments.explained import explained_of

TINY = SanityCheckProtocol(name="tiny@1", summary="for tests", source="none", size=SIZE, hog_cell=8)
SIMILARITIES = ("spearman", "spearman_absolute", "ssim", "hog")
BASELINES = {"random_map", "edge_detector", "centre_gaussian", "coverage_pattern"}


def measured(
    method: Method,
    images: torch.Tensor | None = None,
    targets: torch.Tensor = TARGETS,
    experiment: SanityCheck | None = None,
) -> Measurement:
    images = photographs() if images is None else images
    explanation = method.explain(images, targets)
    explained = explained_of(method.classifier, images, explanation.maps, targets, method=method)
    return (experiment or SanityCheck(TINY)).measure(explained)


def columns_of(measurement: Measurement, indices: list[int]) -> Columns:
    return Columns(
        indices=np.array(indices),
        images=[f"{index}.png" for index in indices],
        scalars=dict(measurement.scalars),
        curves=dict(measurement.curves),
        notes=dict(measurement.notes),
    )


@cache
def of_grad_cam() -> Measurement:
    return measured(quick("grad_cam", network("batch_norm")))


def test_protocols() -> None:
    names = [choice.name for choice in experiment_description("sanity_check").protocols]
    assert names == ["cascading@1", "independent@1", "group-cam@1"]
    experiment = create_experiment("sanity_check", "group-cam@1")
    assert isinstance(experiment, SanityCheck)
    assert (experiment.protocol.layers, experiment.protocol.head) == ("convolutions", False)
    assert protocol("sanity_check", "independent@1").to_dict()["full_name"] == "sanity-check/independent@1"
    assert [SanityCheck.further_maps(TINY, layers) for layers in (1, 5, 77)] == [1, 5, 20]
    assert SanityCheck.further_maps(experiment.protocol, 17) == 16
    assert SanityCheck.forwards_per_image(TINY) == 0


def test_curves_against_a_literal_cascade() -> None:
    """Copies of the whole network, each layer given its numbers by hand."""
    classifier = network("batch_norm")
    method = quick("grad_cam", classifier)
    images, order = photographs(), ["head", "features.4", "features.3", "features.1", "features.0"]
    clean = method.explain(images, TARGETS).maps.flatten(1).numpy()
    measurement = of_grad_cam()
    assert measurement.notes == {"layers": order, "blocks": [[name] for name in order]}
    assert measurement.curves["spearman"][:, 0].tolist() == [1.0, 1.0, 1.0]
    for stage in range(1, len(order) + 1):
        other = copy.copy(classifier)
        other.model = copy.deepcopy(classifier.model)
        for name in order[:stage]:
            layer = other.model.get_submodule(name)
            kept = {key: value.clone() for key, value in layer.named_buffers()}
            with torch.random.fork_rng():
                torch.manual_seed(layer_seed(0, name))
                layer.reset_parameters()
            for key, value in kept.items():
                getattr(layer, key).copy_(value)
        explanation = method.bound_to(other).explain(images, TARGETS)
        for number, values in enumerate(explanation.maps.flatten(1).numpy()):
            if explanation.degenerate[number]:
                assert measurement.curves["randomised_degenerate"][number, stage] == 1
                expected = 0.0
            else:
                expected = spearmanr(clean[number], values).statistic
            assert measurement.curves["spearman"][number, stage] == pytest.approx(expected, abs=1e-6)


def test_scalars_follow_from_the_curves() -> None:
    measurement = of_grad_cam()
    assert set(measurement.curves) == {*SIMILARITIES, "randomised_degenerate"}
    for name in SIMILARITIES:
        curve = measurement.curves[name]
        assert curve.shape == (3, 6)
        assert curve.dtype == np.float32
        assert ((curve >= -1) & (curve <= 1)).all()
        np.testing.assert_allclose(measurement.scalars[f"{name}_mean"], curve[:, 1:].mean(1), rtol=1e-6)
        np.testing.assert_allclose(measurement.scalars[f"{name}_end"], curve[:, 5])
    flags = measurement.curves["randomised_degenerate"]
    np.testing.assert_allclose(measurement.scalars["randomised_degenerate"], flags[:, 1:].mean(1), rtol=1e-6)


@pytest.mark.parametrize("mode", ["cascading", "independent"])
@pytest.mark.parametrize("key", ["random_map", "edge_detector"])
def test_what_does_not_look_at_the_model_stays_at_one(key: str, mode: str) -> None:
    measurement = measured(
        create_method(key, network("tangled")), experiment=SanityCheck(replace(TINY, mode=mode))
    )
    for name in SIMILARITIES:
        assert (measurement.curves[name] == 1).all(), name
    assert (measurement.curves["randomised_degenerate"] == 0).all()


def test_what_depends_on_the_weights_falls() -> None:
    for key, name in (("grad_cam", "batch_norm"), ("transformer_attribution", "transformer")):
        measurement = measured(quick(key, network(name)))
        for similarity in ("spearman", "ssim", "hog"):
            assert measurement.scalars[f"{similarity}_mean"].mean() < 0.8, (key, similarity)
            assert measurement.scalars[f"{similarity}_end"].mean() < 0.8


def test_raw_attention_does_not_see_the_head() -> None:
    measurement = measured(quick("raw_attention", network("transformer")))
    head = measurement.notes["layers"].index("head") + 1
    assert head == 1
    assert (measurement.curves["spearman"][:, head] == 1).all()
    assert (measurement.curves["spearman"][:, -1] < 0.9).all()


def test_the_class_is_that_of_the_intact_model() -> None:
    """A method that shows its class: the targets never change, whatever the copies would predict."""
    classifier = network("batch_norm")
    seen: list[tuple[list[int], list[int]]] = []

    class Spy(type(quick("gradient", classifier))):  # type: ignore[misc]
        def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            seen.append((targets.tolist(), self.classifier.predict(images)[0].tolist()))
            return super()._maps(images, targets)

    predicted = classifier.predict(photographs())[0]
    measured(Spy(classifier), targets=predicted)
    assert len(seen) == 1 + 5  # all three images share a copy
    assert all(targets == predicted.tolist() for targets, _ in seen)
    assert any(found != predicted.tolist() for _, found in seen)


def test_independent_stages_change_one_block() -> None:
    classifier = network("transformer")
    stages = Stages(classifier, replace(TINY, mode="independent", most_stages=5))
    trained = {name: value.clone() for name, value in classifier.model.state_dict().items()}
    assert [len(block) for block in stages.blocks] == [1, 6, 5, 5, 6]
    assert stages.names == [block[-1] for block in stages.blocks]
    assert stages.names[0] == "head"
    assert stages.names[-1] == "patch_embed.proj"
    found: list[set[str]] = []

    class Watching(type(quick("gradient", classifier))):  # type: ignore[misc]
        def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            weights = self.classifier.model.state_dict()
            found.append(
                {name.rsplit(".", 1)[0] for name, value in weights.items() if not value.equal(trained[name])}
            )
            return super()._maps(images, targets)

    list(stages.explanations(Watching(classifier), photographs(), TARGETS))
    # Norms begin as they are drawn: at 1 and 0.
    for changed, block in zip(found, stages.blocks, strict=True):
        assert changed <= set(block)
        assert set(block) - changed <= {name for name in block if "norm" in name}


def test_convolutions_only() -> None:
    stages = Stages(network("tangled"), replace(TINY, layers="convolutions", head=False))
    assert stages.names == ["third", "second", "first"]
    stages = Stages(network("tangled"), replace(TINY, head=False))
    assert stages.names == ["hidden", "third", "second", "first"]
    assert Stages(network("transformer"), replace(TINY, layers="convolutions")).names == ["patch_embed.proj"]


def test_a_convolution_that_gives_the_scores_is_a_head() -> None:
    model = build(Architecture("torchvision", "squeezenet1_1"), classes=7)
    stages = Stages(Classifier(model, name="x"), protocol("sanity_check", "group-cam@1"))  # type: ignore[arg-type]
    assert "classifier.1" not in [name for block in stages.blocks for name in block]
    assert stages.names[0] == "features.12.expand3x3"
    assert (len(stages.names), stages.names[-1]) == (20, "features.0")


def test_vgg19_as_in_the_thesis() -> None:
    """Figure 3-4 names the convolutions by their places among the features."""
    chosen = protocol("sanity_check", "group-cam@1")
    model = build(Architecture("torchvision", "vgg19"), classes=3, device="meta")
    classifier = object.__new__(Classifier)
    classifier.model, classifier.device, classifier.title = model, torch.device("meta"), "VGG19"
    classifier.preprocessing = network("tangled").preprocessing
    classifier.class_names = ["a", "b", "c"]
    expected = [34, 32, 30, 28, 25, 23, 21, 19, 16, 14, 12, 10, 7, 5, 2, 0]
    assert isinstance(chosen, SanityCheckProtocol)
    assert Stages(classifier, chosen).names == [f"features.{place}" for place in expected]


def test_a_batch_is_its_images_and_splits_merge() -> None:
    together = columns_of(of_grad_cam(), [4, 7, 9])
    images = photographs()
    parts = []
    experiment = SanityCheck(TINY)
    method = quick("grad_cam", network("batch_norm"))
    for number, index in ((2, 9), (0, 4), (1, 7)):
        part = slice(number, number + 1)
        parts.append(columns_of(measured(method, images[part], TARGETS[part], experiment), [index]))
    merged = Columns.merge(parts)
    assert merged.notes == together.notes
    for name, values in together.scalars.items():
        np.testing.assert_allclose(merged.scalars[name], values, atol=1e-3)
    figures = experiment.figures()
    assert [figure.value(merged) for figure in figures] == pytest.approx(
        [figure.value(together) for figure in figures], abs=1e-3
    )


def test_figures_and_curves_are_described() -> None:
    columns = columns_of(of_grad_cam(), [0, 1, 2])
    experiment = SanityCheck(TINY)
    figures = {figure.key: figure for figure in experiment.figures()}
    assert list(figures) == [
        *(f"{name}_{part}" for name in SIMILARITIES for part in ("mean", "end")),
        "randomised_degenerate",
    ]
    assert {figure.better for figure in figures.values()} == {""}
    assert figures["ssim_mean"].value(columns) == pytest.approx(
        float(columns.curves["ssim"][:, 1:].mean()), abs=1e-6
    )
    assert figures["hog_end"].value(columns) == pytest.approx(float(columns.curves["hog"][:, -1].mean()))
    for curve in experiment.curves():
        positions = curve.positions(columns)
        assert positions == ["clean", "head", "features.4", "features.3", "features.1", "features.0"]
        assert columns.curves[curve.key].shape[1] == len(positions)
    independent = SanityCheck(replace(TINY, mode="independent"))
    assert [figure.key for figure in independent.figures()] == [
        *(f"{name}_mean" for name in SIMILARITIES),
        "randomised_degenerate",
    ]
    measurement = measured(quick("grad_cam", network("batch_norm")), experiment=independent)
    for figure in independent.figures():
        assert np.isfinite(figure.value(columns_of(measurement, [0, 1, 2])))


def test_a_map_without_contrast_is_flagged() -> None:
    method = quick("grad_cam", network("batch_norm"))
    images = photographs()
    maps = method.explain(images, TARGETS).maps
    maps[1] = 0
    measurement = SanityCheck(TINY).measure(
        explained_of(method.classifier, images, maps, TARGETS, method=method)
    )
    for name in SIMILARITIES:
        assert measurement.curves[name][:, 0].tolist() == [1.0, 0.0, 1.0]
        assert (measurement.curves[name][1] == 0).all()
    assert measurement.curves["randomised_degenerate"][:, 0].tolist() == [0.0, 1.0, 0.0]


METHODS = [
    pytest.param(description.key, name, id=f"{description.key}-{name}")
    for name in NETWORKS
    for description in method_descriptions()
    if why_not(description, network(name).traits()) is None
]


@pytest.mark.parametrize(("key", "name"), METHODS)
def test_every_method_explains_the_copies_and_leaves_the_model_alone(key: str, name: str) -> None:
    classifier = network(name)
    try:
        method = quick(key, classifier)
    except ParameterError:
        pytest.skip("the method does not apply")
    before, states = state_of(classifier.model), random_states()
    experiment = SanityCheck(replace(TINY, most_stages=2))
    measurement = measured(method, photographs(1), TARGETS[:1], experiment)
    after = state_of(classifier.model)
    for part in before.keys() - {"values"}:
        assert after[part] == before[part], part
    assert all(after["values"][entry].equal(value) for entry, value in before["values"].items())
    assert random_states() == states
    for similarity in SIMILARITIES:
        assert np.isfinite(measurement.curves[similarity]).all()
    if key not in BASELINES:
        assert measurement.scalars["spearman_end"].min() < 0.999


def test_an_enhanced_method_explains_the_copies() -> None:
    method = create_enhanced_method("grad_cam", network("batch_norm"), {}, {"window": 16, "stride": 16})
    measurement = measured(method, photographs(1), TARGETS[:1])
    assert measurement.curves["spearman"][0, 0] == 1
    assert measurement.scalars["spearman_end"][0] < 0.9


def test_it_can_be_stopped_between_stages() -> None:
    class Stop(Exception):
        pass

    calls: list[int] = []

    def listener(forwards: int) -> None:
        calls.append(forwards)
        if len(calls) == 2:
            raise Stop

    classifier = network("batch_norm")
    experiment = SanityCheck(TINY)
    method = quick("grad_cam", classifier)
    with listening(listener), pytest.raises(Stop):
        measured(method, experiment=experiment)
    # The copy is whole again: the next measurement is as the first of another experiment.
    again = measured(method, experiment=experiment)
    assert np.array_equal(again.curves["spearman"], of_grad_cam().curves["spearman"])


def test_what_cannot_be_checked() -> None:
    class Pooled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = torch.nn.Linear(3, 5)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.head(images.mean((2, 3)))

    classifier = Classifier(Pooled(), name="x", preprocessing=Preprocessing(size=SIZE))
    with pytest.raises(ParameterError, match="no layers that sanity-check/tiny@1 could randomise"):
        Stages(classifier, replace(TINY, layers="convolutions"))
    with pytest.raises(ParameterError, match="mode must be one of cascading, independent"):
        Stages(classifier, replace(TINY, mode="both"))
    with pytest.raises(ParameterError, match='"all" or "convolutions"'):
        Stages(classifier, replace(TINY, layers="linear"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "weights", "key", "falls"),
    [
        ("torchvision:squeezenet1_1", "squeezenet1_1.safetensors", "grad_cam", 0.7),
        ("timm:deit_tiny_patch16_224", "deit_tiny_patch16_224.safetensors", "transformer_attribution", 0.7),
    ],
)
def test_trained_networks_on_a_photograph(
    shared_data: Path, model: str, weights: str, key: str, falls: float
) -> None:
    classifier = load_classifier(model, weights=shared_data / "weights" / weights)
    chosen = replace(protocol("sanity_check", "cascading@1"), most_stages=4)
    photograph = read_image(shared_data / "ecssd-200" / "images" / "0001.jpg")
    images = classifier.preprocessing.prepare(photograph)[None]
    target = classifier.predict(images)[0]
    for method, at_one in ((key, False), ("edge_detector", True)):
        measurement = measured(
            create_method(method, classifier),
            images,
            target,
            SanityCheck(chosen),
        )
        for name in SIMILARITIES:
            if at_one:
                assert (measurement.curves[name] == 1).all()
            else:
                assert measurement.scalars[f"{name}_mean"][0] < falls
