"""Restores a member's backup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from webapp.accounts.models import User
from webapp.backups.restoring import BackupProblem, restore_backup


class Command(BaseCommand):
    help = "Restores method settings, saved views and benchmarks of a backup as those of a member."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the ZIP")
        parser.add_argument("--owner", required=True, help="user name of the member who gets everything")

    def handle(self, *args: Any, **options: Any) -> None:
        owner = User.objects.filter(username__iexact=options["owner"]).first()
        if owner is None:
            raise CommandError(f"There is no member {options['owner']!r}.")
        try:
            restored = restore_backup(owner, options["file"])
        except BackupProblem as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(
            f"{restored.benchmarks} benchmarks, {restored.settings} method settings, {restored.views} saved views and "
            f"{restored.models} models restored; {restored.already_there} benchmarks were there already."
        )
        for note in restored.notes:
            self.stdout.write(f"  {note}")
