"""Tables that grow while a long measurement runs, so that nothing is lost when it is cut off."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class Report:
    """Prints what it is told and appends it to a Markdown file at once."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("", encoding="utf-8")

    def say(self, text: str) -> None:
        print(text, flush=True)
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(text + "\n")

    def heading(self, title: str) -> None:
        self.say(f"\n### {title}\n")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Figures (all columns but the first) are aligned to the right."""
        self.say("| " + " | ".join(columns) + " |")
        self.say("| --- |" + " ---: |" * (len(columns) - 1))
        for row in rows:
            self.say("| " + " | ".join(str(each) for each in row) + " |")
