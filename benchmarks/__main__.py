"""All benchmarks of speed and memory one after the other, their tables in one folder: what `make bench` runs.

    python -m benchmarks [--out var/bench] [--only NAME …] [--server postgres://…] [--redis redis://…]

Takes under 15 minutes on a quiet machine of two cores. Claims, sockets and pages are measured in brief, in a database
of their own on a PostgreSQL server; at full length: `python -m benchmarks.claims`, `python -m benchmarks.sockets` and
`make bench-web`. What needs a server, or the environment of the other libraries (`make peers`), that is not there is
not run, and its place in the tables says so.
"""

from __future__ import annotations

import argparse
import shlex
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.shared_data import shared_folder

PEERS_PYTHON = Path(".venv-peers/bin/python")


POSTGRES, REDIS = "postgres://postgres@127.0.0.1:5432/postgres", "redis://127.0.0.1:6379/0"


@dataclass(frozen=True)
class Planned:
    """One benchmark: its module and arguments. ``title``: of the table, where it prints one rather than writing a
    file; ``lacking``: what it needs that is not there.
    """

    name: str
    command: tuple[str, ...]
    title: str = ""
    lacking: str = ""


def planned(server: str = POSTGRES, redis: str = REDIS) -> list[Planned]:
    """The benchmarks in their order."""
    data = shared_folder()
    if not data.is_dir():
        print(f"The shared data is not at {data}: the comparison takes random weights and noise.")
    no_postgres = (
        "" if answers(server, 5432) else f"needs PostgreSQL, and nothing answers at {_place(server)}"
    )
    no_redis = "" if answers(redis, 6379) else f"needs Redis, and nothing answers at {_place(redis)}"
    no_peers = "" if PEERS_PYTHON.is_file() else f"{PEERS_PYTHON} is not there (make peers)"
    on_server = ("--server", server)
    return [
        Planned("ceiling", ("benchmarks.ceiling", "squeezenet1_1", "resnet18", "timm:deit_tiny_patch16_224")),
        Planned(
            "scoring",
            ("benchmarks.scoring_efficiency", "--precision", "fp32", "--precision", "fast", "--turns", "3"),
        ),
        Planned("methods", ("benchmarks.method_efficiency",)),
        Planned("memory", ("benchmarks.memory", "--images", "2000")),
        Planned("first_batch", ("benchmarks.first_batch",)),
        Planned(
            "claims",
            ("benchmarks.claims", *on_server, "--workers", "16", "--shards", "160", "--seconds", "2"),
            "Handing out work, in brief",
            no_postgres,
        ),
        Planned(
            "sockets",
            ("benchmarks.sockets", *on_server, "--redis", redis, "--browsers", "50", "--benchmarks", "5",
             "--seconds", "20"),
            "Open pages, in brief",
            no_postgres or no_redis,
        ),
        Planned(
            "pages",
            ("benchmarks.web_load", *on_server, "--requests", "5", "--scale", "0.2"),
            "Pages, in brief: a fifth of the rows",
            no_postgres,
        ),
        # The other networks, and more turns: python -m benchmarks.peers.
        Planned("peers", ("benchmarks.peers", "--quick", "squeezenet1_1"), lacking=no_peers),
    ]  # fmt: skip


def answers(address: str, usual_port: int) -> bool:
    """Whether a server takes connections at the address."""
    parts = urlsplit(address)
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or usual_port), timeout=2):
            return True
    except OSError:
        return False


def run(benchmark: Planned, table: Path) -> bool:
    """Runs it and leaves its table in the file; whether it ended well."""
    table.unlink(missing_ok=True)
    command = [sys.executable, "-m", *benchmark.command]
    if benchmark.lacking:
        print(f"{benchmark.name}: not run: {benchmark.lacking}")
        table.write_text(f"## {benchmark.title or benchmark.name}\n\nNot run: {benchmark.lacking}.\n")
        return True
    if not benchmark.title:
        return not subprocess.run([*command, "--table", str(table)]).returncode
    found = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    shown = shlex.join(_without_password(each) for each in benchmark.command)
    text = f"## {benchmark.title}\n\n`python -m {shown}`\n\n{found.stdout.strip()}\n"
    table.write_text(text, encoding="utf-8")
    print(found.stdout)
    return not found.returncode


def _place(address: str) -> str:
    """Host and port, without name and password."""
    return urlsplit(address).netloc.rpartition("@")[2]


def _without_password(argument: str) -> str:
    parts = urlsplit(argument)
    return argument if not parts.password else argument.replace(f":{parts.password}@", ":…@")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("var/bench"))
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--server", default=POSTGRES, help="a PostgreSQL server where databases may be made")
    parser.add_argument("--redis", default=REDIS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    started, failed, made = time.monotonic(), [], []
    for benchmark in planned(options.server, options.redis):
        if options.only and benchmark.name not in options.only:
            continue
        print(
            f"\n{benchmark.name}: python -m {' '.join(map(_without_password, benchmark.command))}", flush=True
        )
        table, begun = options.out / f"{benchmark.name}.md", time.monotonic()
        if not run(benchmark, table):
            failed.append(benchmark.name)
        if table.is_file():
            made.append(table)
        print(f"{benchmark.name}: {time.monotonic() - begun:.0f} s", flush=True)
    combined = options.out / "bench.md"
    combined.write_text("\n".join(table.read_text(encoding="utf-8") for table in made), encoding="utf-8")
    print(f"\n{combined}: {len(made)} tables, {time.monotonic() - started:.0f} s in all")
    if failed:
        sys.exit(f"These did not run to their end, or missed one of their limits: {', '.join(failed)}")


if __name__ == "__main__":
    main()
