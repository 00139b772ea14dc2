"""Data sets: which folders may be registered, and how much members may bring."""

from __future__ import annotations

from pathlib import Path

from webapp.environment import env

MEBIBYTE = 1024**2

DATASET_ROOTS: tuple[Path, ...] = tuple(
    Path(root).expanduser().resolve() for root in env.list("SALISCOPE_DATASET_ROOTS", default=[]) if root
)
"""Folders of the server below which administrators may register data sets; empty: anywhere."""
DATASET_ARCHIVE_BYTES: int = env.int("SALISCOPE_DATASET_ARCHIVE_BYTES", default=512 * MEBIBYTE)
"""The largest archive that is taken."""
DATASET_UNPACKED_BYTES: int = env.int("SALISCOPE_DATASET_UNPACKED_BYTES", default=1024 * MEBIBYTE)
DATASET_FILE_BYTES: int = env.int("SALISCOPE_DATASET_FILE_BYTES", default=64 * MEBIBYTE)
DATASET_ENTRIES: int = env.int("SALISCOPE_DATASET_ENTRIES", default=20_000)
DATASET_QUOTA_BYTES: int = env.int("SALISCOPE_DATASET_QUOTA_BYTES", default=4096 * MEBIBYTE)
"""What all data sets of a member may take, unpacked."""
