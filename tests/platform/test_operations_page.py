"""docs/operations.md names every setting that there is, and no other one."""

from __future__ import annotations

import re

from webapp.environment import REPOSITORY

OF_UVICORN = {"FORWARDED_ALLOW_IPS"}


def settings_of_the_code() -> set[str]:
    text = "\n".join(path.read_text() for path in (REPOSITORY / "webapp" / "settings").glob("*.py"))
    found = set(re.findall(r"env\.\w+\(\s*\"([A-Z_]+)\"", text))
    environment = (REPOSITORY / "webapp" / "environment.py").read_text()
    return found | set(re.findall(r"environ\.get\(\"([A-Z_]+)\"", environment))


def test_the_table_of_settings_is_complete() -> None:
    page = (REPOSITORY / "docs" / "operations.md").read_text()
    section = page.partition("\n## Settings\n")[2].partition("\n## ")[0]
    first_cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    named = set(re.findall(r"`([A-Z_]+)`", " ".join(first_cells)))
    assert named == (settings_of_the_code() | OF_UVICORN) - {"SALISCOPE_ENV_FILE"}
