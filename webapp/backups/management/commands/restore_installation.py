"""`manage.py restore_installation FOLDER`: into a new database and a new state directory."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from webapp.backups.installation import databases, files


class Command(BaseCommand):
    help = (
        "Restores what back_up_installation wrote, into an empty database (DATABASE_URL) and an empty state directory "
        "(SALISCOPE_STATE_DIR). Run `manage.py migrate` afterwards: the backup may be of an older release."
    )
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        kept = [path for path in files.state_files(settings.STATE_DIR) if path.name != "secret_key"]
        if kept:
            raise CommandError(f"{settings.STATE_DIR} holds files already, as {kept[0]}. Name a new one.")
        try:
            about = files.check_list(folder)
            databases.load(folder)
            databases.move_paths(Path(about["state"]), settings.STATE_DIR)
            files.copy_back(folder, settings.STATE_DIR)
        except (files.BackupDamaged, databases.DatabaseProblem, OSError) as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write("Restored. Run `manage.py migrate`, then start the application.")
