"""Brings an installation up to date before it starts: tables, static files, samples. Quick when nothing is to do."""

from __future__ import annotations

import hashlib

import django


def bring_up_to_date() -> None:
    """Migrates the database, collects static files and prepares the samples."""
    django.setup()
    _migrate()
    from webapp.benchmarks.expected_code import record_expected_code

    record_expected_code()
    _collect_static_files()
    from workers import preparing

    preparing.main()


def _migrate() -> None:
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", interactive=False, verbosity=0)


def _collect_static_files() -> None:
    from django.conf import settings
    from django.core.management import call_command

    stamp = settings.STATIC_ROOT / ".collected"
    now = _fingerprint_of_sources()
    if stamp.is_file() and stamp.read_text() == now:
        return
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    stamp.write_text(now)


def _fingerprint_of_sources() -> str:
    """Changes with every static file's name, size or time."""
    from django.contrib.staticfiles.finders import get_finders

    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            details = (path, str(storage.size(path)), str(storage.get_modified_time(path).timestamp()))
            digest.update("\0".join(details).encode() + b"\n")
    return digest.hexdigest()
