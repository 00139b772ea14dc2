"""`manage.py register_dataset NAME --format image-folder PATH`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from saliency_core.datasets.base import FORMATS
from saliency_core.errors import DatasetError
from webapp.library import services


class Command(BaseCommand):
    help = "Registers a folder of images as a data set, or looks at it again if it is registered."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("path", type=Path)
        parser.add_argument("--format", default="image-folder", choices=[layout.key for layout in FORMATS])

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            dataset = services.register_dataset(
                name=options["name"], format=options["format"], path=options["path"]
            )
        except DatasetError as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(
            f"{dataset.name}: {dataset.number_of_images} images, {len(dataset.classes)} classes, "
            f"fingerprint {dataset.fingerprint[:12]}"
        )
        for problem in dataset.problems[:20]:
            self.stdout.write(f"  {problem['file']}: {problem['problem']}")
        if len(dataset.problems) > 20:
            self.stdout.write(f"  … and {len(dataset.problems) - 20} more")
