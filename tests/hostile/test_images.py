"""Image files made to do harm: refused with a sentence, or reduced to their pixels."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile

from saliency_core.datasets.images import read_image
from saliency_core.errors import ImageError
from tests.hostile.images import image_cases
from tests.web import factories
from webapp.studio.models import Picture
from webapp.studio.pictures import keep_picture

MOST_GROWTH_KB = 300_000


def test_every_file_is_refused_or_reduced_to_its_pixels(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wrong = []
    cases = image_cases()
    assert len(cases) == 45
    for case in cases:
        file = tmp_path / case.file
        file.write_bytes(case.content)
        try:
            image = read_image(file)
        except ImageError as refusal:
            message = str(refusal)
            if case.says is None or case.says not in message or case.file not in message:
                wrong.append((case.name, message))
        else:
            if case.says is not None or (image.mode, image.size) != ("RGB", (12, 10)):
                wrong.append((case.name, f"taken as {image.mode} {image.size}"))
        assert [path.name for path in tmp_path.iterdir()] == [case.file]
        file.unlink()
    assert wrong == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_GROWTH_KB


@pytest.mark.django_db
def test_an_upload_keeps_pixels_only(settings, tmp_path: Path) -> None:
    """What is kept of a picture is a file of ours: no script, no archive, no EXIF of the sender's survives."""
    settings.UPLOADS_DIR = tmp_path
    owner = factories.member()
    refused = 0
    for case in image_cases():
        upload = SimpleUploadedFile(case.file, case.content)
        if case.says is None:
            kept = keep_picture(owner=owner, upload=upload).path.read_bytes()
            assert kept.startswith(b"\x89PNG"), case.name
            assert b"script" not in kept, case.name
            assert b"PK\x03\x04" not in kept, case.name
        else:
            with pytest.raises(ValidationError):
                keep_picture(owner=owner, upload=upload)
            refused += 1
    assert refused == 39
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == Picture.objects.count() > 0
