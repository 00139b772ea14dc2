"""How quick the pages are in a lab of 500 members with 5,000 benchmarks, one of them of 50,000 images × 8 methods.

    python -m benchmarks.web_load [--server postgres://postgres@127.0.0.1:5432/postgres] [--requests 15] [--scale 1.0]

Makes a database of its own on the server, fills it, asks for every page as a member who has hundreds of benchmarks, and
drops it. Requests go through Django's test client in this process: middleware, view, database and template, without
the network. Prints a table in Markdown. The exit status is 1 if a page's median takes over 200 ms, a page has over
300 KB before charts, a page failed, or anything has loaded torch. The first request of each page is given too: it
fills what the web process then keeps.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Any

from benchmarks.own_installation import own_database, use_installation

MOST_MILLISECONDS = 200.0
MOST_KILOBYTES = 300.0
DEEP_LEARNING = ("torch", "torchvision", "timm", "kornia", "captum")


@dataclass(frozen=True)
class Measured:
    """One page: milliseconds of the first request, of the median and of the 95th percentile of those that follow;
    `processor`: median of the time that this process computed, which other programs on the machine do not change.
    """

    title: str
    status: int
    first: float
    median: float
    p95: float
    processor: float
    queries: int
    kilobytes: float
    limited: bool

    @property
    def faults(self) -> list[str]:
        found = [f"answers {self.status}"] if self.status != 200 else []
        found += ["slow"] if self.limited and self.median > MOST_MILLISECONDS else []
        return found + (["large"] if self.limited and self.kilobytes > MOST_KILOBYTES else [])


def measure(title: str, address: str, client: Any, requests: int, *, limited: bool) -> Measured:
    """Asks for an address again and again."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def ask() -> tuple[float, float, Any]:
        begin, used = time.perf_counter(), time.process_time()
        answer = client.get(address)
        if answer.streaming:
            next(iter(answer.streaming_content), b"")
        return 1000 * (time.perf_counter() - begin), 1000 * (time.process_time() - used), answer

    first, _used, answer = ask()
    with CaptureQueriesContext(connection) as captured:
        ask()
    # The next request clears what was captured.
    queries = len(captured)
    times = [ask()[:2] for _ in range(requests)]
    walls = [wall for wall, _used in times]
    return Measured(
        title=title,
        status=answer.status_code,
        first=first,
        median=statistics.median(walls),
        p95=statistics.quantiles(walls, n=20, method="inclusive")[-1],
        processor=statistics.median(used for _wall, used in times),
        queries=queries,
        kilobytes=(0 if answer.streaming else len(answer.content)) / 1000,
        limited=limited,
    )


def table(rows: list[Measured]) -> str:
    """The figures in Markdown."""
    lines = [
        "| page | first, ms | median, ms | 95 %, ms | computing, ms | queries | KB | |",
        "| --- | --: | --: | --: | --: | --: | --: | --- |",
    ]
    for row in rows:
        lines.append(
            f"| {row.title} | {row.first:.0f} | {row.median:.0f} | {row.p95:.0f} | {row.processor:.0f} | {row.queries} "
            f"| {row.kilobytes:.0f} | {', '.join(row.faults)} |"
        )
    return "\n".join(lines)


def run(requests: int, scale: float) -> int:
    """Fills the database that the settings name, asks and prints. Returns the exit status."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client
    from django.test.utils import setup_test_environment

    from benchmarks.web_load_pages import pages
    from benchmarks.web_load_rows import fill

    setup_test_environment()
    call_command("migrate", verbosity=0)
    begin = time.perf_counter()
    lab = fill(scale)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    print(f"Filled in {time.perf_counter() - begin:.0f} s: {lab.counts()}.\n", flush=True)
    client = Client()
    client.force_login(lab.member)
    rows = []
    for page in pages(lab):
        rows.append(measure(page.title, page.address, client, requests, limited=page.limited))
        print(f"{rows[-1].title}: {rows[-1].median:.0f} ms", file=sys.stderr, flush=True)
    print(table(rows))
    loaded = [name for name in DEEP_LEARNING if name in sys.modules]
    print(f"\nDeep-learning libraries in this process: {', '.join(loaded) or 'none'}.")
    return 1 if loaded or any(row.faults for row in rows) else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.web_load", description=__doc__)
    parser.add_argument("--server", default="postgres://postgres@127.0.0.1:5432/postgres")
    parser.add_argument("--requests", type=int, default=15)
    parser.add_argument("--scale", type=float, default=1.0, help="Share of the rows, for a quick look.")
    arguments = parser.parse_args()
    with own_database(arguments.server) as database, tempfile.TemporaryDirectory() as state:
        # One connection for all requests, as behind a pool.
        use_installation(state, database, DATABASE_CONN_MAX_AGE="600")
        return run(arguments.requests, arguments.scale)


if __name__ == "__main__":
    sys.exit(main())
