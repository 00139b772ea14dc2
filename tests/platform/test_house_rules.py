"""Rules that no static check sees: what is really loaded."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "torchvision", "timm", "kornia", "captum")


@pytest.mark.parametrize(
    "statement",
    [
        "import webapp.asgi",
        "import django; django.setup(); from django.urls import get_resolver; get_resolver().url_patterns",
        "import workers.supervisor.serving",
        "import workers.tasks",
    ],
)
def test_deep_learning_libraries_are_not_loaded(statement: str, repository: Path, tmp_path: Path) -> None:
    code = f"import sys; {statement}; print(*[name for name in {HEAVY} if name in sys.modules])"
    assert run(code, repository, tmp_path) == ""


def test_the_supervisor_loads_neither_django_nor_celery(repository: Path, tmp_path: Path) -> None:
    names = ("django.conf", "django.db", "celery")
    code = (
        f"import sys, workers.supervisor.serving; print(*[name for name in {names} if name in sys.modules])"
    )
    assert run(code, repository, tmp_path) == ""


def run(code: str, repository: Path, state: Path) -> str:
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "webapp.settings",
        "SALISCOPE_STATE_DIR": str(state),
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=repository,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_templates_carry_no_styles_and_no_scripts_of_their_own(repository: Path) -> None:
    """The policy of the pages would not run them, and themes would not reach them."""
    inline = re.compile(r"""\sstyle=|\son[a-z]+\s*=\s*["']|javascript:|<style|<script(?![^>]*\bsrc=)""")
    # What stands within a template tag is no attribute: `{% querystring only='unmapped' %}`.
    tags = re.compile(r"{%.*?%}")
    found = [
        f"{template.relative_to(repository)}:{number}"
        for template in sorted((repository / "templates").rglob("*.html"))
        for number, line in enumerate(template.read_text(encoding="utf-8").splitlines(), start=1)
        if inline.search(tags.sub("", line))
    ]
    assert found == []
