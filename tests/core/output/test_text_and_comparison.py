from __future__ import annotations

import numpy as np
import pytest

from saliency_core.errors import ParameterError
from saliency_core.experiments.base import create_experiment
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.result import Result
from saliency_core.output.comparison import (
    compare,
    comparison_text,
    marks_note,
    pair_rows,
    rank_rows,
    significance_marks,
)
from saliency_core.output.numbers import p_text, shown, shown_interval
from saliency_core.output.summarised import summarised
from saliency_core.output.text import aligned, results_text
from saliency_core.statistics.intervals import Interval
from tests.core.output.factory import columns, one, result


def words(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_numbers_as_text() -> None:
    assert shown(0.53194, "percent") == "53.19"
    assert shown(-0.000001, "percent") == "0.00"
    assert shown(0.53194, "seconds") == "0.532"
    assert shown(0.53194, "", 1) == "0.5"
    assert shown(None, "percent") == "–"
    assert shown_interval(Interval(0.5, 0.4, 0.6, 9), "percent") == "50.00 [40.00, 60.00]"
    assert shown_interval(Interval(0.5, None, None, 1), "percent") == "50.00"
    assert [p_text(p) for p in (None, 0.0004, 0.034)] == ["–", "< 0.001", "0.034"]


def test_columns_are_aligned_by_what_a_terminal_shows() -> None:
    assert aligned([["图", "1"], ["abc", "2"]]) == ["图   1", "abc  2"]


def test_report_of_two_protocols_and_what_they_share() -> None:
    constant = columns((0.5,) * 3, (0.25,) * 3)
    better = columns((0.75,) * 3, (0.25,) * 3)
    other = create_experiment("insertion_deletion", "group-cam@1")
    results = summarised(
        [
            result(measured=constant),
            result("msg_cam", "MSG-CAM", measured=better, enhanced=True),
            result(measured=constant, experiment=other),
        ]
    )
    text = words(results_text(results))
    first, second = text.index("insertion-deletion/thesis@1"), text.index("insertion-deletion/group-cam@1")
    assert first < second
    block = text[first:second]
    assert "Model: VGG19 Data set: Photos" in block
    assert (
        "Method Insertion AUC (%) ↑ Deletion AUC (%) ↓ Over-all (%) ↑ Top-1 accuracy (%) Time per map (s) ↓ "
        "Images Failed Constant maps"
    ) in block
    row = next(line for line in block if line.startswith("MSG-CAM + enhancement"))
    # The deletion is a tie; only the better insertion is marked in one row alone.
    assert "75.00 [75.00, 75.00] * 25.00 [25.00, 25.00] * 50.00 [50.00, 50.00] *" in row
    assert row.endswith("0.250 [0.250, 0.250] * 3 1 1")
    assert next(line for line in block if line.startswith("Grad-CAM ")).startswith(
        "Grad-CAM 50.00 [50.00, 50.00] 25.00 [25.00, 25.00] * 25.00 [25.00, 25.00] "
    )
    assert "bad.jpg: truncated" in text
    # What all results share is said once.
    assert text.count(f"weights sha256: {'ab' * 32}") == 1
    assert text.count("deletion_canvas: zeros") == 1
    assert "window: 96" in text[text.index("insertion-deletion/thesis@1 · MSG-CAM + enhancement") :]


def test_a_failure_of_some_results_names_them() -> None:
    whole = columns()
    whole.failures = []
    text = results_text([one(), one(method="b", title="B", measured=whole)])
    assert "bad.jpg: truncated (Grad-CAM)" in text


def three(n: int = 20) -> list[Result]:
    """B is better than A by 0.1 on every image, C worse by 0.05 on all but the first, where it is equal."""
    base = np.linspace(0.2, 0.7, n)
    drop = np.where(np.arange(n) == 0, 0.0, 0.05)
    values = {"A": base, "B": base + 0.1, "C": base - drop}
    return [
        result(name.lower(), name, measured=columns(tuple(each), (0.1,) * n)) for name, each in values.items()
    ]


def test_differences_from_a_reference_by_hand() -> None:
    comparison = compare(three(), ("insertion_auc",), reference="A", resamples=500)
    (figure,) = comparison.figures
    (b, c) = figure.pairs
    assert (b.first, b.second, c.first, c.second) == (1, 0, 2, 0)
    assert (b.difference.value, b.difference.low, b.difference.high) == pytest.approx((0.1, 0.1, 0.1))
    assert (b.difference.wins, b.difference.losses, b.difference.ties) == (20, 0, 0)
    assert c.difference.value == pytest.approx(-0.05 * 19 / 20)
    assert (c.difference.wins, c.difference.losses, c.difference.ties) == (0, 19, 1)
    assert (b.difference.rank_biserial, c.difference.rank_biserial) == (1.0, -1.0)
    # Two comparisons: Holm doubles the smaller p-value and leaves the larger, unless it is below that.
    small, large = sorted(pair.difference.p_wilcoxon for pair in figure.pairs)  # type: ignore[type-var]
    adjusted = sorted(pair.p_wilcoxon_holm for pair in figure.pairs)  # type: ignore[type-var]
    assert adjusted == pytest.approx([2 * small, max(2 * small, large)])  # type: ignore[operator]
    assert significance_marks(comparison) == {(1, "insertion_auc"): "***", (2, "insertion_auc"): "***"}
    assert marks_note(comparison).startswith("*, **, ***: different from A with p < 0.05, 0.01, 0.001")


def test_ranks_by_hand() -> None:
    (figure,) = compare(three(), ("insertion_auc",), resamples=100).figures
    assert figure.ranking is not None and figure.critical_difference is not None
    # B is always first; A second but for one tie with C.
    assert figure.ranking.average_ranks == pytest.approx((2.025, 1.0, 2.975))
    # q for three methods is 2.343 (Demšar 2006, table 5): 2.343 √(3 · 4 / (6 · 20)) = 0.741.
    assert figure.critical_difference == pytest.approx(0.741, abs=5e-4)
    assert figure.groups == ()
    assert [(pair.first, pair.second) for pair in figure.pairs] == [(0, 1), (0, 2), (1, 2)]
    # The order of the results does not move the reference's ranks.
    (again,) = compare(three(), ("insertion_auc",), reference=1, resamples=100).figures
    assert again.ranking == figure.ranking
    assert [(pair.first, pair.second) for pair in again.pairs] == [(0, 1), (2, 1)]
    assert [interval.value for interval in again.intervals] == [i.value for i in figure.intervals]


def test_only_common_images_count() -> None:
    first, second = three()[:2]
    part = result("b", "B", measured=second.columns.rows(np.arange(20) >= 15))
    comparison = compare([first, part], ("insertion_auc",), resamples=100)
    assert comparison.figures[0].images == 5
    assert comparison.figures[0].pairs[0].difference.value == pytest.approx(-0.1)
    assert comparison.warnings == (
        "A / B: The results are of different images (5 in both, 15 only in the first, 0 only in the second); "
        "compare them on the images in both.",
    )


def test_classes_that_only_one_result_has_do_not_stand_in_the_way() -> None:
    """A mean over classes has columns for the classes that occur."""
    experiment = create_experiment("pointing_game", "thesis@1")

    def pointing(hits: list[float], rows: list[int], **names: str) -> Result:
        measured = Columns(
            indices=np.array(rows),
            images=[str(row) for row in rows],
            scalars={
                "target_name": np.array(["cat", "cow", "dog"])[: len(rows)],
                "annotated_class": np.array(["cat", "cow", "dog"])[: len(rows)],
                "hits": np.array(hits),
                "misses": 100 - np.array(hits),
            },
        )
        return result(names["title"].lower(), names["title"], measured=measured, experiment=experiment)

    found = compare(
        [pointing([100, 50, 0], [0, 1, 2], title="A"), pointing([0, 50], [0, 1], title="B")],
        ("pointing_accuracy",),
        resamples=50,
    )
    assert found.figures[0].images == 2
    assert found.figures[0].pairs[0].difference.value == pytest.approx(0.5)


def test_what_cannot_be_compared_is_refused() -> None:
    first = three()[0]
    with pytest.raises(ParameterError, match="two results or more"):
        compare([first])
    with pytest.raises(ParameterError, match=r"protocol .*not comparable"):
        compare([first, result(experiment=create_experiment("insertion_deletion", "group-cam@1"))])
    with pytest.raises(ParameterError, match="differ in data set"):
        compare([first, result(dataset="Others")])
    with pytest.raises(ParameterError, match="no image in common"):
        compare([first, result(measured=Columns())])
    with pytest.raises(ParameterError, match="No result is called 'D'; there are A, B, C"):
        compare(three(), reference="D")
    with pytest.raises(ParameterError, match="no figure 'x'"):
        compare(three(), ("x",))
    with pytest.raises(ParameterError, match="need a reference"):
        significance_marks(compare(three(), ("overall",), resamples=50))


def test_other_weights_are_a_warning() -> None:
    comparison = compare([three()[0], result(weights="cd" * 32, measured=three()[1].columns)], resamples=50)
    assert any("classifier weights" in sentence for sentence in comparison.warnings)
    assert "Caution: " in comparison_text(comparison)


def test_comparison_as_text_and_rows() -> None:
    comparison = compare(three(), ("insertion_auc",), reference="A", resamples=500)
    lines = words(comparison_text(comparison))
    assert "Paired comparison, each against A" in lines
    assert "Insertion AUC (percentage points), higher is better, 20 images in common" in lines
    assert "B A +10.00 [10.00, 10.00] < 0.001 0.008 +1.00 – 20/0/0" in lines or any(
        line.startswith("B A +10.00 [10.00, 10.00] < 0.001 0.008 +1.00") and line.endswith("20/0/0")
        for line in lines
    )
    assert lines[-3:] == ["1.000 B", "2.025 A", "2.975 C"]
    header, first, second = pair_rows(comparison)
    row = dict(zip(header, first, strict=True))
    assert (row["first"], row["second"], row["unit"], row["wins"]) == ("B", "A", "percent", "20")
    assert float(row["difference"]) == pytest.approx(10)
    assert dict(zip(header, second, strict=True))["ties"] == "1"
    ranks = [dict(zip(RANKS, row, strict=True)) for row in list(rank_rows(comparison))[1:]]
    assert [(row["result"], row["average_rank"]) for row in ranks] == [
        ("A", "2.025"),
        ("B", "1"),
        ("C", "2.975"),
    ]
    assert float(ranks[1]["value"]) == pytest.approx(55)


RANKS = next(rank_rows(compare(three(), ("overall",), resamples=10)))
