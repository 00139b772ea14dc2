"""Model files are hostile until proven otherwise."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from saliency_core.classifiers.weights import (
    check_fits,
    read_state_dict,
    renamed_by_order,
    sha256_of,
    store_as_safetensors,
    weights_sha256,
)
from saliency_core.errors import UnsafeFileError, WeightsError


class CreatesFile:
    """Unpickling this creates a file: the harmless stand-in for an attack."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return open, (str(self.path), "w")


def network() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 2))


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("legacy", [False, True])
def test_state_dicts_are_read(wrapper: str | None, prefix: str, legacy: bool, tmp_path: Path) -> None:
    expected = network().state_dict()
    content: Any = {f"{prefix}{name}": tensor for name, tensor in expected.items()}
    if wrapper:
        content = {"epoch": 3, wrapper: content}
    torch.save(content, tmp_path / "a.pth", _use_new_zipfile_serialization=not legacy)
    found = read_state_dict(tmp_path / "a.pth")
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_safetensors_round_trip(tmp_path: Path) -> None:
    shared = torch.arange(6.0)
    path, digest = store_as_safetensors(
        {"a": shared, "b": shared[:3], "c": shared.view(2, 3).T}, tmp_path / "w"
    )
    assert path == tmp_path / "w" / f"{digest}.safetensors"
    assert sha256_of(path) == digest
    assert [item.name for item in (tmp_path / "w").iterdir()] == [path.name]
    found = read_state_dict(path)
    assert found["b"].tolist() == [0, 1, 2]
    assert found["c"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert list(load_file(path)) == ["a", "b", "c"]


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("name", ["a.pth", "a.pt", "a.bin"])
def test_code_in_a_pickle_is_refused_and_not_run(name: str, legacy: bool, tmp_path: Path) -> None:
    trace = tmp_path / "executed"
    torch.save(
        {"weight": torch.zeros(1), "trap": CreatesFile(trace)},
        tmp_path / name,
        _use_new_zipfile_serialization=not legacy,
    )
    with pytest.raises(UnsafeFileError, match=r"could run code.*torch\.save\(model\.state_dict\(\)"):
        read_state_dict(tmp_path / name)
    assert not trace.exists()
    torch.load(tmp_path / name, weights_only=False)["trap"].close()
    assert trace.exists()  # the trap does work when it is opened carelessly


def test_a_plain_pickle_with_code_is_refused_and_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "executed"
    (tmp_path / "a.pth").write_bytes(pickle.dumps({"weight": CreatesFile(trace)}))
    with pytest.raises(WeightsError):
        read_state_dict(tmp_path / "a.pth")
    assert not trace.exists()


def test_a_pickled_module_is_refused(tmp_path: Path) -> None:
    torch.save(network(), tmp_path / "a.pt")
    with pytest.raises(UnsafeFileError, match=r"a\.pt is refused: it holds more than tensors"):
        read_state_dict(tmp_path / "a.pt")


def test_torchscript_and_exported_programs_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        archive.writestr("script/constants.pkl", b"")
        archive.writestr("script/code/__torch__.py", b"import os")
        archive.writestr("script/data.pkl", b"")
    with pytest.raises(UnsafeFileError, match=r"TorchScript program.*Save the state dict"):
        read_state_dict(tmp_path / "script.pt")
    with zipfile.ZipFile(tmp_path / "exported.pt2", "w") as archive:
        archive.writestr("exported/archive_format", b"pt2")
    with pytest.raises(UnsafeFileError, match=r"exported program"):
        read_state_dict(tmp_path / "exported.pt2")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_real_torchscript_file_is_refused(tmp_path: Path) -> None:
    torch.jit.script(torch.nn.ReLU()).save(tmp_path / "relu.pt")
    with pytest.raises(UnsafeFileError, match=r"TorchScript program"):
        read_state_dict(tmp_path / "relu.pt")


def test_what_is_no_state_dict_is_refused(tmp_path: Path) -> None:
    contents = {"list": [torch.zeros(1)], "empty": {}, "number": {"lr": 0.1}, "key": {1: torch.zeros(1)}}
    for name, content in contents.items():
        torch.save(content, tmp_path / f"{name}.pth")
        with pytest.raises(WeightsError, match=r"holds"):
            read_state_dict(tmp_path / f"{name}.pth")
    sparse = torch.sparse_coo_tensor(torch.tensor([[0]]), torch.tensor([1.0]), (2,), check_invariants=True)
    torch.save({"weight": sparse}, tmp_path / "sparse.pth")
    with pytest.raises(WeightsError, match=r"'weight', which is no plain tensor"):
        read_state_dict(tmp_path / "sparse.pth")


def test_damaged_missing_and_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"does not exist"):
        read_state_dict(tmp_path / "none.pth")
    (tmp_path / "page.pth").write_text("<html>404</html>")
    (tmp_path / "page.safetensors").write_text("<html>404 not found</html>")
    (tmp_path / "empty.pth").write_bytes(b"")
    torch.save(network().state_dict(), tmp_path / "cut.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "cut.pth").read_bytes()[:700])
    save_file(network().state_dict(), tmp_path / "cut.safetensors")
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "cut.safetensors").read_bytes()[:-8])
    for name in ("page.pth", "page.safetensors", "empty.pth", "cut.pth", "cut.safetensors"):
        with pytest.raises(WeightsError, match=name.replace(".", r"\.")):
            read_state_dict(tmp_path / name)


def test_caps_on_header_and_number_of_tensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "huge.safetensors").write_bytes((2**40).to_bytes(8, "little") + b"{}")
    with pytest.raises(WeightsError, match=r"header would take 1099511627776 bytes"):
        read_state_dict(tmp_path / "huge.safetensors")
    header = json.dumps({str(i): {} for i in range(20_002)}).encode()
    (tmp_path / "many.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(WeightsError, match=r"20002 tensors; at most 20000"):
        read_state_dict(tmp_path / "many.safetensors")
    torch.save(network().state_dict(), tmp_path / "a.pth")
    monkeypatch.setattr("saliency_core.classifiers.weights.MAX_FILE_BYTES", 100)
    with pytest.raises(WeightsError, match=r"a\.pth is larger than"):
        read_state_dict(tmp_path / "a.pth")


def test_misfits_are_named_first_five(tmp_path: Path) -> None:
    state = network().state_dict()
    del state["1.num_batches_tracked"]  # older files do not have it
    check_fits(network(), state)
    state["0.weight"] = torch.zeros(4, 3, 5, 5)
    del state["1.running_mean"]
    state["extra"] = torch.zeros(2)
    with pytest.raises(WeightsError) as caught:
        check_fits(network(), state, "timm:network")
    assert str(caught.value) == (
        "The weights do not fit timm:network: 0.weight is [4, 3, 5, 5] instead of [4, 3, 3, 3]; "
        "1.running_mean [4] is missing; extra [2] is not part of it."
    )
    with pytest.raises(WeightsError, match=r"; and 4 more\.$"):
        check_fits(network(), {"other": torch.zeros(1)})


def test_renaming_by_order_demands_every_shape() -> None:
    state = network().state_dict()
    other = {f"old{number}": tensor for number, tensor in enumerate(state.values()) if tensor.ndim}
    renamed = renamed_by_order(network(), other)
    assert list(renamed) == [name for name in state if name != "1.num_batches_tracked"]
    assert torch.equal(renamed["2.weight"], state["2.weight"])
    with pytest.raises(
        WeightsError, match=r"old0 is \[1\], but 0\.weight in the same place is \[4, 3, 3, 3\]"
    ):
        renamed_by_order(network(), {**other, "old0": torch.zeros(1)})
    with pytest.raises(WeightsError, match=r"hold 1 tensors; Sequential has 8"):
        renamed_by_order(network(), {"a": torch.zeros(1)})


def test_digest_is_that_of_the_tensors_whatever_file_they_came_in(tmp_path: Path) -> None:
    state = network().state_dict()
    torch.save(state, tmp_path / "weights.pth")
    stored, digest = store_as_safetensors(state, tmp_path)
    assert weights_sha256(read_state_dict(tmp_path / "weights.pth"), tmp_path / "weights.pth") == digest
    assert weights_sha256(read_state_dict(stored), stored) == digest
    renamed = stored.rename(tmp_path / f"{'0' * 64}.safetensors")  # a name that lies is not believed
    assert weights_sha256(read_state_dict(renamed), renamed) == digest
