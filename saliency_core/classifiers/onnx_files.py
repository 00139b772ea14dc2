"""ONNX files: one's own network, whatever it was written in, as a torch module that can be differentiated.

Reading a file runs none of its content, but parsing and converting are much code for an untrusted file to meet: the
application does both in a process with limits (workers.model_file_sandbox), which writes the network in its plain form
(onnx_plain); all other processes load that.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saliency_core.classifiers import onnx_plain
from saliency_core.classifiers.weights import sha256_of
from saliency_core.errors import ArchitectureError, UnsafeFileError, WeightsError
from saliency_core.lazy import onnx, onnx2pytorch, torch

SUFFIX = ".onnx"
LIBRARY = "onnx"
MAX_FILE_BYTES = 2 * 1024**3  # the format's own limit for one file
MAX_NODES = 20_000
MAX_SIDE = 4096
_OWN_DOMAINS = ("", "ai.onnx")
_CONTROL_FLOW = frozenset({"If", "Loop", "Scan", "SequenceMap"})
_PROBABILITIES = frozenset({"Softmax", "LogSoftmax", "Sigmoid"})
_ATTENTION = frozenset({"Attention", "MultiHeadAttention"})
_BATCHES = (1, 3)
_TOLERANCE = 1e-3
_EXPORT = (
    "torch.onnx.export(model, (images,), 'model.onnx', external_data=False, "
    "dynamic_shapes=({0: torch.export.Dim('batch')},))"
)


@dataclass(frozen=True)
class OnnxTraits:
    """What the file says of its network. It is the converted module's attribute ``onnx_traits``.

    ``family``: "vit" where there are at least as many attentions as convolutions, else "cnn"; ``size``: pixels a
    side that the file names, else None; ``parameters``: how many numbers the network holds.
    """

    family: str
    size: int | None
    parameters: int


def load_onnx(path: str | Path) -> torch.nn.Module:
    """The network of an ONNX file, or of its plain form, as a torch module with frozen weights, in evaluation mode.

    Its modules have the names of the file's nodes; its attribute ``onnx_sha256`` is that of the ONNX file. Raises
    UnsafeFileError where parts of it lie in other files, WeightsError for what is damaged, is no image classifier, or
    uses an operation that has no counterpart.
    """
    path = Path(path)
    if onnx_plain.is_plain(path):
        content, sha256 = onnx_plain.read_plain(path)
        _refuse_unfit(content, path.name)
    else:
        content, sha256 = _read(path), sha256_of(path)
    traits = _traits(content, path.name)
    try:
        with warnings.catch_warnings(), torch.inference_mode(False):
            warnings.simplefilter("ignore")
            network = onnx2pytorch.ConvertModel(content)
    except Exception as error:  # the converter raises nearly anything
        raise WeightsError(
            f"{path.name} cannot be converted: {error}. Export it again with a newer opset, or import the weights for "
            "a named architecture."
        ) from error
    _name_after_nodes(network)
    for tensor in network.onnx_model.graph.initializer:
        tensor.ClearField("raw_data")  # the values live in the modules now
    network.onnx_traits, network.onnx_sha256 = traits, sha256
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network.eval()


def check_onnx(path: str | Path, size: int) -> torch.Tensor:
    """Convert the file and classify noise of ``size`` × ``size`` pixels, always the same. Returns the scores [B, C].
    Raises WeightsError, or ArchitectureError where the network takes no such images.

    Scores must be finite, the same whatever else is in the batch, and differentiable or known not to be.
    """
    from saliency_core.classifiers.layers import inspect_model

    path = Path(path)
    network = load_onnx(path)
    traits: OnnxTraits = network.onnx_traits
    if traits.size is not None and traits.size != size:
        raise WeightsError(
            f"{path.name} takes images of {traits.size} × {traits.size} pixels only: give {traits.size} as the input "
            f"size instead of {size}."
        )
    try:
        inspect_model(network, size)
    except ArchitectureError as error:
        # The file's name says more than that of the converter's class.
        raise ArchitectureError(str(error).replace(type(network).__name__, path.name)) from error
    images = torch.randn(max(_BATCHES), 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        alone, together = (_scores(network, images[:count], path.name) for count in _BATCHES)
    if not bool(together.isfinite().all()):
        raise WeightsError(f"{path.name} gives scores that are no numbers: export it again and check it.")
    if float((alone - together[:1]).abs().max()) > _TOLERANCE * max(1.0, float(alone.abs().max())):
        raise WeightsError(
            f"{path.name} gives an image other scores when other images are in its batch: export it in evaluation "
            f"mode, model.eval(), with {_EXPORT}."
        )
    return together


def store_checked(path: str | Path, size: int, folder: str | Path) -> tuple[Path, str]:
    """Check the file and write its plain form to ``folder``; returns (path, sha256) of what is written, which has been
    read again and gives the same scores. Raises as `check_onnx` does.
    """
    path, folder = Path(path), Path(folder)
    scores = check_onnx(path, size)
    stored, sha256 = onnx_plain.store_plain(_read(path), sha256_of(path), folder)
    plain = stored.rename(folder / onnx_plain.plain_name(sha256))
    again = check_onnx(plain, size)
    if not torch.allclose(again, scores, rtol=_TOLERANCE, atol=_TOLERANCE):
        raise WeightsError(f"{path.name} cannot be kept: read again, it gives other scores.")
    return plain.rename(stored), sha256


def takes_other_sizes(network: torch.nn.Module, size: int) -> bool:
    """Whether images of other sizes than ``size`` give one row of scores each as well, whatever the file says."""
    device = next(network.parameters(), torch.zeros(0)).device
    try:
        with torch.no_grad():
            return len(network(torch.zeros(2, 3, size + 32, size + 32, device=device))) == 2
    except (RuntimeError, ValueError, IndexError):
        return False


def store_onnx(path: str | Path, folder: str | Path) -> tuple[Path, str]:
    """Copy the file to ``folder`` under the name <sha256>.onnx; returns (path, sha256)."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=folder, suffix=".part")
    os.close(handle)
    try:
        shutil.copyfile(path, temporary)
        digest = sha256_of(temporary)
        stored = folder / f"{digest}{SUFFIX}"
        Path(temporary).chmod(0o644)
        Path(temporary).replace(stored)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return stored, digest


def _read(path: Path) -> Any:
    if not path.is_file():
        raise WeightsError(f"The ONNX file {path} does not exist.")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise WeightsError(f"{path.name} is larger than {MAX_FILE_BYTES // 1024**3} GiB.")
    try:
        content = onnx.load(path, load_external_data=False)
    except Exception as error:  # damaged protocol buffers raise nearly anything
        raise WeightsError(
            f"{path.name} is no ONNX file, or a damaged one. Export it with {_EXPORT}."
        ) from error
    if not content.graph.node:
        raise WeightsError(f"{path.name} holds no network. Export it with {_EXPORT}.")
    _refuse_unfit(content, path.name)
    try:
        onnx.checker.check_model(content)
    except Exception as error:  # onnx.checker.ValidationError, and what its C++ raises
        raise WeightsError(
            f"{path.name} is not valid ONNX: {str(error).strip().splitlines()[0]}. Export it with {_EXPORT}."
        ) from error
    return content


def _refuse_unfit(content: Any, name: str) -> None:
    if len(content.graph.node) > MAX_NODES:
        raise WeightsError(
            f"{name} has {len(content.graph.node)} operations; at most {MAX_NODES} are taken. Simplify it first."
        )
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in _tensors(content.graph)):
        raise UnsafeFileError(
            f"{name} is refused: some of its weights lie in other files. Export it as one file: {_EXPORT}."
        )
    newest = onnx.defs.onnx_opset_version()
    used = max((each.version for each in content.opset_import if each.domain in _OWN_DOMAINS), default=0)
    if used > newest:
        raise WeightsError(
            f"{name} uses opset {used}; the newest one known here is {newest}. Export it with opset_version={newest}."
        )
    foreign = sorted({node.domain for node in content.graph.node} - set(_OWN_DOMAINS))
    if foreign or content.functions:
        named = ", ".join(foreign) or "functions of its own"
        raise WeightsError(
            f"{name} uses operations that are not part of ONNX itself ({named}). Export it with standard operations "
            f"only: {_EXPORT}."
        )
    steered = sorted({node.op_type for node in content.graph.node} & _CONTROL_FLOW)
    if steered:
        raise WeightsError(
            f"{name} branches or loops ({', '.join(steered)}), which cannot be explained. Export the network with "
            "fixed control flow."
        )


def _tensors(graph: Any) -> Iterator[Any]:
    """Every tensor in a graph: initializers, and those in attributes of nodes, also of graphs within."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _tensors(inner)


def _traits(content: Any, name: str) -> OnnxTraits:
    graph = content.graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise WeightsError(
            f"{name} has {len(inputs)} inputs and {len(graph.output)} outputs; an image classifier has one of each. "
            "Export a model whose forward takes images and gives scores."
        )
    kind = inputs[0].type.tensor_type
    sides = [dim.dim_value if dim.HasField("dim_value") else None for dim in kind.shape.dim]
    if kind.elem_type != onnx.TensorProto.FLOAT or len(sides) != 4 or sides[1] not in (3, None):
        shown = " × ".join("any" if side is None else str(side) for side in sides) or "unknown"
        raise WeightsError(
            f"{name} takes {shown}; it must take images as float32, batch × 3 × height × width. Export it with such "
            "an example."
        )
    if sides[0] not in (None, 0):
        raise WeightsError(
            f"{name} takes exactly {sides[0]} images at a time. Export it with a batch of any size: {_EXPORT}."
        )
    if sides[2] != sides[3]:
        raise WeightsError(f"{name} takes images of {sides[2]} × {sides[3]} pixels; only squares are taken.")
    if sides[2] is not None and not 0 <= sides[2] <= MAX_SIDE:
        raise WeightsError(
            f"{name} says that it takes images of {sides[2]} × {sides[2]} pixels; at most {MAX_SIDE} a side are taken."
        )
    makers = {output: node for node in graph.node for output in node.output}
    last = makers.get(graph.output[0].name)
    while last is not None and last.op_type == "Identity":
        last = makers.get(last.input[0])
    if last is not None and last.op_type in _PROBABILITIES:
        raise WeightsError(
            f"{name} ends with {last.op_type}: it gives probabilities, and logits are needed. Export the network "
            "without that last step, and choose softmax or sigmoid when importing it."
        )
    return OnnxTraits(_family(graph), sides[2] or None, sum(_size(tensor) for tensor in graph.initializer))


def _size(tensor: Any) -> int:
    number = 1
    for side in tensor.dims:
        number *= side
    return number if tensor.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16) else 0


def _family(graph: Any) -> str:
    """Attention is a softmax that is multiplied with something."""
    softmaxes = {node.output[0] for node in graph.node if node.op_type == "Softmax"}
    attentions = sum(
        node.op_type in _ATTENTION or (node.op_type == "MatMul" and node.input[0] in softmaxes)
        for node in graph.node
    )
    convolutions = sum(node.op_type == "Conv" for node in graph.node)
    return "vit" if attentions and attentions >= convolutions else "cnn"


def _name_after_nodes(network: Any) -> None:
    """Names for people: "c1/Conv" instead of "Conv_/c1/Conv_output_0"."""
    taken: set[str] = set()
    for node in network.onnx_model.graph.node:
        before = network.mapping[node.output[0]]
        module = getattr(network, before)
        plain = re.sub(r"[^\w/\-]", "_", (node.name or node.output[0]).strip("/")).removeprefix("node_")
        name, number = plain, 1
        while name in taken or hasattr(network, name):
            number += 1
            name = f"{plain}_{number}"
        taken.add(name)
        delattr(network, before)
        setattr(network, name, module)
        network.mapping[node.output[0]] = name


def _scores(network: torch.nn.Module, images: torch.Tensor, name: str) -> torch.Tensor:
    try:
        scores: torch.Tensor = network(images)
    except (RuntimeError, ValueError, IndexError) as error:
        raise WeightsError(
            f"{name} does not take {len(images)} images at a time ({str(error).splitlines()[0]}). Export it with a "
            f"batch of any size: {_EXPORT}."
        ) from error
    if len(scores) != len(images):
        raise WeightsError(
            f"{name} gives {len(scores)} rows of scores for {len(images)} images. Export it with a batch of any "
            f"size: {_EXPORT}."
        )
    return scores
