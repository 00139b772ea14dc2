from __future__ import annotations

import numpy as np
import pytest

from saliency_core.experiments.base import create_experiment
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.summary import summarise_result
from saliency_core.statistics.bootstrap import mean_interval
from tests.core.output.factory import columns, result


def test_figures_by_hand() -> None:
    summary = summarise_result(result())
    counts = {key: summary[key] for key in ("images", "units", "failed", "degenerate")}
    assert counts == {"images": 4, "units": 4, "failed": 1, "degenerate": 1}
    # A column that earlier versions did not have is no reason to fail.
    assert summary["figures"].pop("map_megabytes") == {"value": None, "low": None, "high": None, "n": 0}
    values = {key: round(found["value"], 12) for key, found in summary["figures"].items()}
    assert values == {
        "insertion_auc": 0.6,
        "deletion_auc": 0.2,
        "overall": 0.4,
        "accuracy": round(2 / 3, 12),
        "map_seconds": 0.25,
    }
    assert summary["figures"]["accuracy"]["n"] == 3
    assert summary["figures"]["map_seconds"] == {"value": 0.25, "low": 0.25, "high": 0.25, "n": 4}
    assert summary["interval"] == {
        "method": "percentile",
        "confidence": 0.95,
        "resamples": 2000,
        "seed": 0,
    }


def test_curves_and_bins_by_hand() -> None:
    summary = summarise_result(result())
    curve = summary["curves"]["insertion"]
    assert curve["positions"] == [0.0, 0.5, 1.0]
    assert curve["mean"] == pytest.approx([0.0, 0.6, 1.0])
    assert curve["low"][1] < 0.6 < curve["high"][1]
    rows = summary["bins"]
    assert [row["count"] for row in rows] == [1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1]
    assert (rows[9]["low"], rows[9]["high"]) == (0.9, 0.9999)
    assert rows[9]["figures"]["insertion_auc"]["value"] == pytest.approx(0.7)
    assert rows[9]["figures"]["overall"] == pytest.approx({"value": 0.5, "low": 0.5, "high": 0.5, "n": 2})
    assert rows[0]["figures"]["overall"] == pytest.approx({"value": 0.3, "low": None, "high": None, "n": 1})
    assert rows[1]["figures"]["overall"] == {"value": None, "low": None, "high": None, "n": 0}


def test_bins_count_images_however_many_of_their_classes_are_explained() -> None:
    measured = columns()
    measured.indices[:] = [0, 0, 1, 1]
    rows = summarise_result(result(measured=measured))["bins"]
    # Image 0 has probabilities 0.05 and 0.95, image 1 has 0.95 and 1.
    assert [row["count"] for row in rows] == [1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1]
    measured.indices[:] = [0, 1, 1, 1]
    rows = summarise_result(result(measured=measured))["bins"]
    assert [row["count"] for row in rows] == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]
    assert rows[9]["figures"]["overall"]["n"] == 1


def test_intervals_of_means_are_those_of_the_plain_bootstrap() -> None:
    generator = np.random.default_rng(4)
    measured = columns(generator.random(40), generator.random(40))
    found = summarise_result(result(measured=measured))
    for key in ("insertion_auc", "deletion_auc", "overall"):
        expected = mean_interval(measured.scalars[key])
        figure = found["figures"][key]
        assert [figure["value"], figure["low"], figure["high"]] == pytest.approx(
            [expected.mean, expected.low, expected.high], abs=1e-12
        )


def test_without_resamples_there_are_the_same_values_and_no_intervals() -> None:
    quick, full = summarise_result(result(), resamples=0), summarise_result(result())
    for key, figure in full["figures"].items():
        assert quick["figures"][key] == {**figure, "low": None, "high": None}
    for key, curve in full["curves"].items():
        assert quick["curves"][key]["mean"] == pytest.approx(curve["mean"])
        assert quick["curves"][key]["low"] is quick["curves"][key]["high"] is None
    assert [row["count"] for row in quick["bins"]] == [row["count"] for row in full["bins"]]
    assert quick["classes"] == full["classes"]


def test_the_rows_of_an_image_are_resampled_together() -> None:
    single = columns((0.2, 0.8), (0.1, 0.1))
    doubled = Columns(
        indices=np.repeat(single.indices, 2),
        images=[name for name in single.images for _ in range(2)],
        scalars={key: np.repeat(values, 2) for key, values in single.scalars.items()},
        curves={key: np.repeat(values, 2, axis=0) for key, values in single.curves.items()},
    )
    experiment = create_experiment("insertion_deletion", "thesis@1")
    once, twice = (summarise_result(each, experiment) for each in (single, doubled))
    assert (twice["images"], twice["units"]) == (2, 4)
    for key in ("insertion_auc", "overall"):
        assert twice["figures"][key] == pytest.approx(once["figures"][key])
    for end in ("mean", "low", "high"):
        assert twice["curves"]["insertion"][end] == pytest.approx(once["curves"]["insertion"][end])


def test_bca_intervals_and_other_confidences() -> None:
    measured = columns(np.linspace(0, 1, 30) ** 3, np.zeros(30))
    wide = summarise_result(result(measured=measured), method="bca")
    narrow = summarise_result(result(measured=measured), method="bca", confidence=0.5)
    plain = summarise_result(result(measured=measured))
    of = [each["figures"]["insertion_auc"] for each in (wide, narrow, plain)]
    assert of[0]["low"] < of[1]["low"] < of[1]["value"] < of[1]["high"] < of[0]["high"]
    assert of[0]["high"] > of[2]["high"]  # skewed to the right: BCa reaches further up
    assert wide["curves"]["insertion"]["high"][1] > plain["curves"]["insertion"]["high"][1]


def test_classes_and_one_image() -> None:
    classes = summarise_result(result())["classes"]
    assert [(each["name"], each["images"], each["units"]) for each in classes] == [
        ("cat", 2, 2),
        ("dog", 2, 2),
    ]
    assert classes[0]["figures"]["insertion_auc"] == pytest.approx(0.6)
    assert classes[1]["figures"]["deletion_auc"] == pytest.approx(0.2)
    alone = summarise_result(result(measured=columns((0.5,), (0.25,))))
    assert alone["figures"]["overall"] == {"value": 0.25, "low": None, "high": None, "n": 1}
    assert alone["curves"]["insertion"]["low"] is None


def test_intervals_of_classes_are_those_of_their_images() -> None:
    generator = np.random.default_rng(7)
    measured = columns(generator.random(40), generator.random(40))
    found = summarise_result(result(measured=measured), class_intervals=True)["classes"]
    assert [each["name"] for each in found] == ["cat", "dog"]
    for each in found:
        rows = measured.scalars["target_name"] == each["name"]
        expected = mean_interval(measured.scalars["insertion_auc"][rows])
        assert each["intervals"]["insertion_auc"] == pytest.approx([expected.low, expected.high], abs=1e-12)
        assert expected.low < each["figures"]["insertion_auc"] < expected.high
    # One image has no interval, and nobody has one who does not ask.
    alone = summarise_result(result(measured=columns((0.5,), (0.25,))), class_intervals=True)
    assert alone["classes"][0]["intervals"] == {}
    assert "intervals" not in summarise_result(result())["classes"][0]


def test_nothing_measured() -> None:
    empty = summarise_result(result(measured=Columns(failures=columns().failures)))
    assert (empty["images"], empty["failed"], empty["curves"], empty["classes"]) == (0, 1, {}, [])
    assert empty["figures"]["overall"] == {"value": None, "low": None, "high": None, "n": 0}
    with pytest.raises(ValueError, match="of which experiment"):
        summarise_result(columns())
