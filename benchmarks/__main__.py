"""All benchmarks of speed and memory one after the other, their tables in one folder: what `make bench` runs.

    python -m benchmarks [--out var/bench] [--only NAME …]

Takes under 15 minutes on a quiet machine of two cores. The comparison with other libraries needs their environment
(`make peers`) and is left out, saying so, where it is not there. Pages are measured by `make bench-web`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.shared_data import shared_folder

PEERS_PYTHON = Path(".venv-peers/bin/python")


def planned() -> dict[str, list[str]]:
    """The benchmarks by name, each with its arguments."""
    data = shared_folder()
    found = {
        "ceiling": ["benchmarks.ceiling", "squeezenet1_1", "resnet18", "timm:deit_tiny_patch16_224"],
        "scoring": ["benchmarks.scoring_efficiency", "--precision", "fp32", "--precision", "fast"],
        "methods": ["benchmarks.method_efficiency"],
        "memory": ["benchmarks.memory", "--images", "5000"],
        "first_batch": ["benchmarks.first_batch"],
        # The other networks, and more turns: python -m benchmarks.peers.
        "peers": ["benchmarks.peers", "--quick", "squeezenet1_1"],
    }
    if not PEERS_PYTHON.is_file():
        del found["peers"]
        print(f"Left out: the comparison with other libraries; {PEERS_PYTHON} is not there (make peers).")
    if not data.is_dir():
        print(f"The shared data is not at {data}: the comparison takes random weights and noise.")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("var/bench"))
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    started, failed, made = time.monotonic(), [], []
    for name, command in planned().items():
        if options.only and name not in options.only:
            continue
        print(f"\n{name}: python -m {' '.join(command)}", flush=True)
        table, begun = options.out / f"{name}.md", time.monotonic()
        table.unlink(missing_ok=True)
        if subprocess.run([sys.executable, "-m", *command, "--table", str(table)]).returncode:
            failed.append(name)
        else:
            made.append(table)
        print(f"{name}: {time.monotonic() - begun:.0f} s", flush=True)
    combined = options.out / "bench.md"
    combined.write_text("\n".join(table.read_text(encoding="utf-8") for table in made), encoding="utf-8")
    print(f"\n{combined}: {len(made)} tables, {time.monotonic() - started:.0f} s in all")
    if failed:
        sys.exit(f"These did not run to their end: {', '.join(failed)}")


if __name__ == "__main__":
    main()
