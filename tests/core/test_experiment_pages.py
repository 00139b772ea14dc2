"""The documentation's pages of experiments say what the descriptions say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).parents[2]


def _tool() -> ModuleType:
    path = REPOSITORY / "tools" / "experiment_pages.py"
    spec = importlib.util.spec_from_file_location("experiment_pages", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES = _tool().pages()
FOLDER = REPOSITORY / "docs" / "experiments"


@pytest.mark.parametrize("name", PAGES)
def test_page_is_what_its_description_says(name: str) -> None:
    assert (FOLDER / name).exists(), "run python tools/experiment_pages.py"
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert text == PAGES[name], "stale; run python tools/experiment_pages.py"


def test_there_is_a_page_for_every_experiment_and_none_besides() -> None:
    assert {path.name for path in FOLDER.glob("*.md")} == set(PAGES)
    assert sorted(PAGES) == [
        "README.md",
        "average_drop.md",
        "energy_pointing_game.md",
        "insertion_deletion.md",
        "perturbation.md",
        "pointing_game.md",
        "road.md",
        "sanity_check.md",
        "segmentation.md",
        "sparsity.md",
    ]


def test_a_page_has_a_column_for_every_protocol() -> None:
    lines = PAGES["insertion_deletion.md"].splitlines()
    assert "|  | `thesis@1` | `group-cam@1` | `rise@1` |" in lines
    assert "| `pipeline` | squash | resize_crop | squash |" in lines
    assert "| `step_pixels` | 448 | 448 | 224 |" in lines
    assert "| `deletion_canvas` | blur | zeros | zeros |" in lines
    assert "| `ground_truth` | none | none | none |" in lines


def test_a_page_defines_figures_and_says_where_they_are_missing() -> None:
    assert (
        "| Deletion AUC | `deletion_auc` | percent | lower | Area under the probability of the class as salient "
        "pixels are taken away. |"
    ) in PAGES["insertion_deletion.md"].splitlines()
    assert "Only under `cascading@1`, `group-cam@1`. |" in PAGES["sanity_check.md"]
    assert "Only under" not in PAGES["pointing_game.md"]


def test_costs() -> None:
    overview = PAGES["README.md"]
    assert "| `rise@1` | the class predicted for the image | images alone | 449 forward passes |" in overview
    assert (
        "| `chefer-label@1` | the image's own label | a label for every image | 19 forward passes |"
        in overview
    )
    assert (
        "| `torchray-masks@1` | every class that is annotated in the image | a mask for every class | no forward "
        "passes |"
    ) in overview
    assert "| images alone | at most 20 further maps |" in overview
