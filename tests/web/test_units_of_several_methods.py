"""Which rows of several methods' columns are of the same image and class."""

from __future__ import annotations

import numpy as np

from saliency_core.experiments.columns import Columns
from saliency_core.experiments.figures import mean_figure
from webapp.benchmarks.image_table import DISAGREEMENT, units_of

FIGURE = mean_figure("share", "Share", "A share.", better="higher")


def columns(indices: list[int], classes: list[str] | None, shares: list[float]) -> Columns:
    scalars = {"share": np.array(shares), "target": np.zeros(len(indices), dtype=np.int64)}
    if classes is not None:
        scalars["annotated_class"] = np.array(classes, dtype=np.str_)
    return Columns(np.array(indices), [f"{index}.png" for index in indices], scalars)


def test_a_class_that_one_model_has_no_output_for_moves_no_other() -> None:
    first = columns([0, 1], ["dog", "dog"], [0.9, 0.5])
    second = columns([0, 0, 1], ["person", "dog", "cat"], [0.05, 0.88, 0.4])
    units = units_of({0: first, 1: second}, ["First", "Second"], [FIGURE], FIGURE)
    assert list(zip(units.images, units.class_names.tolist(), strict=True)) == [
        ("0.png", "dog"),
        ("0.png", "person"),
        ("1.png", "cat"),
        ("1.png", "dog"),
    ]
    assert [column.key for column in units.columns] == ["m0", "m1", DISAGREEMENT]
    nan = np.nan
    np.testing.assert_allclose(
        units.values, [[0.9, nan, nan, 0.5], [0.88, 0.05, 0.4, nan], [0.02, nan, nan, nan]], atol=1e-6
    )


def test_without_classes_of_the_data_set_an_image_is_one_row() -> None:
    first, second = columns([3, 7], None, [0.25, 0.5]), columns([7, 9], None, [0.75, 1.0])
    units = units_of({0: first, 2: second}, ["First", "Nothing yet", "Second"], [FIGURE], FIGURE)
    nan = np.nan
    assert units.images == ["3.png", "7.png", "9.png"]
    np.testing.assert_allclose(
        units.values, [[0.25, 0.5, nan], [nan, nan, nan], [nan, 0.75, 1.0], [nan, 0.25, nan]]
    )
