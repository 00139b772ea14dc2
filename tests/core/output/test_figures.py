from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from saliency_core.errors import ParameterError
from saliency_core.experiments.base import create_experiment
from saliency_core.experiments.columns import Columns
from saliency_core.methods.registry import method_descriptions
from saliency_core.output.comparison import compare
from saliency_core.output.figures import (
    confidence_bins_figure,
    critical_difference_figure,
    distribution_figure,
    image_curves_figure,
    interval_figure,
    mean_curves_figure,
    method_style,
    png,
    save,
    svg,
)
from saliency_core.output.figures.distributions import per_image
from saliency_core.output.summarised import Summarised, summarised
from tests.core.output.factory import columns, one, result

SHIFTS = {"grad_cam": 0.0, "score_cam": 0.05, "msg_cam": 0.1}


@functools.cache
def results() -> list[Summarised]:
    base = np.random.default_rng(0).uniform(0.2, 0.7, 24)
    made = [
        result(method, title, measured=columns(base + SHIFTS[method] + 0.02 * on, base / 4), enhanced=on)
        for method, title in (("grad_cam", "Grad-CAM"), ("score_cam", "Score-CAM"), ("msg_cam", "MSG-CAM"))
        for on in (False, True)
    ]
    return summarised(made, resamples=50)


def layers() -> list[Summarised]:
    """A sanity check whose positions are names."""
    names = ["head", "layer4.1.conv2", "layer1.0.downsample.0.convolution"]
    keys = ("spearman", "spearman_absolute", "ssim", "hog", "randomised_degenerate")
    experiment = create_experiment("sanity_check", "cascading@1")
    measured = Columns(
        indices=np.arange(3),
        images=["a", "b", "c"],
        curves={
            key: np.array([[1, 0.5, 0.2, 0], [1, 0.6, 0.3, 0], [1, 0.4, 0, 0]], np.float32) for key in keys
        },
        scalars={
            **{figure.key: np.zeros(3) for figure in experiment.figures()},
            "target_name": np.array(["x", "x", "y"]),
            "label": np.zeros(3, int),
            "predicted": np.zeros(3, int),
        },
        notes={"layers": names},
    )
    return summarised([result(measured=measured, experiment=experiment)], resamples=20)


PLOTS: dict[str, Callable[[], Figure]] = {
    "mean curves": lambda: mean_curves_figure(results()),
    "curves of an image": lambda: image_curves_figure(results(), "3.jpg", ["deletion"]),
    "curves by layer": lambda: mean_curves_figure(layers(), ["ssim", "hog"]),
    "intervals": lambda: interval_figure(results()),
    "bins": lambda: confidence_bins_figure(results(), ["overall"]),
    "boxes": lambda: distribution_figure(results(), ["overall", "deletion_auc"]),
    "violins": lambda: distribution_figure(results(), ["overall"], kind="violin"),
    "ranks": lambda: critical_difference_figure(
        compare([each.result for each in results()], resamples=20), "overall"
    ),
}


@pytest.mark.parametrize("name", PLOTS)
def test_svg_and_png_have_something_on_them_and_are_the_same_every_time(name: str) -> None:
    drawn, again = PLOTS[name](), PLOTS[name]()
    vectors = svg(drawn)
    root = ElementTree.fromstring(vectors)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert float(root.attrib["viewBox"].split()[2]) in (
        252.0,
        518.4,
        388.8,
    )  # 3.5, 7.2 or 5.4 inches in points
    assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) > 10
    assert b"dc:date" not in vectors
    assert svg(again) == vectors

    content = png(drawn, dpi=60)
    image = Image.open(io.BytesIO(content))
    width, height = drawn.get_size_inches()
    assert image.size == (int(width * 60), int(height * 60))
    pixels = np.asarray(image.convert("RGB")).astype(int)
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert (pixels.min(2) < 128).mean() > 0.005
    assert png(again, dpi=60) == content


def test_lines_are_the_mean_curves_with_their_methods_look() -> None:
    shown = results()
    axes = mean_curves_figure(shown).axes
    assert [panel.get_title(loc="left") for panel in axes] == ["Insertion", "Deletion"]
    assert axes[0].get_xlabel() == "Share of pixels changed"
    lines = axes[0].get_lines()
    for line, each in zip(lines, shown, strict=True):
        np.testing.assert_allclose(line.get_ydata(), each.summary["curves"]["insertion"]["mean"])
        assert line.get_color() == method_style(each.result.method)[0]
        assert (line.get_linestyle() == "-") is (each.result.enhancement is None)
    band = axes[0].collections[0].get_paths()[0].vertices
    low = shown[0].summary["curves"]["insertion"]["low"][1]
    assert min(abs(band - [0.5, low]).sum(1)) < 1e-9


def test_points_and_whiskers_are_the_intervals() -> None:
    shown = results()
    (axes,) = interval_figure(shown, ["overall"]).axes
    assert axes.get_xlabel() == "Over-all (%) ↑"
    # The best method is at the top.
    labels = {label.get_text(): round(label.get_position()[1]) for label in axes.get_yticklabels()}
    assert labels == {"MSG-CAM": 0, "Score-CAM": 1, "Grad-CAM": 2}
    points = [line for line in axes.get_lines() if len(line.get_xdata()) == 1]
    expected = [100 * each.interval("overall").value for each in shown]  # type: ignore[operator]
    np.testing.assert_allclose([line.get_xdata()[0] for line in points], expected)
    spans = [sorted(line.get_xdata()) for line in axes.get_lines() if line.get_color() == method_style("msg_cam")[0]
             and len(line.get_xdata()) == 2]  # fmt: skip
    ends = shown[4].interval("overall")
    assert spans[0] == pytest.approx([100 * ends.low, 100 * ends.high])  # type: ignore[operator]


def test_bins_are_eleven_with_counts() -> None:
    shown = [one()]
    upper, lower = confidence_bins_figure(shown, ["insertion_auc"]).axes
    assert [label.get_text() for label in lower.get_xticklabels()][::5] == ["0–0.1", "0.5–0.6", "≥ 0.9999"]
    heights = [bar.get_height() for bar in lower.patches[:11]]
    assert heights == [1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1]
    np.testing.assert_allclose(upper.get_lines()[0].get_ydata(), [40, 70, 60])


def test_values_of_single_images() -> None:
    measured = result()
    overall = measured.figures[2]
    np.testing.assert_allclose(per_image(measured, overall), [0.3, 0.5, 0.5, 0.3])


def test_the_spread_leaves_out_what_single_images_do_not_have() -> None:
    shown = [one(measured=columns(insertion_auc=np.full(4, np.nan)))]
    panels = distribution_figure(shown, ["insertion_auc", "deletion_auc"]).axes
    assert [panel.get_xlabel() for panel in panels] == ["Deletion AUC (%) ↓, by image"]
    with pytest.raises(ParameterError, match="None of these figures"):
        distribution_figure(shown, ["insertion_auc"])


def test_ranks_are_where_they_belong() -> None:
    comparison = compare([each.result for each in results()], ("insertion_auc",), resamples=20)
    text = "\n".join(item.get_text() for item in critical_difference_figure(comparison).axes[0].texts)
    assert "MSG-CAM + enhancement  1.00" in text
    assert "6.00  Grad-CAM" in text
    # q for six methods is 2.850 (Demšar 2006, table 5): 2.850 √(6 · 7 / (6 · 24)) = 1.539.
    assert "CD = 1.54" in text


def test_every_method_has_a_look_of_its_own() -> None:
    styles = [method_style(method.key) for method in method_descriptions()]
    assert len(set(styles)) == len(styles)
    assert method_style("a_method_to_come") == method_style("a_method_to_come")
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour, _ in styles)


def test_every_colour_stands_out_from_white() -> None:
    """Contrast of at least 2.5 : 1 with white (WCAG's formula)."""
    for colour in {method_style(method.key)[0] for method in method_descriptions()}:
        parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        assert 1.05 / (luminance + 0.05) >= 2.5


def test_the_same_method_twice_differs_in_its_line() -> None:
    twice = [one(parameters={"layer": layer}) for layer in ("a", "b")]
    lines = mean_curves_figure(twice).axes[0].get_lines()
    assert lines[0].get_color() == lines[1].get_color()
    assert lines[0].get_linestyle() == "-" != lines[1].get_linestyle()


def test_saving_and_settings(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    drawn = mean_curves_figure([one()])
    assert save(drawn, tmp_path / "new" / "a.svg").read_bytes() == svg(drawn)
    assert save(drawn, tmp_path / "a.PNG").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(ParameterError, match=r"\.png or \.svg; got 'a\.pdf'"):
        save(drawn, tmp_path / "a.pdf")
    assert dict(matplotlib.rcParams) == before


# On a machine that has no font for them there are boxes in their place.
@pytest.mark.filterwarnings("ignore:Glyph .* missing from font:UserWarning")
def test_names_in_other_scripts() -> None:
    assert len(svg(mean_curves_figure([one(title="显著图 – é")]))) > 1000


def test_what_cannot_be_drawn_is_said() -> None:
    with pytest.raises(ParameterError, match="no figures of the image 'x'"):
        image_curves_figure([one()], "x")
    with pytest.raises(ParameterError, match="no such curves"):
        mean_curves_figure([one()], ["x"])
    with pytest.raises(ParameterError, match="three results"):
        critical_difference_figure(compare([each.result for each in results()[:2]], resamples=20))
    without = columns()
    del without.scalars["probability"]
    with pytest.raises(ParameterError, match="probability"):
        confidence_bins_figure([one(measured=without)])
