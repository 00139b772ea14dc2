from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from saliency_core.errors import ParameterError
from saliency_core.experiments.base import create_experiment, experiment_class
from saliency_core.output.json_document import SCHEMA, document, json_text, read_json, write_json
from tests.core.output.factory import columns, one


def test_round_trip(tmp_path: Path) -> None:
    measured = columns(area=np.array([1.0, np.nan, 1 / 3, 3]))
    measured.notes["layers"] = ["a", "b"]
    before = [one(measured=measured), one(enhanced=True, title="猫")]
    after = read_json(write_json(tmp_path / "results.json", before))
    for old, new in zip(before, after, strict=True):
        assert new.summary == old.summary
        assert new.result.experiment.protocol == old.result.experiment.protocol
        for field in dataclasses.fields(old.result):
            if field.name not in ("columns", "experiment"):
                assert getattr(new.result, field.name) == getattr(old.result, field.name)
        first, second = old.result.columns, new.result.columns
        assert (first.images, first.failures, first.notes) == (second.images, second.failures, second.notes)
        np.testing.assert_array_equal(first.indices, second.indices)
        for mine, its in ((first.scalars, second.scalars), (first.curves, second.curves)):
            assert list(mine) == list(its)
            for name in mine:
                assert mine[name].dtype == its[name].dtype
                np.testing.assert_array_equal(mine[name], its[name])
    assert json_text(after) == json_text(before)


def test_the_document_says_what_it_is_and_is_strict_json() -> None:
    made = json.loads(
        json_text([one(measured=columns(area=np.full(4, np.nan)))]),
        parse_constant=lambda name: pytest.fail(name),
    )
    assert made["schema"] == SCHEMA == "saliscope-results/1"
    (only,) = made["results"]
    assert only["protocol"]["full_name"] == "insertion-deletion/thesis@1"
    assert only["protocol"]["blur_sigma"] == 50.0
    assert {key: only["figures"][2][key] for key in ("key", "unit", "definition", "n")} == {
        "key": "overall",
        "unit": "percent",
        "definition": "Insertion AUC minus deletion AUC.",
        "n": 4,
    }
    assert only["columns"]["scalars"]["area"]["values"] == [None] * 4
    # The curves are in single precision and written with no more digits than that needs.
    assert only["columns"]["curves"]["insertion"]["values"][0] == [0.0, 0.4, 1.0]
    assert only["columns"]["images"] == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]


def test_without_images() -> None:
    (back,) = read_json(document([one()], with_images=False))
    assert len(back.result.columns) == 0
    assert back.result.columns.failures == columns().failures
    assert back.interval("overall").value == pytest.approx(0.4)


def test_the_protocol_is_the_recorded_one() -> None:
    experiment = create_experiment("insertion_deletion", "thesis@1")
    changed = dataclasses.replace(experiment.protocol, size=32, confidence_edges=(0.0, 0.5, 1.0))  # type: ignore[call-arg]
    made = document([one(experiment=experiment_class("insertion_deletion")(changed))])
    (back,) = read_json(made)
    assert back.result.experiment.protocol == changed
    assert len(back.summary["bins"]) == 2


def test_other_documents_are_refused(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ParameterError, match=r"its schema is 'saliscope-results/2'"):
        read_json({"schema": "saliscope-results/2", "results": []})
    with pytest.raises(ParameterError, match="its schema is None"):
        read_json(tmp_path / "list.json")
    for name in ("broken.json", "missing.json"):
        with pytest.raises(ParameterError, match="cannot be read as results"):
            read_json(tmp_path / name)
