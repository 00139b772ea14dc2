"""Many open pages: signed-in browsers watch running benchmarks through one web server with PostgreSQL and Redis.

    python -m benchmarks.sockets [--browsers 200] [--benchmarks 20] [--seconds 120]
        [--server postgres://postgres@127.0.0.1:5432/postgres] [--redis redis://127.0.0.1:6379/0]

Starts uvicorn as the supervisor does, on a database and under a key prefix of its own. Every browser is a member with a
session and opens what a page opens: the socket of a benchmark, and its own. It comes back when it is closed, as a page
does. Simulated workers claim, report progress every second, and deliver; then the benchmarks end.

The exit status is 1 if a browser did not learn of the end, if the server's memory grew by more than a tenth from the
middle to the end, or if any browser was sent more than three messages a second over the whole time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.claims import IMAGES_PER_SHARD, columns_of
from benchmarks.own_installation import own_database, use_installation

SHARDS_OF_A_BENCHMARK = 30
MOST_GROWTH = 1.1
MOST_MESSAGES_A_SECOND = 3.0
PROGRESS_SECONDS = 1.0
PATIENCE_SECONDS = 60.0


@dataclass
class Browser:
    """`told`: when it learnt of the end of its benchmark."""

    benchmark: int
    cookie: str
    messages: int = 0
    bytes: int = 0
    connections: int = 0
    told: float = 0.0


async def watch(browser: Browser, port: int, over: asyncio.Event) -> None:
    """Both sockets of a page."""
    await asyncio.gather(
        *(
            _keep_open(browser, f"ws://127.0.0.1:{port}{path}", port, over)
            for path in (f"/ws/benchmarks/{browser.benchmark}/", "/ws/member/")
        )
    )


async def _keep_open(browser: Browser, address: str, port: int, over: asyncio.Event) -> None:
    import websockets

    headers = {"Cookie": browser.cookie}
    failures = 0
    while not over.is_set():
        try:
            async with websockets.connect(
                address, additional_headers=headers, origin=f"http://127.0.0.1:{port}", open_timeout=60
            ) as opened:
                failures = 0
                browser.connections += 1
                reading = asyncio.create_task(_read(browser, opened))
                ending = asyncio.create_task(over.wait())
                await asyncio.wait({reading, ending}, return_when=asyncio.FIRST_COMPLETED)
                for task in (reading, ending):
                    task.cancel()
        except (OSError, websockets.WebSocketException, TimeoutError):
            pass
        if not over.is_set():
            # As static/js/live.js does.
            await asyncio.sleep(min(10.0, 2.0**failures))
            failures += 1


async def _read(browser: Browser, opened: Any) -> None:
    async for text in opened:
        browser.messages += 1
        browser.bytes += len(text)
        message = json.loads(text)
        # Of the page's own socket come `hello` and `finished`.
        if message["type"] in ("snapshot", "events") and not message["benchmark"]["unfinished"]:
            browser.told = browser.told or time.monotonic()


def make_rows(browsers: int, benchmarks: int) -> tuple[list[int], list[tuple[int, str]]]:
    """Running benchmarks that the whole lab sees; members' sessions, each with the benchmark it watches."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    from tests.web import factories
    from webapp.benchmarks.models import Benchmark

    owner = factories.member()
    images = SHARDS_OF_A_BENCHMARK * IMAGES_PER_SHARD
    dataset = factories.dataset(number_of_images=images)
    classifier = factories.classifier()
    keys = [
        factories.running_benchmark(
            owner, images, IMAGES_PER_SHARD, dataset=dataset, classifier=classifier
        ).pk
        for _ in range(benchmarks)
    ]
    Benchmark.objects.update(shared_with_lab=True)
    sessions = []
    for number in range(browsers):
        # Without a password: that its hash takes long is not what is measured.
        member = get_user_model().objects.create(username=f"browser{number}")
        client = Client()
        client.force_login(member, backend="webapp.accounts.backends.NameOrNumberBackend")
        cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
        sessions.append((keys[number % benchmarks], cookie))
    return keys, sessions


def drive(keys: list[int], seconds: float, ended: dict[int, float]) -> None:
    """What workers and the reconciler write: shards one after the other, progress every second, then the end."""
    from tests.web import factories
    from webapp.benchmarks import transitions
    from webapp.benchmarks.events import announce_progress
    from webapp.benchmarks.models import Benchmark
    from webapp.benchmarks.payloads import progress_payload
    from workers.claiming import claim_shard, deliver

    node = factories.node()
    environment = {"device": "Simulated", "worker": node.name, "versions": {}, "batch_size": 1}
    pause = seconds / (len(keys) * SHARDS_OF_A_BENCHMARK)
    begin = told = time.monotonic()
    done = 0
    while (claim := claim_shard(node)) is not None:
        deliver(claim, [columns_of(claim.start, claim.stop)], environment)
        done += 1
        if time.monotonic() - told >= PROGRESS_SECONDS:
            told = time.monotonic()
            for key in keys:
                announce_progress(key, progress_payload(Benchmark.objects.get(pk=key)))
        time.sleep(max(0.0, begin + done * pause - time.monotonic()))
    for key in keys:
        transitions.succeed(Benchmark.objects.get(pk=key), figures={}, shards=SHARDS_OF_A_BENCHMARK)
        ended[key] = time.monotonic()


def memory_of(pid: int) -> float:
    """Megabytes that the process has in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


async def observe(
    pid: int, port: int, keys: list[int], sessions: list[tuple[int, str]], seconds: float
) -> tuple[list[Browser], dict[int, float], list[float], float]:
    """The browsers, when each benchmark ended, the server's memory once a second, and how long it took."""
    over = asyncio.Event()
    browsers = [Browser(*session) for session in sessions]
    open_pages = [asyncio.create_task(watch(each, port, over)) for each in browsers]
    while sum(each.connections for each in browsers) < 2 * len(browsers):
        await asyncio.sleep(0.2)
    ended: dict[int, float] = {}
    driver = threading.Thread(target=drive, args=(keys, seconds, ended))
    begin = time.monotonic()
    driver.start()
    memory = []
    while driver.is_alive():
        memory.append(memory_of(pid))
        await asyncio.sleep(1.0)
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end and not all(each.told for each in browsers):
        await asyncio.sleep(0.2)
    took = time.monotonic() - begin
    memory.append(memory_of(pid))
    over.set()
    await asyncio.gather(*open_pages)
    return browsers, ended, memory, took


def report(browsers: list[Browser], ended: dict[int, float], memory: list[float], took: float) -> int:
    missed = [each for each in browsers if not each.told]
    late = sorted(each.told - ended[each.benchmark] for each in browsers if each.told)
    rates = sorted(each.messages / took for each in browsers)
    start, middle, end = memory[0], memory[len(memory) // 2], memory[-1]
    print(f"{len(browsers)} browsers, {2 * len(browsers)} sockets, {len(ended)} benchmarks, {took:.0f} s.\n")
    print("| | |\n| --- | --: |")
    print(f"| browsers that missed the end | {len(missed)} |")
    print(f"| told of the end after, median | {statistics.median(late):.2f} s |")
    print(f"| told of the end after, most | {late[-1]:.2f} s |")
    print(f"| messages a browser and second, median | {statistics.median(rates):.2f} |")
    print(f"| messages a browser and second, most | {rates[-1]:.2f} |")
    print(f"| bytes a message | {sum(e.bytes for e in browsers) / sum(e.messages for e in browsers):.0f} |")
    print(f"| connections opened again | {sum(each.connections - 2 for each in browsers)} |")
    print(
        f"| the server's memory at the start, in the middle, at the end | {start:.0f}, {middle:.0f}, {end:.0f} MB |"
    )
    bad = missed or end > MOST_GROWTH * middle or rates[-1] > MOST_MESSAGES_A_SECOND
    return 1 if bad else 0


def run(arguments: argparse.Namespace) -> int:
    import django

    django.setup()
    from django.core.management import call_command

    from workers.supervisor.plan import web

    call_command("migrate", verbosity=0)
    keys, sessions = make_rows(arguments.browsers, arguments.benchmarks)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(web("127.0.0.1", port).command)
    try:
        return report(*asyncio.run(observe(server.pid, port, keys, sessions, arguments.seconds)))
    finally:
        server.terminate()
        server.wait()


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sockets",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--server", default="postgres://postgres@127.0.0.1:5432/postgres")
    parser.add_argument("--redis", default="redis://127.0.0.1:6379/0")
    parser.add_argument("--browsers", type=int, default=200)
    parser.add_argument("--benchmarks", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=120.0)
    arguments = parser.parse_args()
    with own_database(arguments.server) as database, tempfile.TemporaryDirectory() as state:
        prefix = use_installation(state, database, REDIS_URL=arguments.redis)
        try:
            return run(arguments)
        finally:
            from tests.conftest import delete_keys

            delete_keys(arguments.redis, prefix)


if __name__ == "__main__":
    sys.exit(main())
