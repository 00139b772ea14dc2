"""The commands curves (maps with their curves) and report (results of several runs) as their user meets them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from saliency_core.classifiers.architectures import Architecture, build
from saliency_core.cli import main as cli
from saliency_core.experiments.base import ExperimentDescription, create_experiment
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.insertion_deletion import InsertionDeletion, InsertionDeletionProtocol
from saliency_core.output.figures.maps_with_curves import ExplainedImage, maps_with_curves_figure
from saliency_core.output.json_document import read_json, write_json
from saliency_core.output.summarised import Summarised, summarised
from tests.core.output.factory import columns, one, result

DPI = 300
TWO_STEPS = InsertionDeletionProtocol(
    name="two-steps@1", summary="for tests", source="none", step_pixels=224 * 112, blur_kernel=7
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SqueezeNet with random weights for three classes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = build(Architecture("torchvision", "squeezenet1_1"), classes=3).state_dict()
    path = tmp_path_factory.mktemp("weights") / "squeezenet.safetensors"
    save_file(state, path)
    return path


@pytest.fixture
def two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A protocol of two steps beside the real ones, so that a figure takes moments."""
    known = InsertionDeletion.description
    monkeypatch.setattr(
        InsertionDeletion,
        "description",
        ExperimentDescription(known.key, known.title, known.summary, (*known.protocols, TWO_STEPS)),
    )


def curves(weights: Path, images: list[Path], out: Path, *more: str) -> int:
    chosen = [text for image in images for text in ("--image", str(image))]
    model = ["--model", "squeezenet1_1", "--weights", str(weights)]
    return cli.main(["curves", *model, *chosen, "--out", str(out), "--protocol", "two-steps@1", *more])


@pytest.mark.usefixtures("two_steps")
def test_curves(
    weights: Path, tmp_path: Path, write_image: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    images = [write_image(tmp_path / f"{number}.png", seed=number, size=(60, 50)) for number in range(2)]
    out = tmp_path / "deep" / "curves.png"
    assert curves(weights, images, out, "--method", "grad_cam", "--method", "random_map") == 0
    said = capsys.readouterr()
    assert said.out == f"Written to {out}\n"
    assert [line for line in said.err.splitlines() if "/2 " in line] == ["1/2 0.png", "2/2 1.png"]
    with Image.open(out) as picture:
        assert picture.format == "PNG"
        # 7.2 inches wide; an image, two maps and two plots of 1.45 share them; each row is 1.27 times as high.
        assert picture.size == (round(7.2 * DPI), int((7.2 / 5.9 * 1.27 * 2 + 0.45) * DPI))
        assert len(picture.convert("RGB").getcolors(10**7) or ()) > 1000


@pytest.mark.usefixtures("two_steps")
def test_curves_begin_and_end_where_they_must(
    weights: Path, tmp_path: Path, write_image: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[ExplainedImage] = []

    def keep(images: list[ExplainedImage]) -> object:
        drawn.extend(images)
        return maps_with_curves_figure(images)

    monkeypatch.setattr("saliency_core.cli.curves.maps_with_curves_figure", keep)
    image, out = write_image(tmp_path / "one.png", size=(60, 50)), tmp_path / "curves.svg"
    more = ["--method", "centre_gaussian", "--enhance", "off", "--enhance", "window=224"]
    assert curves(weights, [image], out, *more) == 0
    assert out.read_text(encoding="utf-8").startswith("<?xml")
    (row,) = drawn
    assert row.image.size == (224, 224)
    assert row.target in {"class 0", "class 1", "class 2"}
    assert 1 / 3 <= row.probability < 1
    assert [(each.title, each.enhanced) for each in row.methods] == [
        ("Centre Gaussian", False),
        ("Centre Gaussian + enh.", True),
    ]
    for each in row.methods:
        start, middle, end = each.insertion.tolist()
        assert end == pytest.approx(row.probability, abs=1e-6)
        first, half, last = each.deletion.tolist()
        assert first == pytest.approx(row.probability, abs=1e-6)
        assert last == pytest.approx(start, abs=1e-6)  # both end on the blurred image
        areas = (start / 2 + middle + end / 2) / 2, (first / 2 + half + last / 2) / 2
        assert each.overall == pytest.approx(areas[0] - areas[1], abs=1e-6)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            ["--out", "curves.gif"],
            "Error: curves.gif is no name for a picture; use one that ends in .png or .svg.\n",
        ),
        (
            ["--protocol", "thesis@9"],
            "Error: insertion_deletion has no protocol 'thesis@9'; it has thesis@1, ",
        ),
        (["--method", "grad_cm"], "Error: There is no method 'grad_cm'"),
        (["--image", "missing.png"], "missing.png does not exist.\n"),
    ],
)
@pytest.mark.usefixtures("two_steps")
def test_curves_refuses(
    more: list[str],
    message: str,
    weights: Path,
    tmp_path: Path,
    write_image: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    image, out = write_image(tmp_path / "one.png"), tmp_path / "curves.png"
    assert curves(weights, [image], out, "--method", "random_map", *more) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not out.exists()


@pytest.fixture
def two_runs(tmp_path: Path) -> list[str]:
    """results.json of two runs: Grad-CAM with means 60, 20 and 40 %, RISE with 50, 15 and 35 %."""
    rise = columns(insertion=(0.4, 0.5, 0.6, 0.5), deletion=(0.15,) * 4)
    runs = (one(), one(method="rise", title="RISE", measured=rise, parameters={"masks": 4}))
    files = [tmp_path / name / "results.json" for name in ("first", "second")]
    return [str(write_json(file, [run])) for file, run in zip(files, runs, strict=True)]


def test_report_puts_runs_together(
    two_runs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Plots take seconds and have tests of their own.
    monkeypatch.setattr("saliency_core.output.folder.write_figures", lambda *_, **__: [])
    out = tmp_path / "together"
    assert cli.main(["report", *two_runs, "--out", str(out)]) == 0
    assert {path.name for path in out.iterdir()} >= {
        "bins.csv",
        "comparison.csv",
        "curves.csv",
        "images",
        "report.txt",
        "results.json",
        "summary.csv",
        "tables.tex",
    }
    report = (out / "report.txt").read_text(encoding="utf-8")
    assert capsys.readouterr().out == report
    lines = [" ".join(line.split()) for line in report.splitlines()]
    assert any(line.startswith("Grad-CAM 60.00 [") for line in lines)
    assert any(line.startswith("RISE 50.00 [") for line in lines)
    assert [each.result.title for each in read_json(out / "results.json")] == ["Grad-CAM", "RISE"]
    with (out / "comparison.csv").open(newline="", encoding="utf-8") as file:
        pairs = list(csv.reader(file))
    assert len(pairs) == 1 + 3  # the three figures that have a better end
    assert len(list((out / "images").iterdir())) == 2


def test_report_of_one_table(two_runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pointing = with_pointing()
    other = str(write_json(tmp_path / "pointing.json", [pointing]))
    out = tmp_path / "table.tex"
    assert cli.main(["report", *two_runs, other, "--table", "3-2", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"Written to {out}\n"
    assert out.read_text(encoding="utf-8").splitlines() == [
        r"\begin{table*}[t]",
        r"\centering",
        r"\caption{Insertion and deletion. Values in \%; 4 images; up to 1 have no figures and are not counted; "
        "best in bold.}",
        r"\label{tab:insertion-deletion}",
        r"\begin{tabular}{lrr}",
        r"\toprule",
        r" & Grad-CAM & RISE \\",
        r"\midrule",
        r"Insertion $\uparrow$ & \textbf{60.00} & 50.00 \\",
        r"Deletion $\downarrow$ & 20.00 & \textbf{15.00} \\",
        r"Over-all $\uparrow$ & \textbf{40.00} & 35.00 \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table*}",
    ]
    assert cli.main(["report", *two_runs, other, "--table", "3-3", "--out", str(out)]) == 0
    text = out.read_text(encoding="utf-8")
    assert r"Grad-CAM & 75.00 \\" in text
    assert "Over-all" not in text


def test_report_of_one_table_with_intervals(two_runs: list[str], tmp_path: Path) -> None:
    out = tmp_path / "table.tex"
    arguments = ["report", *two_runs, "--table", "3-2", "--out", str(out), "--intervals"]
    assert cli.main([*arguments, "half_width"]) == 0
    text = out.read_text(encoding="utf-8")
    # All four deletions of RISE are alike.
    assert r"& \textbf{15.00} $\pm$ 0.00 \\" in text
    assert r"95\,\% bootstrap intervals over images as $\pm$ half of their width" in text
    assert cli.main([*arguments, "interval"]) == 0
    assert r"& \textbf{15.00} [15.00, 15.00] \\" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "more", "message"),
    [
        (
            None,
            ["--table", "4-2"],
            "Error: Table 4-2 is of perturbation; these files have no results of it.\n",
        ),
        (
            '{"schema": "other/1"}',
            [],
            "Error: This is not a document of the schema 'saliscope-results/1'; its schema is 'other/1'.\n",
        ),
        ("image,overall\n", [], "results.json cannot be read as results: "),
    ],
)
def test_report_refuses(
    content: str | None,
    more: list[str],
    message: str,
    two_runs: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if content is not None:
        Path(two_runs[1]).write_text(content, encoding="utf-8")
    out = tmp_path / "out"
    assert cli.main(["report", *two_runs, "--out", str(out), *more]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_report_of_a_file_that_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "none.json"
    assert cli.main(["report", str(missing), "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith(f"Error: {missing} cannot be read as results: ")


def test_tables_that_there_are(two_runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["report", *two_runs, "--table", "5-1", "--out", "table.tex"])
    assert caught.value.code == 2
    assert "invalid choice: '5-1' (choose from" in capsys.readouterr().err


def with_pointing() -> Summarised:
    """Grad-CAM in the pointing game: 100 % of cats, 50 % of dogs."""
    measured = Columns(
        indices=np.arange(2),
        images=["cat.jpg", "dog.jpg"],
        scalars={
            "annotated_class": np.array(["cat", "dog"]),
            "hits": np.array([100, 50]),
            "misses": np.array([0, 50]),
            "difficult": np.full(2, np.nan),
        },
    )
    experiment = create_experiment("pointing_game", "thesis@1")
    return summarised([result(measured=measured, experiment=experiment)], resamples=200)[0]
