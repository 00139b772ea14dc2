"""The plain form of an ONNX network: its tensors as safetensors, its graph as JSON among them.

Reading it takes neither a parser of protocol buffers nor ONNX's own code in C++. So a file of unknown origin is parsed
once, in a process that is shut in (workers.model_file_sandbox), and everybody else reads what that process wrote.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from saliency_core.classifiers.weights import read_state_dict, store_as_safetensors
from saliency_core.errors import WeightsError
from saliency_core.lazy import onnx, torch

PLAIN_SUFFIX = ".network-1.safetensors"
"""The number is the form's: files of an earlier form are not looked for and are made again."""
_GRAPH = "graph"
_OWN_DOMAINS = ("", "ai.onnx")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SIMPLE = {"FLOAT": ("f", float), "INT": ("i", int)}
_LISTS = {"FLOATS": ("floats", float), "INTS": ("ints", int)}


def is_plain(path: Path) -> bool:
    return path.name.endswith(PLAIN_SUFFIX)


def plain_name(sha256: str) -> str:
    """Under which the plain form of the ONNX file with this SHA-256 is kept beside it."""
    return f"{sha256}{PLAIN_SUFFIX}"


def store_plain(content: Any, sha256: str, folder: Path) -> tuple[Path, str]:
    """Write a parsed file (onnx.ModelProto) with that SHA-256 to ``folder`` as <sha256 of what is written>.safetensors;
    returns (path, sha256 of what is written). Raises WeightsError for values that have no plain form.
    """
    tensors: dict[str, torch.Tensor] = {}
    graph = content.graph
    versions = {each.domain: each.version for each in content.opset_import}
    described = {
        "sha256": sha256,
        "ir_version": content.ir_version,
        "opset": next(versions[domain] for domain in _OWN_DOMAINS if domain in versions),
        "inputs": [_described_value(value) for value in graph.input],
        "outputs": [_described_value(value) for value in graph.output],
        "initializers": [[tensor.name, _kept(tensor, tensors)] for tensor in graph.initializer],
        "nodes": [
            {
                "operation": node.op_type,
                "name": node.name,
                "inputs": list(node.input),
                "outputs": list(node.output),
                "attributes": [_described_attribute(each, tensors) for each in node.attribute],
            }
            for node in graph.node
        ],
    }
    text = bytearray(json.dumps(described, ensure_ascii=False).encode())
    tensors[_GRAPH] = torch.frombuffer(text, dtype=torch.uint8)
    return store_as_safetensors(tensors, folder)


def read_plain(path: Path) -> tuple[Any, str]:
    """The network as onnx.ModelProto, and the SHA-256 of the file that it was. Raises WeightsError for a damaged one.

    Only operations that ONNX itself defines are taken: the converter would look others up in torch by their name.
    """
    tensors = read_state_dict(path)
    try:
        described = json.loads(tensors.pop(_GRAPH).numpy().tobytes())
        model = _built(described, tensors)
        sha256 = _SHA256.fullmatch(described["sha256"])
        if sha256 is None:
            raise ValueError("no SHA-256")
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, RuntimeError) as problem:
        raise WeightsError(f"{path.name} is no network in its plain form, or a damaged one.") from problem
    unknown = sorted({node.op_type for node in model.graph.node if not _is_defined(node.op_type)})
    if unknown:
        raise WeightsError(f"{path.name} uses operations that are not part of ONNX ({', '.join(unknown)}).")
    return model, sha256[0]


def _is_defined(operation: str) -> bool:
    try:
        return onnx.defs.get_schema(operation) is not None
    except onnx.defs.SchemaError:
        return False


def _kept(tensor: Any, tensors: dict[str, torch.Tensor]) -> str:
    """Puts a tensor among the others; the name that it has there."""
    key = str(len(tensors))
    try:
        # A copy: the array may lie in the parsed file, and torch's tensors can be written to.
        tensors[key] = torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy())
    except (TypeError, ValueError, RuntimeError) as problem:
        raise WeightsError(f"The tensor {tensor.name!r} cannot be kept: {problem}.") from problem
    return key


def _described_value(value: Any) -> dict[str, Any]:
    described: dict[str, Any] = {"name": value.name, "type": None, "sides": None}
    if value.type.HasField("tensor_type"):
        kind = value.type.tensor_type
        described["type"] = kind.elem_type
        if kind.HasField("shape"):
            described["sides"] = [
                side.dim_value if side.HasField("dim_value") else side.dim_param or None
                for side in kind.shape.dim
            ]
    return described


def _described_attribute(attribute: Any, tensors: dict[str, torch.Tensor]) -> list[Any]:
    """[name, kind, value]; tensors by the name under which they are kept."""
    kind = onnx.AttributeProto.AttributeType.Name(attribute.type)
    if kind in _SIMPLE:
        value: Any = getattr(attribute, _SIMPLE[kind][0])
    elif kind in _LISTS:
        value = list(getattr(attribute, _LISTS[kind][0]))
    elif kind == "STRING":
        value = _text(attribute.s)
    elif kind == "STRINGS":
        value = [_text(each) for each in attribute.strings]
    elif kind == "TENSOR":
        value = _kept(attribute.t, tensors)
    elif kind == "TENSORS":
        value = [_kept(each, tensors) for each in attribute.tensors]
    else:
        raise WeightsError(f"The attribute {attribute.name!r} is a {kind}, which no image classifier needs.")
    return [attribute.name, kind, value]


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as problem:
        raise WeightsError("An attribute holds text that is not UTF-8.") from problem


def _built(described: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Any:
    model = onnx.ModelProto(ir_version=int(described["ir_version"]))
    model.opset_import.add(domain="", version=int(described["opset"]))
    graph = model.graph
    for values, target in ((described["inputs"], graph.input), (described["outputs"], graph.output)):
        for value in values:
            _add_value(target.add(), value)
    for name, key in described["initializers"]:
        graph.initializer.append(_proto(tensors, key, name))
    for node in described["nodes"]:
        added = graph.node.add(op_type=node["operation"], name=node["name"])
        added.input.extend(node["inputs"])
        added.output.extend(node["outputs"])
        for name, kind, value in node["attributes"]:
            _add_attribute(added.attribute.add(name=name), kind, value, tensors)
    return model


def _proto(tensors: dict[str, torch.Tensor], key: str, name: str = "") -> Any:
    # Taken out, as large ones need not be here twice.
    return onnx.numpy_helper.from_array(tensors.pop(key).numpy(), name)


def _add_value(target: Any, value: dict[str, Any]) -> None:
    target.name = value["name"]
    if value["type"] is None:
        return
    kind = target.type.tensor_type
    kind.elem_type = int(value["type"])
    if value["sides"] is None:
        return
    kind.shape.SetInParent()
    for side in value["sides"]:
        added = kind.shape.dim.add()
        if isinstance(side, str):
            added.dim_param = side
        elif side is not None:
            added.dim_value = int(side)


def _add_attribute(target: Any, kind: str, value: Any, tensors: dict[str, torch.Tensor]) -> None:
    target.type = onnx.AttributeProto.AttributeType.Value(kind)
    if kind in _SIMPLE:
        field, number = _SIMPLE[kind]
        setattr(target, field, number(value))
    elif kind in _LISTS:
        field, number = _LISTS[kind]
        getattr(target, field).extend(map(number, value))
    elif kind == "STRING":
        target.s = value.encode()
    elif kind == "STRINGS":
        target.strings.extend(each.encode() for each in value)
    elif kind == "TENSOR":
        target.t.CopyFrom(_proto(tensors, value))
    elif kind == "TENSORS":
        target.tensors.extend(_proto(tensors, key) for key in value)
    else:
        raise ValueError(kind)
