"""How many claims and deliveries a second PostgreSQL itself can do, with hardly anything spent on the workers.

    python -m benchmarks.claim_capacity [--server postgres://postgres@127.0.0.1:5432/postgres] [--seconds 15]
        [--connections 1 8 32] [--benchmarks 20] [--shards 200000] [--claims-only]

Has one worker claim a shard, extend its lease and deliver it through the application's own code, writes down the
statements that the database was sent, and has pgbench send the same ones over many connections, each time for the
next shard. Every claim goes by members' turns, as always. pgbench comes with PostgreSQL.

Two things are shorter than in a worker: of the benchmarks in their order only the first is fetched, and results are
the same bytes each time. The exit status is 1 if a shard was given twice.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.own_installation import own_database, use_installation

# Keys that no other number in a statement looks like.
FIRST_KEYS = {
    "owner": ("accounts_user", 7_100_001),
    "benchmark": ("benchmarks_benchmark", 7_200_001),
    "shard": ("benchmarks_shard", 7_300_001),
    "node": ("benchmarks_workernode", 7_400_001),
}
NODES = 1000


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.claim_capacity",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--server", default="postgres://postgres@127.0.0.1:5432/postgres")
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--benchmarks", type=int, default=20)
    parser.add_argument("--shards", type=int, default=200_000)
    parser.add_argument("--claims-only", action="store_true", help="no leases, no deliveries")
    arguments = parser.parse_args()
    pgbench = find_pgbench()
    if pgbench is None:
        print("pgbench is needed, and is part of PostgreSQL's server package.", file=sys.stderr)
        return 2
    with own_database(arguments.server) as database, tempfile.TemporaryDirectory() as folder:
        use_installation(folder, database)
        return run(arguments, pgbench, database, Path(folder))


def find_pgbench() -> str | None:
    """On the PATH, or where Debian puts it."""
    found = shutil.which("pgbench")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))
    return found or (str(installed[-1]) if installed else None)


def run(arguments: argparse.Namespace, pgbench: str, database: str, folder: Path) -> int:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from benchmarks.claims import make_work

    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        for table, first in FIRST_KEYS.values():
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {first})")
    make_work(arguments.shards, arguments.benchmarks, 0)
    claim, rest = recorded()
    script = folder / "claims.sql"
    script.write_text(
        f"\\set node random({FIRST_KEYS['node'][1] + 1}, {FIRST_KEYS['node'][1] + NODES})\n"
        + claim
        + ("" if arguments.claims_only else rest)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    what = "claims" if arguments.claims_only else "claims with their leases and deliveries"
    print(f"{arguments.benchmarks} benchmarks of as many members, {arguments.shards:,} shards.\n")
    print(f"| connections | {what} a second | a cycle, on average |\n| --: | --: | --: |")
    for connections in arguments.connections:
        output = subprocess.run(
            [
                *(pgbench, "-n", "-f", str(script), "-c", str(connections)),
                *("-T", str(arguments.seconds), database),
            ],
            capture_output=True,
            text=True,
        )
        rate = re.search(r"tps = ([\d.]+)", output.stdout)
        latency = re.search(r"latency average = ([\d.]+)", output.stdout)
        if output.returncode or rate is None or latency is None:
            print(output.stdout, output.stderr, file=sys.stderr)
            return 1
        print(f"| {connections} | {float(rate[1]):,.0f} | {float(latency[1]):.1f} ms |", flush=True)
    return check(arguments)


def check(arguments: argparse.Namespace) -> int:
    from webapp.benchmarks.models import Shard

    taken = Shard.objects.exclude(state=Shard.State.WAITING)
    twice = taken.exclude(attempt=1, fence=1).count()
    print(f"\n{taken.count():,} shards given, {twice} of them twice.")
    if taken.count() == arguments.shards:
        print("All shards were taken before the end: ask for more --shards.", file=sys.stderr)
        return 1
    return 1 if twice else 0


def recorded() -> tuple[str, str]:
    """What a claim, and what extending its lease and delivering it, send to the database: as pgbench's script."""
    from django.db import connection

    from benchmarks.claims import columns_of
    from tests.web import factories
    from webapp.benchmarks.models import Benchmark, Turn
    from workers.claiming import claim_shard, deliver, extend_lease

    seen: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        assert not many
        seen.append(context["cursor"].cursor.mogrify(sql, params).decode())
        return execute(sql, params, many, context)

    node = factories.node(name="capacity")
    for number in range(NODES):
        factories.node(name=f"capacity-{number}")
    # All members have had a turn, as is the rule.
    members = Benchmark.objects.values("owner").distinct().count()
    while Turn.objects.count() < members:
        claim_shard(node)
    environment = {"device": "Simulated", "worker": node.name, "versions": {}, "batch_size": 1}
    with connection.execute_wrapper(note):
        claim = claim_shard(node)
        assert claim is not None
        claiming = len(seen)
        extend_lease(claim, 0.5)
        extended = len(seen)
        deliver(claim, [columns_of(0, 20)], environment)
    assert claim.fence == 1
    assert not any("SAVEPOINT" in each for each in seen)
    return (
        transaction(seen[:claiming]),
        "".join(map(pgbench_line, seen[claiming:extended])) + transaction(seen[extended:]),
    )


def transaction(statements: list[str]) -> str:
    return f"BEGIN;\n{''.join(map(pgbench_line, statements))}COMMIT;\n"


def pgbench_line(statement: str) -> str:
    """The statement with variables for the keys; where it finds out one of them, the variable is set by it."""
    text = " ".join(statement.split("\n"))
    for name, (_, first) in FIRST_KEYS.items():
        text = re.sub(rf"\b{str(first)[:2]}\d{{5}}\b", f":{name}", text)
    if text.startswith('SELECT "benchmarks_benchmark"."id" AS "pk" FROM'):
        return text.replace('AS "pk"', 'AS "benchmark"', 1) + " LIMIT 1 \\gset\n"
    if "SKIP LOCKED" in text:
        text = text.replace('"benchmarks_shard"."id"', '"benchmarks_shard"."id" AS "shard"', 1)
        return text.replace('."owner_id"', '."owner_id" AS "owner"', 1) + " \\gset\n"
    if text.startswith('SELECT "benchmarks_benchmark"."last_event_seq"'):
        return text.replace('AS "last_event_seq"', 'AS "seq"', 1) + " \\gset\n"
    if text.startswith('INSERT INTO "benchmarks_benchmarkevent"'):
        text = re.sub(r"VALUES \(:benchmark, \d+,", "VALUES (:benchmark, :seq,", text)
    return text + ";\n"


if __name__ == "__main__":
    sys.exit(main())
