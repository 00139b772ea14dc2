"""The documentation's pages say what the descriptions say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

REPOSITORY = Path(__file__).parents[2]


def _tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("method_pages", REPOSITORY / "tools" / "method_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES = _tool().pages()


@pytest.mark.parametrize("name", PAGES)
def test_page_is_what_its_description_says(name: str) -> None:
    path = REPOSITORY / "docs" / "methods" / name
    assert path.exists(), "run python tools/method_pages.py"
    assert path.read_text(encoding="utf-8") == PAGES[name], "stale; run python tools/method_pages.py"


@pytest.mark.parametrize("name", [name for name in PAGES if name != "README.md"])
def test_picture_is_there_and_small(name: str) -> None:
    path = REPOSITORY / "docs" / "methods" / "pictures" / f"{Path(name).stem}.webp"
    assert path.exists(), "run python tools/method_pages.py"
    assert path.stat().st_size < 60_000
    with Image.open(path) as picture:
        assert picture.width > picture.height


def test_no_page_of_a_method_that_is_gone() -> None:
    kept = {"sensible.md", "sensible-more.md", *PAGES}
    assert {path.name for path in (REPOSITORY / "docs" / "methods").glob("*.md")} <= kept
