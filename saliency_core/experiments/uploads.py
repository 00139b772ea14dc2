"""Images on their way to a GPU while it works on those before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from saliency_core.lazy import torch


@dataclass(frozen=True)
class Upload:
    """A tensor that is being copied to a GPU from page-locked memory, on a stream of its own."""

    values: torch.Tensor
    source: torch.Tensor  # page-locked; kept until the copy has been waited for
    copied: torch.cuda.Event

    def arrived(self) -> torch.Tensor:
        """The tensor on the GPU, for work on the current stream, which waits for the copy; the program doesn't."""
        stream = torch.cuda.current_stream(self.values.device)
        stream.wait_event(self.copied)
        self.values.record_stream(stream)  # its memory is that of the other stream otherwise
        return self.values


Uploader = Callable[["torch.Tensor"], Upload]


def uploader(device: torch.device) -> Uploader | None:
    """What begins to copy tensors to the device, to be called by the threads that read images; None where there is
    nothing to copy to.
    """
    if device.type != "cuda" or not torch.cuda.is_available():
        return None
    stream = torch.cuda.Stream(device)

    def upload(tensor: torch.Tensor) -> Upload:
        source = tensor.pin_memory()
        with torch.cuda.stream(stream):
            values = source.to(device, non_blocking=True)
            return Upload(values, source, stream.record_event())

    return upload


def arrived(tensor: torch.Tensor | Upload) -> torch.Tensor:
    return tensor.arrived() if isinstance(tensor, Upload) else tensor
