"""What members' models take on disk, and how much of it each member may."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.library.models import Classifier
from webapp.library.stored_files import stored_file_name

MEBIBYTE = 1024**2


def model_bytes_used(owner: User) -> int:
    """Bytes of the weights and networks that a member's models are loaded from, and of the uploads that wait.

    Two models of the same weights share a file, which is counted once.
    """
    rows = Classifier.objects.filter(owner=owner).only("library", "weights_sha256", "upload", "state")
    return sum(_sizes({path for row in rows if (path := _file_of(row)) is not None}))


def check_model_room(owner: User, size: int, *, instead_of: int = 0) -> None:
    """Raises ValidationError if a file of that many bytes, in the place of one that counts already, would take a member
    past settings.MODEL_QUOTA_BYTES.
    """
    used = max(0, model_bytes_used(owner) - instead_of)
    if used + size > settings.MODEL_QUOTA_BYTES:
        raise ValidationError(
            {"weights": _("This file has %(size)d MiB, and your models take %(used)d of the %(quota)d MiB that they "
                "may. Delete models that you no longer need, or ask an administrator for more room.")
             % {"size": -(-size // MEBIBYTE), "used": -(-used // MEBIBYTE),
                "quota": settings.MODEL_QUOTA_BYTES // MEBIBYTE}}
        )  # fmt: skip


def _file_of(row: Classifier) -> Path | None:
    if row.weights_sha256:
        return settings.WEIGHTS_DIR / stored_file_name(row.library, row.weights_sha256)
    return settings.UPLOADS_DIR / row.upload if row.upload else None


def _sizes(paths: Iterable[Path]) -> Iterable[int]:
    for path in paths:
        try:
            yield path.stat().st_size
        except OSError:
            continue
