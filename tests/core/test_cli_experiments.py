"""The command experiments: all of them, or one with everything its protocols fix."""

from __future__ import annotations

import dataclasses

import pytest

from saliency_core.cli import main as cli
from saliency_core.cli.experiment_text import cost, needs, settings
from saliency_core.experiments.base import experiment_class, experiment_descriptions, protocol
from saliency_core.experiments.figures import COMMON_FIGURES


def test_list_has_every_experiment_with_its_protocols(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["experiments"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [line.partition(":")[0] for line in lines]
    assert names == [
        *("insertion_deletion", "  thesis@1", "  group-cam@1", "  rise@1"),
        *("perturbation", "  chefer@1", "  chefer-label@1"),
        *("road", "  road@1"),
        *("average_drop", "  score-cam@1", "  grad-cam++@1"),
        *("pointing_game", "  thesis@1", "  thesis-any@1", "  thesis-majority@1"),
        *("  torchray@1", "  torchray-masks@1"),
        *("energy_pointing_game", "  score-cam@1", "  all@1", "  masks@1", "  object-mask@1"),
        *("segmentation", "  chefer@1", "  class-masks@1", "  all-objects@1"),
        *("sanity_check", "  cascading@1", "  independent@1", "  group-cam@1"),
        *("sparsity", "  gini@1"),
    ]
    assert lines[4].startswith("perturbation: Positive / negative perturbation. Blackens ")
    assert lines[-1].endswith("IJCAI 2020)")


def test_one_experiment(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["experiments", "insertion-deletion"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("Insertion / deletion (insertion_deletion)\n")
    thesis, group_cam, rise = text.split("insertion-deletion/")[1:]
    assert thesis.splitlines()[:6] == [
        "thesis@1 (default)",
        "  112 steps of 448 pixels, blurred canvas for both curves, squashed to 224 × 224.",
        "  Source: Thesis, chapter 3",
        "  Explains: the class predicted for the image",
        "  Needs: images alone",
        "  Cost of scoring a map: 224 forward passes",
    ]
    assert "    step_pixels = 448\n" in thesis
    assert "    deletion_canvas = blur\n" in thesis
    assert "    deletion_canvas = zeros\n" in group_cam
    assert "    step_pixels = 224\n" in rise
    assert (
        "  deletion_auc (percent, lower is better): Deletion AUC\n"
        "    Area under the probability of the class as salient pixels are taken away.\n"
    ) in text
    assert "  insertion: Insertion; across: Share of pixels changed, up: Probability\n" in text


def test_a_figure_that_not_every_protocol_has_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["experiments", "sanity_check"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "before and after randomisation. Low: the map depends on the weights. hog_end: HOG" in words
    assert "Low: the map depends on the weights. Only under cascading@1, group-cam@1. hog_mean" in words
    assert words.count("Only under") == 4


@pytest.mark.parametrize("key", [description.key for description in experiment_descriptions()])
def test_everything_that_is_fixed_is_shown(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["experiments", key]) == 0
    text = capsys.readouterr().out
    for chosen in experiment_class(key).description.protocols:
        fixed = {field.name for field in dataclasses.fields(chosen)} - {
            "experiment",
            "name",
            "summary",
            "source",
        }
        assert settings(chosen).keys() == fixed
        assert chosen.full_name in text
        for name in fixed:
            assert f"    {name} = " in text
        for figure in (*experiment_class(key)(chosen).figures(), *COMMON_FIGURES):
            assert f"  {figure.key}" in text
            assert f": {figure.title}\n" in text


def test_settings_needs_and_costs_in_words() -> None:
    torchray = settings(protocol("pointing_game", "torchray-masks@1"))
    assert torchray["tolerance"] == "15"
    assert torchray["skip_difficult"] == "no"
    assert torchray["class_count"] == "none"
    assert torchray["ground_truth"] == "masks"
    assert settings(protocol("road", "road@1"))["shares"] == "0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9"
    assert settings(protocol("road", "road@1"))["ground_truth"] == "none"
    assert needs(protocol("pointing_game", "torchray-masks@1")) == "a mask for every class"
    assert needs(protocol("segmentation", "chefer@1")) == "masks of objects"
    assert cost(protocol("average_drop", "score-cam@1")) == "2 forward passes"
    assert cost(protocol("sanity_check", "cascading@1")) == "at most 20 further maps"
    assert cost(protocol("sparsity", "gini@1")) == "no forward passes"


def test_an_experiment_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["experiments", "pointing_gam"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: There is no experiment 'pointing_gam'; there are insertion_deletion, ")
    assert "Did you mean 'pointing_game'" in error
