"""`manage.py back_up_installation FOLDER`: database and files of the whole installation."""

from __future__ import annotations

import shutil
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from webapp.backups.installation import databases, files


class Command(BaseCommand):
    help = (
        "Writes the database and the files of the whole installation into a new folder. The application may run: "
        "the database is dumped first, so every file that it names is there when the files are copied."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="must not exist yet")

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        folder = folder.resolve()
        if folder.exists():
            raise CommandError(f"{folder} exists already. Name a new folder.")
        if folder.is_relative_to(settings.STATE_DIR):
            raise CommandError(
                "A backup inside the state directory would back itself up. Name another folder."
            )
        folder.mkdir(parents=True, mode=0o700)
        try:
            databases.dump(folder)
            vanished = files.copy_state(settings.STATE_DIR, folder)
            applied = sorted(
                f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations()
            )
            files.write_list(
                folder, database=connection.vendor, migrations=applied, state=str(settings.STATE_DIR)
            )
        except BaseException as problem:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(problem, (databases.DatabaseProblem, OSError)):
                raise CommandError(str(problem)) from problem
            raise
        if vanished:
            self.stdout.write(
                f"Passed over, as they were removed meanwhile: {len(vanished)} files, such as {vanished[0]}."
            )
        self.stdout.write(f"Written to {folder}. It holds the secret key and password hashes: keep it safe.")
