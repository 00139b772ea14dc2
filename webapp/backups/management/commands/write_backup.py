"""Writes a member's backup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from webapp.accounts.models import User
from webapp.backups.writing import write_backup


class Command(BaseCommand):
    help = "Writes a member's settings, models' records and benchmarks into one ZIP."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the ZIP to write")
        parser.add_argument("--owner", required=True, help="user name of the member")
        parser.add_argument(
            "--with-weights", action="store_true", help="with the weights of the member's models"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        owner = User.objects.filter(username__iexact=options["owner"]).first()
        if owner is None:
            raise CommandError(f"There is no member {options['owner']!r}.")
        file = options["file"].absolute()
        counts = write_backup(owner, file, with_weights=options["with_weights"])
        self.stdout.write(f"{counts['benchmarks']} benchmarks written to {file}")
