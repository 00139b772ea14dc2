"""Pictures that members bring: checked, decoded, written anew, seen by nobody else."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.translation import gettext as _

from saliency_core.datasets.images import read_header, read_image
from saliency_core.errors import ImageError
from webapp.accounts.models import User
from webapp.reasons.showing import shown_reason
from webapp.studio.models import Picture

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_BYTES = 20 * 1024**2
MOST_PIXELS = 24_000_000
MOST_PICTURES = 200
PNG_COMPRESSION = 3  # Photographs hardly get smaller by more.


def keep_picture(*, owner: User, upload: UploadedFile) -> Picture:
    """Keeps the pixels of an uploaded JPEG, PNG or WebP file; one that is there already is found again.

    Raises ValidationError with what is wrong and what to do.
    """
    if (upload.size or 0) > MOST_BYTES:
        raise ValidationError(
            _("This file is too big: at most %(size)d MiB are taken.") % {"size": MOST_BYTES // 1024**2}
        )
    image = _decoded(upload)
    name = Path(upload.name or "").name[-100:] or _("picture")
    digest = hashlib.sha256(f"{image.width} {image.height} ".encode() + image.tobytes()).hexdigest()
    found = Picture.objects.filter(owner=owner, digest=digest).first()
    if found is None:
        if Picture.objects.filter(owner=owner).count() >= MOST_PICTURES:
            raise ValidationError(
                _("You have %(number)d pictures here, which is the most there can be. Delete some first.")
                % {"number": MOST_PICTURES}
            )
        found, _created = Picture.objects.get_or_create(
            owner=owner, digest=digest, defaults={"name": name, "width": image.width, "height": image.height}
        )
    if not found.path.exists():
        found.path.parent.mkdir(parents=True, exist_ok=True)
        draft = found.path.with_suffix(".part")
        image.save(draft, format="PNG", compress_level=PNG_COMPRESSION)
        draft.replace(found.path)
    return found


def _decoded(upload: UploadedFile) -> Image:
    """The pixels, upright RGB. Raises ValidationError."""
    # Whole in memory, so that nothing is asked of the file but its bytes; the size is capped before.
    content = BytesIO(upload.read())
    try:
        header = read_header(content)
        if header.stored_width * header.stored_height > MOST_PIXELS:
            raise ValidationError(
                _(
                    "The picture has too many pixels (%(width)d × %(height)d): at most %(most)d million are taken."
                )
                % {
                    "width": header.stored_width,
                    "height": header.stored_height,
                    "most": MOST_PIXELS // 10**6,
                }
            )
        content.seek(0)
        return read_image(content)
    except ImageError as problem:
        raise ValidationError(
            _("This picture can't be used: %(reason)s Bring a JPEG, PNG or WebP file.")
            % {"reason": shown_reason(str(problem))}
        ) from None


@transaction.atomic
def delete_picture(picture: Picture) -> None:
    """Deletes a picture, and all that was found out about it."""
    from webapp.studio.services import discard_files_on_commit

    path = picture.path
    transaction.on_commit(lambda: path.unlink(missing_ok=True))
    discard_files_on_commit(picture.explanations.all())
    picture.delete()
