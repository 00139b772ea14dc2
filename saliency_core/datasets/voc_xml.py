"""Annotation files in PASCAL VOC's XML, which ILSVRC uses too."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from saliency_core.datasets.base import Box
from saliency_core.errors import ImageError

MAX_FILE_BYTES = 16 * 1024 * 1024
_PIECE = 64  # bytes, too few for entities that grow


@dataclass(frozen=True)
class VocXml:
    """What one file says: the size (None if absent or 0) and the boxes, in pixels."""

    size: tuple[int, int] | None
    boxes: tuple[Box, ...]


class _NoDocumentType(ElementTree.TreeBuilder):
    """Stops at a document type declaration: without one, XML can define no entities that grow or read files."""

    started = False

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("it has a document type declaration, which annotations do not need")

    def start(self, tag: Any, attributes: Any) -> ElementTree.Element:
        self.started = True
        return super().start(tag, attributes)


def read_voc_xml(file: Path, first_pixel: int) -> VocXml:
    """Read one file. ``first_pixel``: how the file numbers the leftmost pixel, 1 or 0.

    With 1 (PASCAL VOC) xmin … xmax are the first and the last pixel of the object, so the box is
    [xmin − 1, xmax). With 0 they are taken as edges: [xmin, xmax). Parts of objects (heads, hands) are passed over.
    Raises ImageError: missing, not XML, or an object without a name or four finite numbers.
    """
    root = _parse(file)
    boxes = []
    for number, item in enumerate(root.iter("object"), 1):
        name = (item.findtext("name") or "").strip()
        if not name:
            raise ImageError(f"{file.name}: object {number} has no name.")
        edges = [_number(item.findtext(f"bndbox/{key}")) for key in ("xmin", "ymin", "xmax", "ymax")]
        left, top, right, bottom = (math.nan if edge is None else edge for edge in edges)
        if not math.isfinite(left + top + right + bottom):
            raise ImageError(
                f"{file.name}: object {number} ({name}) has no complete bndbox (xmin, ymin, xmax, ymax)."
            )
        boxes.append(
            Box(
                name,
                left - first_pixel,
                top - first_pixel,
                right,
                bottom,
                difficult=(item.findtext("difficult") or "").strip() == "1",
            )
        )
    width, height = (_number(root.findtext(f"size/{key}")) or 0 for key in ("width", "height"))
    return VocXml((int(width), int(height)) if width >= 1 and height >= 1 else None, tuple(boxes))


def _parse(file: Path) -> ElementTree.Element:
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise ImageError(f"{file.name} is larger than {MAX_FILE_BYTES // 2**20} MiB.")
        content, position = file.read_bytes(), 0
        builder = _NoDocumentType()
        # No document type means no entities, and with them goes what makes this parser risky.
        parser = ElementTree.XMLParser(target=builder)  # noqa: S314
        # The parser goes on to the end of a piece before it hands over what the builder raised.
        while not builder.started and position < len(content):
            parser.feed(content[position : position + _PIECE])
            position += _PIECE
        parser.feed(content[position:])
        root = parser.close()
    except OSError:
        raise ImageError(f"{file.name} does not exist or cannot be read.") from None
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
        raise ImageError(f"{file.name} is not a readable XML file: {error}.") from error
    assert isinstance(root, ElementTree.Element)
    return root


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
