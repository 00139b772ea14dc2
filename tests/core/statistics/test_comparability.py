"""What two results differ in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from saliency_core.statistics.comparability import differences


def provenance(**changes: Any) -> dict[str, Any]:
    return {
        "protocol": {
            "experiment": "insertion_deletion",
            "name": "thesis@1",
            "steps": 100,
            "edges": (0.0, 0.5),
        },
        "preprocessing": {"size": [224, 224], "mean": np.array([0.5, 0.5, 0.5])},
        "weights_sha256": "ab" * 32,
        "dataset_fingerprint": "cd" * 32,
        "indices": {0, 1, 2, 5},
        "precision": "float32",
        "versions": {"torch": "2.9.0", "numpy": "2.4.6"},
        **changes,
    }


def keys(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    return [key for key, _ in differences(first, second)]


def test_equal_results_have_no_differences() -> None:
    # Kinds of sequences do not matter: a provenance read back from JSON has lists.
    same = provenance(
        indices=np.array([5, 2, 1, 0]), preprocessing={"size": (224, 224), "mean": [0.5, 0.5, 0.5]}
    )
    same["protocol"] = {
        "experiment": "insertion_deletion",
        "name": "thesis@1",
        "steps": 100,
        "edges": [0.0, 0.5],
    }
    assert differences(provenance(), same) == []
    assert differences({}, {}) == []


def test_protocol_is_the_severe_one_and_names_what_differs() -> None:
    other = provenance(
        protocol={"experiment": "insertion_deletion", "name": "rise@1", "steps": 224, "blur": 5}
    )
    found = differences(provenance(), other)
    assert [(difference.key, difference.severe) for difference in found] == [("protocol", True)]
    assert found[0].sentence == (
        "The results differ in protocol (name: thesis@1 and rise@1; steps: 100 and 224; "
        "edges: [0.0, 0.5] and not set; blur: not set and 5); "
        "the figures measure different things and are not comparable."
    )


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        ({"dataset_fingerprint": "ee" * 32}, "dataset", "differ in data set; "),
        ({"weights_sha256": "ee" * 32}, "weights", "different classifiers are explained"),
        (
            {"preprocessing": {"size": [224, 224], "mean": [0, 0, 0]}},
            "preprocessing",
            "(mean: [0.5, 0.5, 0.5] and",
        ),
        ({"precision": "float16"}, "precision", "(float32 and float16)"),
        ({"versions": {"torch": "2.8.0", "numpy": "2.4.6"}}, "versions", "(torch: 2.9.0 and 2.8.0); "),
    ],
)
def test_each_difference(change: dict[str, Any], key: str, words: str) -> None:
    found = differences(provenance(), provenance(**change))
    assert [difference.key for difference in found] == [key]
    assert words in found[0].sentence
    assert not found[0].severe


def test_images_are_counted() -> None:
    found = differences(provenance(), provenance(indices=[1, 2, 8]))
    assert [tuple(difference) for difference in found] == [
        (
            "images",
            "The results are of different images (2 in both, 2 only in the first, 1 only in the second); "
            "compare them on the images in both.",
        )
    ]


def test_images_of_different_data_sets_are_not_compared() -> None:
    assert keys(provenance(), provenance(indices=[9], dataset_fingerprint="0")) == ["dataset"]


def test_what_one_result_does_not_record() -> None:
    first, second = provenance(), provenance(precision=None)
    del first["indices"], second["weights_sha256"]
    assert [tuple(difference) for difference in differences(first, second)] == [
        ("images", "The first result does not record its images; they may not be the same."),
        (
            "weights",
            "The second result does not record its classifier weights; different classifiers are explained.",
        ),
        (
            "precision",
            "The second result does not record its precision; small differences may come from rounding.",
        ),
    ]


def test_most_serious_first() -> None:
    other = provenance(
        protocol="x", preprocessing=1, weights_sha256="0", indices=[], precision="0", versions={}
    )
    assert keys(provenance(), other) == [
        "protocol",
        "images",
        "weights",
        "preprocessing",
        "precision",
        "versions",
    ]


def test_class_mapping_choice_of_images_and_completeness_count_where_they_are_given() -> None:
    first = {"class_mapping": {}, "images": {"count": 10, "seed": 0}, "complete": True}
    second = {"class_mapping": {"cat": ["tabby"]}, "images": {"count": 10, "seed": 1}, "complete": False}
    found = differences(first, second)
    assert [difference.key for difference in found] == ["images", "class_mapping", "complete"]
    assert found[0].sentence == (
        "The results differ in choice of images (seed: 0 and 1); only images in both can be compared."
    )
    assert found[2].sentence == "The second result is not complete; figures may still change."
    assert differences(first, first) == []
    assert [each.sentence for each in differences(second, second)] == [
        "The two results are not complete; figures may still change."
    ]
