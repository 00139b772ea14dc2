"""Weights files: read without running code, compared with the network, kept as safetensors."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from saliency_core.errors import UnsafeFileError, WeightsError
from saliency_core.lazy import torch

MAX_FILE_BYTES = 8 * 1024**3
MAX_HEADER_BYTES = 16 * 1024**2
MAX_TENSORS = 20_000
_WRAPPERS = ("state_dict", "model", "model_state_dict", "state_dict_ema")
_WAY_OUT = (
    "Save the state dict instead: torch.save(model.state_dict(), 'weights.pth'), "
    "or safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')."
)


def sha256_of(path: str | Path) -> str:
    """sha256 (hex) of a file. Raises WeightsError if it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"The weights file {path} cannot be read: {error.strerror}.") from error


def read_state_dict(path: str | Path) -> dict[str, torch.Tensor]:
    """Tensors by name from a safetensors file or a state dict saved with torch.save (.pt, .pth, .bin).

    Nothing in the file is ever executed. Raises UnsafeFileError for pickled modules, TorchScript and exported
    programs, WeightsError for files that are missing, too large, damaged or hold something else.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"The weights file {path} does not exist.")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise WeightsError(f"{path.name} is larger than {MAX_FILE_BYTES // 1024**3} GiB.")
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    return _tensors(content, path.name)


def _read_safetensors(path: Path) -> Any:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(MAX_HEADER_BYTES, path.stat().st_size):
            raise WeightsError(f"{path.name} is no safetensors file: its header would take {length} bytes.")
        try:
            header = json.loads(file.read(length))
        except (ValueError, RecursionError):
            raise WeightsError(f"{path.name} is no safetensors file: its header is not JSON.") from None
    if not isinstance(header, dict):
        raise WeightsError(f"{path.name} is no safetensors file: its header names no tensors.")
    if len(header) > MAX_TENSORS + 1:
        raise WeightsError(f"{path.name} holds {len(header)} tensors; at most {MAX_TENSORS} are read.")
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, ValueError, KeyError) as error:
        raise WeightsError(f"{path.name} is a damaged safetensors file: {error}.") from error


def _read_pickle(path: Path) -> Any:
    _check_archive(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        text = str(error)
        if "Unsupported" in text or "GLOBAL" in text or "TorchScript" in text:
            raise UnsafeFileError(
                f"{path.name} is refused: it holds more than tensors and could run code. {_WAY_OUT}"
            ) from None
        raise WeightsError(f"{path.name} is not a weights file. {_WAY_OUT}") from None
    except Exception as error:  # damaged archives raise nearly anything
        raise WeightsError(f"{path.name} cannot be read as a state dict: {error}") from error


def _check_archive(path: Path) -> None:
    """Refuse TorchScript and exported programs by their members, and archives that would unpack to too
    much.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        comment = len(archive.comment)
    if not _ends_with_archive(path, comment):
        raise WeightsError(f"{path.name} is refused: it goes on after the end of its archive. {_WAY_OUT}")
    inner = {member.filename.partition("/")[2] for member in members}
    if "constants.pkl" in inner or any(name.startswith("code/") for name in inner):
        raise UnsafeFileError(f"{path.name} is refused: it is a TorchScript program. {_WAY_OUT}")
    if path.suffix == ".pt2" or any(name.startswith("models/") or name == "archive_format" for name in inner):
        raise UnsafeFileError(f"{path.name} is refused: it is an exported program. {_WAY_OUT}")
    if sum(member.file_size for member in members) > MAX_FILE_BYTES:
        raise WeightsError(f"{path.name} would unpack to more than {MAX_FILE_BYTES // 1024**3} GiB.")


def _ends_with_archive(path: Path, comment: int) -> bool:
    """Whether a zip file with a comment of that many bytes ends with its own end record."""
    record = 22 + comment
    with path.open("rb") as file:
        file.seek(-min(record, path.stat().st_size), os.SEEK_END)
        return file.read(4) == b"PK\x05\x06"


def _tensors(content: Any, name: str) -> dict[str, torch.Tensor]:
    if isinstance(content, Mapping):
        content = next((content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping)), content)
    if not isinstance(content, Mapping) or not content:
        raise WeightsError(f"{name} holds no state dict (tensors by name). {_WAY_OUT}")
    if len(content) > MAX_TENSORS:
        raise WeightsError(f"{name} holds {len(content)} tensors; at most {MAX_TENSORS} are read.")
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor) or value.layout != torch.strided:
            raise WeightsError(f"{name} holds {key!r}, which is no plain tensor. {_WAY_OUT}")
    prefix = "module." if all(key.startswith("module.") for key in content) else ""  # left by DataParallel
    return {key.removeprefix(prefix): value.detach() for key, value in content.items()}


def check_finite(state_dict: Mapping[str, torch.Tensor], name: str) -> None:
    """Raise WeightsError naming the first tensor of the file ``name`` with a value that is NaN or infinite: all that
    such a network says is NaN.
    """
    for key, tensor in state_dict.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise WeightsError(
                f"{name} cannot be used: {key} has values that are not finite (NaN or infinity). Was it saved after "
                "the training had diverged? Save weights from before that."
            )


def store_as_safetensors(state_dict: Mapping[str, torch.Tensor], folder: str | Path) -> tuple[Path, str]:
    """Write the tensors to ``folder`` under the name <sha256>.safetensors; returns (path, sha256)."""
    from safetensors.torch import save_file

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=folder, suffix=".part")
    os.close(handle)
    try:
        # Cloned: safetensors refuses tensors that share memory, as tied weights do.
        save_file({name: tensor.clone().contiguous() for name, tensor in state_dict.items()}, temporary)
        digest = sha256_of(temporary)
        path = folder / f"{digest}.safetensors"
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return path, digest


def weights_sha256(state_dict: Mapping[str, torch.Tensor], path: Path | None = None) -> str:
    """sha256 (hex) of the tensors as safetensors: the same whatever kind of file they came in.

    It is the digest that store_as_safetensors gives. ``path`` is the file they were read from; one that was stored
    there under its digest is hashed as it is.
    """
    if path is not None and path.suffix == ".safetensors" and len(path.stem) == 64:
        digest = sha256_of(path)
        if digest == path.stem:
            return digest
    from safetensors.torch import save

    return hashlib.sha256(
        save({name: tensor.clone().contiguous() for name, tensor in state_dict.items()})
    ).hexdigest()


def check_fits(
    model: torch.nn.Module, state_dict: Mapping[str, torch.Tensor], architecture: str = ""
) -> None:
    """Raise WeightsError naming the first five tensors that are missing, unexpected or of another shape."""
    wanted = model.state_dict()
    problems = []
    for name, tensor in wanted.items():
        if name not in state_dict:
            if not name.endswith(
                "num_batches_tracked"
            ):  # a counter that old files lack and inference ignores
                problems.append(f"{name} {list(tensor.shape)} is missing")
        elif state_dict[name].shape != tensor.shape:
            problems.append(f"{name} is {list(state_dict[name].shape)} instead of {list(tensor.shape)}")
    problems += [
        f"{name} {list(tensor.shape)} is not part of it"
        for name, tensor in state_dict.items()
        if name not in wanted
    ]
    if problems:
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise WeightsError(
            f"The weights do not fit {architecture or type(model).__name__}: {'; '.join(problems[:5])}{more}."
        )


def renamed_by_order(
    model: torch.nn.Module, state_dict: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """The tensors under the model's names, matched by position. Raises WeightsError unless every shape
    agrees.
    """
    wanted = {k: v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
    given = {k: v for k, v in state_dict.items() if not k.endswith("num_batches_tracked")}
    if len(wanted) != len(given):
        raise WeightsError(
            f"The weights hold {len(given)} tensors; {type(model).__name__} has {len(wanted)}."
        )
    for (old, tensor), (new, target) in zip(given.items(), wanted.items(), strict=True):
        if tensor.shape != target.shape:
            raise WeightsError(
                f"The weights do not fit {type(model).__name__}: {old} is {list(tensor.shape)}, "
                f"but {new} in the same place is {list(target.shape)}."
            )
    return dict(zip(wanted, given.values(), strict=True))
