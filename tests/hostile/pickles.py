"""Pickles that run code when they are opened carelessly: each would leave a file named by `canary`."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


class Runs:
    """Whoever unpickles it calls ``function`` with ``arguments``."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.function, self.arguments


def payloads(canary: Path) -> dict[str, Any]:
    """What a careless reader would execute, by the way in which it is called."""
    touch = f"touch {canary}"
    code = f"open({str(canary)!r}, 'w').close()"
    return {
        "os.system": Runs(os.system, touch),
        "exec": Runs(exec, code),
        "eval": Runs(eval, f"open({str(canary)!r}, 'w')"),
        "open": Runs(open, str(canary), "w"),
        "nested in a dict": {"weight": torch.zeros(1), "more": {"deep": [Runs(exec, code)]}},
        "as a key": {Runs(str, "weight"): torch.zeros(1), "code": Runs(exec, code)},
        "beside good tensors": {"weight": torch.zeros(2), "bias": Runs(os.system, touch)},
    }


def raw_pickle(value: Any, protocol: int = 2) -> bytes:
    return pickle.dumps(value, protocol=protocol)


def zip_of(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def torch_zip(data: bytes, name: str = "weights", **more: bytes) -> bytes:
    """The layout of torch.save since 1.6, with ``data`` as its pickle."""
    members = {f"{name}/data.pkl": data, f"{name}/version": b"3\n", f"{name}/byteorder": b"little"}
    return zip_of(members | {f"{name}/{key}": value for key, value in more.items()})


def torch_legacy(value: Any) -> bytes:
    """The layout of torch.save before 1.6: magic number, protocol, system information, then the pickle."""
    magic, protocol = 0x1950A86A20F9469CFC6C, 1001
    system = {
        "protocol_version": protocol,
        "little_endian": True,
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    return b"".join(pickle.dumps(part, protocol=2) for part in (magic, protocol, system, value, []))


def global_by_opcode(canary: Path, opcode: str) -> bytes:
    """A pickle written by hand: posix.system through GLOBAL, STACK_GLOBAL, INST or OBJ."""
    command = f"touch {canary}"
    text = command.encode()
    short = b"\x8c" + struct.pack("<B", len(text)) + text
    return {
        "GLOBAL": b"\x80\x04cposix\nsystem\n" + short + b"\x85R.",
        "STACK_GLOBAL": b"\x80\x04\x8c\x05posix\x8c\x06system\x93" + short + b"\x85R.",
        "INST": b"(" + b"S'" + text + b"'\nios\nsystem\n.",
        "OBJ": b"\x80\x02(cposix\nsystem\nX" + struct.pack("<I", len(text)) + text + b"o.",
    }[opcode]
