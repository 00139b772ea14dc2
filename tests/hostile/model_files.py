"""Hostile model files: name of the case → (name of the file, its content, what the refusal must say)."""

from __future__ import annotations

import io
import json
import struct
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save

from tests.hostile.pickles import global_by_opcode, payloads, raw_pickle, torch_legacy, torch_zip, zip_of


@dataclass(frozen=True)
class Case:
    """``says``: part of the refusal; empty for a file that is harmless and read."""

    name: str
    file: str
    content: bytes
    says: str


MORE_THAN_TENSORS = "more than tensors and could run code"
SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "U8": 1, "BOOL": 1}


def pickle_cases(canary: Path) -> list[Case]:
    cases = []
    for name, value in payloads(canary).items():
        for suffix in (".pt", ".pth", ".bin"):
            cases.append(
                Case(f"pickle by {name} in {suffix}", f"weights{suffix}", saved(value), MORE_THAN_TENSORS)
            )
        cases.append(Case(f"bare pickle by {name}", "weights.pth", raw_pickle(value), ""))
        cases.append(Case(f"old format by {name}", "weights.pt", torch_legacy(value), ""))
    for opcode in ("GLOBAL", "STACK_GLOBAL", "INST", "OBJ"):
        data = global_by_opcode(canary, opcode)
        cases.append(Case(f"opcode {opcode}", "weights.pt", torch_zip(data), ""))
        cases.append(Case(f"opcode {opcode}, bare", "weights.bin", data, ""))
    evil = global_by_opcode(canary, "GLOBAL")
    good = saved({"weight": torch.zeros(2)})
    cases += [
        Case("pickle named .safetensors", "weights.safetensors", evil, "safetensors file"),
        Case("pickle in a second member", "weights.pt", with_member(good, "weights/extra.pkl", evil), ""),
        Case("pickle after the archive", "weights.pt", good + evil, ""),
        Case("pickle before the archive", "weights.pt", evil + good, ""),
    ]
    return cases


def program_cases(folder: Path, canary: Path) -> list[Case]:
    """TorchScript and exported programs."""

    class Doubles(torch.nn.Module):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return 2 * values

    traced = folder / "traced.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # files of this kind will be about for years
        torch.jit.trace(Doubles(), torch.zeros(1)).save(str(traced))
    exported = folder / "exported.pt2"
    torch.export.save(torch.export.export(Doubles(), (torch.zeros(1),)), exported)
    evil = global_by_opcode(canary, "GLOBAL")
    planted = with_member(exported.read_bytes(), "exported/data/weights/planted.pkl", evil)
    says_script, says_export = "it is a TorchScript program", "it is an exported program"
    return [
        Case("TorchScript", "model.pt", traced.read_bytes(), says_script),
        Case("TorchScript named .pth", "model.pth", traced.read_bytes(), says_script),
        Case("exported program", "model.pt2", exported.read_bytes(), ""),
        Case("exported program named .pt", "model.pt", exported.read_bytes(), ""),
        Case("exported program with a planted pickle", "model.pt2", planted, ""),
        Case("TorchScript's constants alone", "model.pt", zip_of({"m/constants.pkl": evil}), says_script),
        Case("code folder alone", "model.pt", zip_of({"m/code/a.py": b"import os"}), says_script),
        Case("exported layout alone", "model.pt", zip_of({"m/models/a.json": b"{}"}), says_export),
    ]


def safetensors_cases() -> list[Case]:
    name = "weights.safetensors"
    whole = save({"weight": torch.arange(6, dtype=torch.float32).view(2, 3)})
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    huge = struct.pack("<Q", 2**62)

    def described(**changes: object) -> bytes:
        return safetensors({"weight": {**entry, **changes}}, bytes(8))

    return [
        Case("empty file", name, b"", "safetensors file"),
        Case("seven bytes", name, b"\x00" * 7, "safetensors file"),
        Case("header of 4 EiB", name, huge + b"{}", "its header would take"),
        Case("header longer than the file", name, struct.pack("<Q", 100) + b"{}", "its header would take"),
        Case(
            "header of 20 MB",
            name,
            struct.pack("<Q", 20_000_000) + b" " * 20_000_000,
            "its header would take",
        ),
        Case("header that is no JSON", name, struct.pack("<Q", 4) + b"oops", "not JSON"),
        Case("header that is a list", name, struct.pack("<Q", 2) + b"[]", ""),
        Case("header that is a number", name, struct.pack("<Q", 2) + b"12", ""),
        Case("header nested 5000 deep", name, raw_header(b"[" * 5000 + b"]" * 5000), ""),
        Case("header that is not UTF-8", name, raw_header(b'{"\xff\xfe": 1}'), ""),
        Case("shape that lies", name, described(shape=[200]), "damaged safetensors file"),
        Case("negative shape", name, described(shape=[-2]), "damaged safetensors file"),
        Case("shape that overflows", name, described(shape=[2**40, 2**40]), "damaged safetensors file"),
        Case(
            "offsets beyond the file", name, described(data_offsets=[0, 10**12]), "damaged safetensors file"
        ),
        Case("offsets backwards", name, described(data_offsets=[8, 0]), "damaged safetensors file"),
        Case("unknown kind of number", name, described(dtype="F99"), "damaged safetensors file"),
        Case(
            "entry without offsets",
            name,
            safetensors({"weight": {"dtype": "F32", "shape": [2]}}, bytes(8)),
            "damaged",
        ),
        Case(
            "entry that is text", name, safetensors({"weight": "hello"}, bytes(8)), "damaged safetensors file"
        ),
        Case(
            "overlapping tensors",
            name,
            safetensors({"a": entry, "b": {**entry, "data_offsets": [4, 12]}}, bytes(12)),
            "damaged safetensors file",
        ),
        Case(
            "a hole between tensors",
            name,
            safetensors({"a": entry, "b": {**entry, "data_offsets": [12, 20]}}, bytes(20)),
            "damaged safetensors file",
        ),
        Case("bytes after the last tensor", name, whole + b"more", "damaged safetensors file"),
        Case("cut off in the middle", name, whole[:-5], "damaged safetensors file"),
        Case("a million tensors", name, many_tensors(30_000), "at most 20000 are read"),
        Case("no tensors", name, safetensors({}, b""), "no state dict"),
        Case("NaN and infinity", name, save({"w": torch.tensor([np.nan, np.inf, -np.inf])}), "not finite"),
    ]


def archive_cases() -> list[Case]:
    """Archives in the place of a state dict."""
    bomb = zip_of({f"w/data/{number}": bytes(64_000_000) for number in range(2)} | {"w/data.pkl": b"\x80\x02}."},
                  zipfile.ZIP_DEFLATED)  # fmt: skip
    return [
        Case("empty archive", "weights.pt", zip_of({}), ""),
        Case("archive without a pickle", "weights.pt", zip_of({"readme.txt": b"hello"}), ""),
        Case("text", "weights.pth", b"these are no weights", ""),
        Case("nothing", "weights.pth", b"", ""),
        Case("zeros", "weights.bin", bytes(1000), ""),
        Case("a picture", "weights.pt", b"\x89PNG\r\n\x1a\n" + bytes(100), ""),
        Case("a truncated archive", "weights.pt", saved({"w": torch.zeros(100)})[:-60], ""),
        Case("an archive with compressed members", "weights.pt", bomb, ""),
        Case("a state dict of text", "weights.pt", saved({"weight": "hello"}), "no plain tensor"),
        Case("a state dict of numbers", "weights.pt", saved({"weight": 3.5}), "no plain tensor"),
        Case("a single tensor", "weights.pt", saved(torch.zeros(3)), "no state dict"),
        Case("a list of tensors", "weights.pt", saved([torch.zeros(3)]), "no state dict"),
        Case("numbers as names", "weights.pt", saved({1: torch.zeros(3)}), "no plain tensor"),
        Case("an empty state dict", "weights.pt", saved({}), "no state dict"),
        Case("a sparse tensor", "weights.pt", saved({"w": torch.eye(3).to_sparse()}), ""),
        Case("infinite weights", "weights.pt", saved({"w": torch.tensor([np.inf])}), "not finite"),
        Case("a pickled module", "weights.pt", saved(torch.nn.Linear(2, 2)), MORE_THAN_TENSORS),
        Case("tensors said to be huge", "weights.pt", lying_storage(), ""),
    ]


def saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def with_member(archive: bytes, name: str, content: bytes) -> bytes:
    buffer = io.BytesIO(archive)
    with zipfile.ZipFile(buffer, "a") as opened:
        opened.writestr(name, content)
    return buffer.getvalue()


def raw_header(header: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header


def safetensors(header: dict[str, object], data: bytes) -> bytes:
    return raw_header(json.dumps(header).encode()) + data


def many_tensors(count: int) -> bytes:
    empty = {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}
    return safetensors({f"tensor{number}": empty for number in range(count)}, b"")


def lying_storage() -> bytes:
    """A state dict whose tensor is said to be a hundred times larger than its storage in the archive."""
    honest = saved({"w": torch.zeros(100)})
    with zipfile.ZipFile(io.BytesIO(honest)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    pickle_name = next(name for name in members if name.endswith("data.pkl"))
    # BININT1 100 for the storage's and the tensor's size becomes BININT2 10000.
    members[pickle_name] = members[pickle_name].replace(b"K\x64", b"M\x10\x27")
    return zip_of(members)
