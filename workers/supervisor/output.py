"""What children print: line by line to the supervisor's own output under the child's name, and to a log file."""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from pathlib import Path

LOG_BYTES = 10 * 1024**2
LAST_LINES = 20


class Output:
    """Takes a child's bytes as they come. The log is started anew at 10 MiB; the one before is kept as NAME.log.1."""

    def __init__(self, name: str, folder: Path, *, quiet: bool) -> None:
        self.name = name
        self.quiet = quiet
        self.path = folder / f"{name}.log"
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._rest = b""
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._write(lines)

    def finish(self) -> None:
        """Takes what was printed without an end of line."""
        if self._rest:
            self._write([self._rest])
            self._rest = b""

    def show_last_lines(self) -> None:
        """Prints what a quiet child said last: something went wrong with it."""
        if self.quiet:
            for line in self.last_lines:
                say(line, name=self.name)

    def _write(self, lines: list[bytes]) -> None:
        if not lines:
            return
        texts = [line.decode("utf-8", errors="replace").rstrip("\r") for line in lines]
        # A full disk must not take the supervisor down.
        with contextlib.suppress(OSError):
            if self.path.exists() and self.path.stat().st_size > LOG_BYTES:
                self.path.replace(self.path.with_name(f"{self.path.name}.1"))
            with self.path.open("a", encoding="utf-8") as log:
                log.writelines(f"{text}\n" for text in texts)
        self.last_lines.extend(texts)
        if not self.quiet:
            for text in texts:
                if text.strip():
                    say(text, name=self.name)


def say(text: str, *, name: str = "") -> None:
    """A line on standard output, of the child `name` or of the supervisor itself."""
    # Whoever read it may have gone away; the children go on.
    with contextlib.suppress(OSError, ValueError):
        print(f"{name} | {text}" if name else text, file=sys.stdout, flush=True)
