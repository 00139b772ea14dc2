from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from saliency_core.experiments.columns import Columns
from saliency_core.output.files import write_rows
from saliency_core.output.tables import bin_rows, class_rows, curve_rows, summary_rows, unit_rows
from tests.core.output.factory import columns, one, result


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_rows_of_images_read_back(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "new" / "images.csv", unit_rows(columns(area=np.array([1.0, np.nan, 2, 3]))))
    first, second, _, last, failed = read(path)
    assert list(first) == [
        "image", "target", "target_name", "predicted", "label", "probability", "insertion_auc", "deletion_auc",
        "overall", "area", "degenerate", "map_seconds", "seconds", "status", "reason",
    ]  # fmt: skip
    assert first["insertion_auc"] == "0.40000000"
    assert (second["area"], second["degenerate"], second["map_seconds"]) == ("", "1", "0.250000")
    assert (last["label"], last["predicted"], last["seconds"]) == ("", "1", "1.500")
    assert failed == {
        **dict.fromkeys(first, ""),
        "image": "bad.jpg",
        "status": "failed",
        "reason": "truncated",
    }
    assert [item.name for item in path.parent.iterdir()] == ["images.csv"]


def test_the_columns_of_version_0_1_give_the_same_file() -> None:
    old = columns()
    del old.scalars["predicted"], old.scalars["map_seconds"]
    header, first, *_ = unit_rows(old)
    assert header == [
        "image", "target", "target_name", "label", "probability", "insertion_auc", "deletion_auc", "overall",
        "degenerate", "seconds", "status", "reason",
    ]  # fmt: skip
    assert first == [
        "0.jpg", "0", "cat", "0", "0.05000000", "0.40000000", "0.10000000", "0.30000000", "0", "1.500", "done", "",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_active_cells_are_neutralised(text: str) -> None:
    measured = columns()
    measured.images[0] = text
    measured.scalars["target_name"] = np.array([text, "b", text, "b"])
    measured.failures[0].update(image=text, reason=text)
    rows = [dict(zip(row, row, strict=True)) for row in unit_rows(measured)]
    assert f"'{text}" in rows[1]
    assert text not in {cell for row in rows for cell in row}
    summary = one(measured=measured, model=text, title=text, dataset=text)
    for table in (summary_rows, bin_rows, class_rows, curve_rows):
        cells = {cell for row in table([summary]) for cell in row}
        assert f"'{text}" in cells
        assert text not in cells


def test_nothing_but_failures() -> None:
    header, row = unit_rows(Columns(failures=columns().failures))
    assert header == ["image", "target", "target_name", "label", "status", "reason"]
    assert row == ["bad.jpg", "", "", "", "failed", "truncated"]


def test_summary_has_a_row_for_each_result_and_figure(tmp_path: Path) -> None:
    results = [one(), one(method="msg_cam", title="MSG-CAM", enhanced=True)]
    rows = read(write_rows(tmp_path / "summary.csv", summary_rows(results)))
    assert len(rows) == 2 * 6
    overall = rows[2]
    assert {key: overall[key] for key in ("figure", "title", "unit", "better", "value", "n", "images")} == {
        "figure": "overall",
        "title": "Over-all",
        "unit": "percent",
        "better": "higher",
        "value": "40",
        "n": "4",
        "images": "4",
    }
    assert 30 <= float(overall["low"]) < 40 < float(overall["high"]) <= 50
    assert (overall["protocol"], overall["target_rule"]) == ("insertion-deletion/thesis@1", "predicted")
    assert (overall["weights_sha256"], overall["dataset_fingerprint"]) == ("ab" * 32, "Photos-fingerprint")
    assert (overall["parameters"], overall["enhancement"]) == ('{"layer": "features.35"}', "")
    assert rows[10]["enhancement"] == '{"stride": 32, "window": 96}'
    assert (rows[10]["figure"], rows[10]["unit"], rows[10]["value"]) == ("map_seconds", "seconds", "0.25")


def test_curves_bins_and_classes(tmp_path: Path) -> None:
    curves = read(write_rows(tmp_path / "curves.csv", curve_rows([one()])))
    assert [(row["curve"], row["position"], f"{float(row['mean']):.6g}") for row in curves] == [
        ("insertion", "0", "0"),
        ("insertion", "0.5", "0.6"),
        ("insertion", "1", "1"),
        ("deletion", "0", "1"),
        ("deletion", "0.5", "0.2"),
        ("deletion", "1", "0"),
    ]
    bins = read(write_rows(tmp_path / "bins.csv", bin_rows([one()])))
    assert len(bins) == 11 * 3
    tenth = bins[9 * 3]
    assert (tenth["probability_from"], tenth["probability_to"]) == ("0.9", "0.9999")
    assert (tenth["bin_images"], tenth["figure"], tenth["value"]) == ("2", "insertion_auc", "70")
    assert bins[3]["value"] == ""
    classes = read(write_rows(tmp_path / "classes.csv", class_rows([one()])))
    assert [(row["class"], row["class_images"], row["figure"], row["value"]) for row in classes[:3]] == [
        ("cat", "2", "insertion_auc", "60"),
        ("cat", "2", "deletion_auc", "20"),
        ("cat", "2", "overall", "40"),
    ]


def test_names_in_other_scripts_survive(tmp_path: Path) -> None:
    measured = columns()
    measured.images[0] = "猫 1.jpg"
    path = write_rows(tmp_path / "a.csv", unit_rows(result(measured=measured).columns))
    assert read(path)[0]["image"] == "猫 1.jpg"
