"""What the card itself can do: matrix products and copies, the ceilings of everything else."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import torch

from benchmarks.gpu.report import Report

SIDE = 8192
DTYPES = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
# Which of them a named precision of scoring can use at best.
CEILING_OF = {"fp32": "fp32", "tf32": "tf32", "bf16": "bf16", "fast": "bf16"}


def milliseconds(work: Callable[[], object], repeats: int = 10, warm_up: int = 3) -> float:
    """Median of single runs by the device's own clock."""
    for _ in range(warm_up):
        work()
    found = []
    for _ in range(repeats):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        work()
        end.record()
        end.synchronize()
        found.append(begin.elapsed_time(end))
    return statistics.median(found)


def ceilings(report: Report) -> dict[str, float]:
    """TFLOP/s of a square matrix product by precision."""
    report.heading("The card")
    report.say(
        f"{torch.cuda.get_device_name()}, torch {torch.__version__}, CUDA {torch.version.cuda}; "
        f"square matrix products of {SIDE}, random values."
    )
    found: dict[str, float] = {}
    for name, dtype in DTYPES.items():
        torch.backends.cuda.matmul.allow_tf32 = name == "tf32"
        left = torch.randn(SIDE, SIDE, device="cuda", dtype=dtype)
        right = torch.randn(SIDE, SIDE, device="cuda", dtype=dtype)
        spent = milliseconds(lambda left=left, right=right: left @ right)
        found[name] = 2 * SIDE**3 / spent / 1e9
    torch.backends.cuda.matmul.allow_tf32 = False
    source = torch.empty(2**30, dtype=torch.uint8, device="cuda").random_()
    target = torch.empty_like(source)
    copied = 2 * source.numel() / milliseconds(lambda: target.copy_(source)) / 1e6
    report.table(["", "TFLOP/s"], [(name, f"{rate:.0f}") for name, rate in found.items()])
    report.say(f"\nCopies on the device: {copied:.0f} GB/s read and written.")
    return found
