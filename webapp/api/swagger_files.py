"""Offers Swagger UI's script and style from its wheel as static files: three files, not the wheel's 9 MB."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.apps import apps
from django.contrib.staticfiles.finders import AppDirectoriesFinder, BaseFinder
from django.core.files.storage import FileSystemStorage

PREFIX = "swagger-ui"
FILES = ("swagger-ui.css", "swagger-ui.css.map", "swagger-ui-bundle.js")
"""The map is named in the style, and collectstatic wants to find what is named."""
WITHOUT_FILES = ("rest_framework",)
"""Applications whose static files are for pages that we do not have (the browsable API)."""


def swagger_folder() -> Path:
    """The folder of the installed wheel that holds Swagger UI."""
    spec = find_spec("drf_spectacular_sidecar")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(
            "The package drf-spectacular-sidecar is not installed: run `pip install -r requirements.txt`."
        )
    return (
        Path(next(iter(spec.submodule_search_locations))) / "static/drf_spectacular_sidecar/swagger-ui-dist"
    )


class SwaggerFinder(BaseFinder):
    """Finds the files that the page of the API's description needs."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.storage = FileSystemStorage(location=swagger_folder())
        self.storage.prefix = PREFIX  # type: ignore[attr-defined]  # read by collectstatic

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> str | list[str]:
        folder, _, name = path.rpartition("/")
        if folder != PREFIX or name not in FILES:
            return []
        found = self.storage.path(name)
        return [found] if find_all else found

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, FileSystemStorage]]:
        for name in FILES:
            yield name, self.storage


class ApplicationsFinder(AppDirectoriesFinder):
    """Static files of the applications that show pages of their own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(
            [config.name for config in apps.get_app_configs() if config.name not in WITHOUT_FILES],
            *args,
            **kwargs,
        )
