"""What data sets have in common whose images are files in a folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path, PurePosixPath

from PIL import Image

from saliency_core.datasets.base import Annotations, Dataset, Sample
from saliency_core.datasets.images import IMAGE_SUFFIXES, read_image
from saliency_core.errors import DatasetError, ImageError

OTHER_IMAGE_SUFFIXES = frozenset({".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".jp2"})
_CHECKING_THREADS = 8


class ImageFiles(Dataset):
    """A data set of image files. Subclasses fill ``_samples`` and, where there are annotations, implement
    _read_annotations and _annotation_files.

    ``_found``: what was wrong already when the folder was opened.
    """

    folder: Path
    _samples: list[Sample]
    _found: list[dict[str, str]]

    def __len__(self) -> int:
        return len(self._samples)

    def sample(self, index: int) -> Sample:
        return self._samples[index]

    def image(self, index: int) -> Image.Image:
        return read_image(self._samples[index].path)

    def annotations(self, index: int) -> Annotations:
        if not self.has_annotations:
            return super().annotations(index)
        return self._read_annotations(index)[0]

    def files(self) -> Iterator[Path]:
        yield from self._label_sources()
        yield from self._annotation_files()
        for sample in self._samples:
            yield sample.path

    def fingerprint(self) -> str:
        """sha256 over every image's relative path, size in bytes and label (not over the pixels), and over the
        bytes of every annotation file.
        """
        digest = hashlib.sha256()
        for sample in self._samples:
            size = _size_of(sample.path)
            digest.update(f"{sample.identifier}\0{size}\0{sample.label or ''}\n".encode())
        for file in self._annotation_files():
            name = Path(os.path.relpath(file, self.folder)).as_posix()
            digest.update(f"annotation\0{name}\0{file_sha256(file)}\n".encode())
        return digest.hexdigest()

    def problems(self, progress: Callable[[int, int], None] | None = None) -> list[dict[str, str]]:
        found = list(self._found)
        pool = ThreadPoolExecutor(min(_CHECKING_THREADS, os.cpu_count() or 1), "check")
        try:
            checked = zip(self._samples, pool.map(self._complaints, range(len(self))), strict=True)
            for number, (sample, complaints) in enumerate(checked, start=1):
                found += [{"file": sample.identifier, "problem": complaint} for complaint in complaints]
                if progress is not None:
                    progress(number, len(self))
        finally:
            pool.shutdown(cancel_futures=True)  # stopped half-way: do not read the rest
        return found

    @property
    def has_annotations(self) -> bool:
        return bool(self.ground_truth & {"boxes", "masks", "object_mask"})

    def _read_annotations(self, index: int) -> tuple[Annotations, list[str]]:
        """The annotations of sample ``index`` and what is wrong with them although they can be used. Raises
        ImageError.
        """
        raise NotImplementedError

    def _annotation_files(self) -> Iterable[Path]:
        """The files besides images on which results depend, in a fixed order."""
        return ()

    def _label_sources(self) -> Iterable[Path]:
        """The files that labels are read from and that are not among the annotation files."""
        return ()

    def _complaints(self, index: int) -> list[str]:
        complaints = []
        try:
            self.image(index)
        except ImageError as error:
            complaints.append(str(error))
        if self.has_annotations:
            try:
                complaints += self._read_annotations(index)[1]
            except ImageError as error:
                if str(error) not in complaints:  # the image itself, said already
                    complaints.append(str(error))
        return complaints

    def _complain(self, file: str, problem: str) -> None:
        self._found.append({"file": file, "problem": problem})


def existing_folder(path: str | Path) -> Path:
    """The path, if it is a folder. Raises DatasetError."""
    folder = Path(path)
    if not folder.exists():
        raise DatasetError(f"The folder {folder} does not exist.")
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder.")
    return folder


def find_images(folder: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Relative paths of the images below a folder, sorted, and the files passed over that look like images.

    Hidden files and folders are not looked at; linked files are taken, linked folders are not entered.
    """
    found: list[str] = []
    passed_over: list[dict[str, str]] = []
    for parent, subfolders, files in os.walk(folder):
        subfolders[:] = [name for name in subfolders if not name.startswith((".", "__"))]
        relative = Path(parent).relative_to(folder)
        for file in files:
            name, suffix = (relative / file).as_posix(), Path(file).suffix.lower()
            if file.startswith(".") or suffix not in IMAGE_SUFFIXES | OTHER_IMAGE_SUFFIXES:
                continue
            if not is_unicode(name):
                shown = name.encode("utf-8", "backslashreplace").decode()
                passed_over.append({"file": shown, "problem": "Passed over: its name is not in UTF-8."})
            elif suffix in OTHER_IMAGE_SUFFIXES:
                passed_over.append({"file": name, "problem": "Passed over: not a JPEG, PNG or WebP image."})
            else:
                found.append(name)
    return sorted(found), sorted(passed_over, key=lambda item: item["file"])


def is_image(file: Path) -> bool:
    """Whether a file is named like an image that can be read, and not hidden."""
    return file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".")


def is_unicode(name: str) -> bool:
    """Whether a file's name could be decoded (a GBK name from an old archive cannot)."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def stays_inside(name: str) -> bool:
    """Whether a relative path written in an annotation file stays in its folder."""
    path = PurePosixPath(name)
    return bool(name) and "\0" not in name and not path.is_absolute() and ".." not in path.parts


def first_existing(folder: Path, names: Sequence[str]) -> Path | None:
    """The first of the relative paths that exists below the folder."""
    return next((folder / name for name in names if (folder / name).exists()), None)


def read_lines(file: Path) -> list[str]:
    """The lines of a text file in UTF-8, without ends and without empty last lines. Raises DatasetError."""
    try:
        return file.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file} cannot be read as text in UTF-8: {error}.") from error


def file_sha256(file: Path) -> str:
    """sha256 (hex) of a file's bytes, or "missing". Of a large file it is kept until the file changes."""
    try:
        stat = file.stat()
        if stat.st_size < 2**24:
            return hashlib.sha256(file.read_bytes()).hexdigest()
        return _large_file_sha256(file, stat.st_size, stat.st_mtime_ns, stat.st_ino)
    except OSError:
        return "missing"


@lru_cache(maxsize=64)
def _large_file_sha256(file: Path, size: int, modified: int, inode: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
