"""Writes everything about a benchmark into one ZIP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from saliency_core.errors import SaliscopeError
from webapp.benchmarks.archive_writing import write_archive
from webapp.benchmarks.models import Benchmark


class Command(BaseCommand):
    help = "Writes tables, plots, report and JSON of a benchmark into one ZIP."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", type=int, help="the benchmark's number")
        parser.add_argument("file", type=Path, help="the ZIP to write")

    def handle(self, *args: Any, **options: Any) -> None:
        benchmark = Benchmark.objects.filter(pk=options["number"]).first()
        if benchmark is None:
            raise CommandError(f"There is no benchmark #{options['number']}.")
        file = options["file"].absolute()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_archive(benchmark, file)
        except SaliscopeError as problem:
            raise CommandError(str(problem)) from problem
        except OSError as problem:
            reason = problem.strerror or str(problem)
            raise CommandError(
                f"{file} could not be written: {reason}. Nothing was left there; make room, or choose another place."
            ) from problem
        self.stdout.write(f"Written to {file}")
