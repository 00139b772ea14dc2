"""The sandbox for model files: what it says, what it leaves, what its process can still do."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from saliency_core.classifiers.weights import read_state_dict
from saliency_core.errors import SaliscopeError
from tests.hostile.model_files import (
    Case,
    archive_cases,
    pickle_cases,
    program_cases,
    safetensors_cases,
    saved,
)
from workers.model_file_sandbox import convert_in_sandbox

CANARY = "executed"
HARMLESS = saved({"weight": torch.zeros(2, 3)})


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workshop")


@pytest.fixture(scope="module")
def groups(workshop: Path) -> dict[str, list[Case]]:
    canary = workshop / CANARY
    return {
        "pickles": pickle_cases(canary),
        "programs": program_cases(workshop, canary),
        "safetensors": safetensors_cases(),
        "archives": archive_cases(),
    }


def test_the_canary_would_be_seen(tmp_path: Path) -> None:
    """The payloads do run where a file is opened carelessly: otherwise the tests above would prove nothing."""
    import pickle

    case = next(case for case in pickle_cases(tmp_path / CANARY) if case.name == "bare pickle by os.system")
    pickle.loads(case.content)  # noqa: S301
    assert (tmp_path / CANARY).exists()


@pytest.mark.parametrize(
    "name",
    [
        "pickle by os.system in .pt",
        "opcode GLOBAL",
        "TorchScript",
        "header of 4 EiB",
        "NaN and infinity",
        "tensors said to be huge",
    ],
)
def test_the_sandbox_says_the_same_and_leaves_nothing(
    name: str, groups: dict[str, list[Case]], workshop: Path, tmp_path: Path
) -> None:
    case = next(case for cases in groups.values() for case in cases if case.name == name)
    kept = tmp_path / "kept"
    kept.mkdir()
    file = tmp_path / case.file
    file.write_bytes(case.content)
    with pytest.raises(SaliscopeError, match=file.name):
        convert_in_sandbox(file, kept)
    assert list(kept.iterdir()) == []
    assert not (workshop / CANARY).exists()


def test_a_good_file_passes_through_the_sandbox(tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    file.write_bytes(HARMLESS)
    path, sha256 = convert_in_sandbox(file, tmp_path / "kept")
    assert path == tmp_path / "kept" / f"{sha256}.safetensors"
    assert list((tmp_path / "kept").iterdir()) == [path]
    assert read_state_dict(path)["weight"].tolist() == [[0.0] * 3] * 2
