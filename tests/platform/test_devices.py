"""GPUs are counted without CUDA."""

from __future__ import annotations

import pytest

from webapp.environment import EnvironmentProblem
from workers.__main__ import main
from workers.supervisor import devices, plan

TWO_GPUS = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aaaa)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-bbbb)
"""
ONE_SLICED = """\
GPU 0: NVIDIA A100 (UUID: GPU-aaaa)
  MIG 3g.20gb Device 0: (UUID: MIG-1)
  MIG 3g.20gb Device 1: (UUID: MIG-2)
GPU 1: NVIDIA A100 (UUID: GPU-bbbb)
"""


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        (TWO_GPUS, ["GPU-aaaa", "GPU-bbbb"]),
        (ONE_SLICED, ["MIG-1", "MIG-2", "GPU-bbbb"]),
        ("No devices found.\n", []),
        ("", []),
    ],
)
def test_listing_of_nvidia_smi(listing: str, expected: list[str]) -> None:
    assert devices.gpus_listed(listing) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", []), ("-1", []), ("0", ["0"]), ("0, 2", ["0", "2"]), ("GPU-a,-1,3", ["GPU-a"])],
)
def test_the_variable_decides(monkeypatch: pytest.MonkeyPatch, value: str, expected: list[str]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert devices.visible_gpus() == expected


def test_one_pinned_worker_per_gpu_and_the_studio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    programs = plan.workers()
    assert [program.name for program in programs] == ["benchmark-gpu0", "benchmark-gpu1", "studio"]
    assert [program.environment["CUDA_VISIBLE_DEVICES"] for program in programs] == ["4", "5", "4"]
    assert {program.environment["SALISCOPE_DEVICE"] for program in programs} == {"cuda"}


def test_without_a_gpu_one_cpu_worker_that_sees_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    programs = plan.workers()
    assert [program.name for program in programs] == ["benchmark-cpu", "studio"]
    assert {program.environment["CUDA_VISIBLE_DEVICES"] for program in programs} == {""}
    assert {program.environment["SALISCOPE_DEVICE"] for program in programs} == {"cpu"}


def test_queue_names_are_those_of_the_settings() -> None:
    from django.conf import settings

    assert (plan.BENCHMARK_QUEUE, plan.STUDIO_QUEUE) == (settings.BENCHMARK_QUEUE, settings.STUDIO_QUEUE)


def test_chosen_gpus_keep_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b,GPU-c")
    programs = plan.workers(plan.WorkerOptions(gpus=("2", "GPU-a", "0"), label="gpu-large"))
    assert [program.name for program in programs] == ["benchmark-gpu2", "benchmark-gpu0", "studio"]
    assert [program.environment["CUDA_VISIBLE_DEVICES"] for program in programs] == [
        "GPU-c",
        "GPU-a",
        "GPU-c",
    ]
    labels = [program.environment.get("SALISCOPE_WORKER_LABEL") for program in programs]
    assert labels == ["gpu-large", "gpu-large", None]


@pytest.mark.parametrize("name", ["3", "GPU-x", "-1", "²"])
def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b,GPU-c")
    with pytest.raises(EnvironmentProblem, match=r"there are: 0 to 2"):
        plan.workers(plan.WorkerOptions(gpus=(name,)))


def test_the_cpu_alone_although_there_are_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    (program,) = plan.workers(plan.WorkerOptions(cpu=True, studio=False))
    assert program.name == "benchmark-cpu"
    assert (program.environment["CUDA_VISIBLE_DEVICES"], program.environment["SALISCOPE_DEVICE"]) == (
        "",
        "cpu",
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--gpus", "0,,1"], "commas"),
        (["--gpus", "0", "--cpu"], "not allowed with"),
        (["--label", "Big GPU"], "small letters"),
        (["reconcile", "--cpu"], "--cpu is an option of work and serve"),
    ],
)
def test_options_that_make_no_sense(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert said in capsys.readouterr().err


def test_a_start_with_a_missing_gpu_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert main(["--gpus", "7"]) == 1
    assert "There is no GPU 7 on this machine (there are: none)" in capsys.readouterr().err
