"""Writes docs/hostile-inputs.md to standard output: `python -m tests.hostile.report`."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

from tests.hostile.cases import CANARY, TAKEN, groups, outcome

LONGEST = 220


def main() -> None:
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        workshop, room = Path(folder) / "workshop", Path(folder) / "room"
        workshop.mkdir()
        room.mkdir()
        found = groups(workshop)
        print("# Hostile inputs\n")
        print(
            f"{sum(len(group.cases) for group in found)} files that the tests make, and what the application says of "
            "each. None runs code, none ends the process, none leaves a file behind; `tests/hostile/test_all_cases.py` "
            "asserts it. This page is written by `python -m tests.hostile.report > docs/hostile-inputs.md`.\n"
        )
        print("| group | files | refused | harmless, taken |\n| --- | ---: | ---: | ---: |")
        rows = {
            group.title: [(case, outcome(case, group.meet, room)) for case in group.cases] for group in found
        }
        for title, said in rows.items():
            taken = sum(text == TAKEN for _case, text in said)
            print(f"| {title} | {len(said)} | {len(said) - taken} | {taken} |")
        for title, said in rows.items():
            print(f"\n## {title}\n\n| input | file | what it got |\n| --- | --- | --- |")
            for case, text in said:
                print(f"| {cell(case.name)} | `{case.file}` | {shown(text, str(room))} |")
        assert not (workshop / CANARY).exists()


def shown(text: str, folder: str) -> str:
    if text == TAKEN:
        return "taken: harmless, or reduced to its pixels"
    return cell(text.replace(f"{folder}/", ""))


def cell(text: str) -> str:
    """One line of a table, printable and not too long."""
    line = "".join(sign if sign.isprintable() else "·" for sign in " ".join(text.split()))
    short = line if len(line) <= LONGEST else f"{line[:LONGEST]} …"
    return short.replace("|", "\\|").replace("<", "&lt;").replace("`", "'")


if __name__ == "__main__":
    main()
