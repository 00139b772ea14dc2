"""Hostile ONNX files: name of the case → (name of the file, its content, what the refusal must say)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tests.hostile.model_files import Case

FILE = "network.onnx"
SIZE = 16
NO_ONNX = "is no ONNX file, or a damaged one"
OTHER_FILES = "some of its weights lie in other files"
NOT_VALID = "is not valid ONNX"
FOREIGN = "operations that are not part of ONNX itself"
TAKEN = "(taken)"
"""Where a case should say what its refusal is: the file is harmless, and read."""
BRANCHES = "branches or loops"


def network(
    nodes: Sequence[Any] | None = None,
    tensors: Sequence[Any] | None = None,
    inputs: Sequence[Any] | None = None,
    outputs: Sequence[Any] | None = None,
    domains: Sequence[str] = (),
) -> Any:
    """A classifier of four classes, the mean colour times a matrix; any part may be replaced."""
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, SIZE, SIZE])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 4])
    graph = helper.make_graph(
        list(nodes) if nodes is not None else plain_nodes(),
        "network",
        list(inputs) if inputs is not None else [images],
        list(outputs) if outputs is not None else [scores],
        list(tensors) if tensors is not None else [weight()],
    )
    imports = [helper.make_opsetid(domain, 1 if domain else 17) for domain in ("", *domains)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def plain_nodes() -> list[Any]:
    return [
        helper.make_node("GlobalAveragePool", ["images"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weight"], ["scores"]),
    ]


def weight(fill: float = 0.5) -> Any:
    return numpy_helper.from_array(np.full((3, 4), fill, np.float32), "weight")


def external(location: str) -> Any:
    """A weight that lies in a file of that name."""
    tensor = TensorProto(name="weight", data_type=TensorProto.FLOAT, dims=[3, 4])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def lying(*dims: int, data: bytes = bytes(16)) -> Any:
    """A weight of other dimensions than its data has."""
    return TensorProto(name="weight", data_type=TensorProto.FLOAT, dims=dims, raw_data=data)


def branch(operation: str = "If", tensors: Sequence[Any] = ()) -> list[Any]:
    value = helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)
    body = helper.make_graph(
        [helper.make_node("Identity", ["flat"], ["inner"])], "body", [], [value], list(tensors)
    )
    condition = helper.make_node(
        "Constant", [], ["condition"], value=numpy_helper.from_array(np.array(True), "c")
    )
    step = helper.make_node(operation, ["condition"], ["scores"], then_branch=body, else_branch=body)
    return [*plain_nodes()[:2], condition, step]


def nested(depth: int) -> bytes:
    """A graph in a graph in a graph: written by hand, as the library would not."""
    content = b""
    for _ in range(depth):
        node = field(1, field(4, b"If") + field(5, field(1, b"body") + field(6, content) + b"\xa0\x01\x05"))
        content = node + field(2, b"g")
    return b"\x08\x08" + field(8, b"\x10\x11") + field(7, content)


def field(number: int, content: bytes) -> bytes:
    """One field of a protocol buffer, of bytes or of another message."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def filled(count: int) -> tuple[list[Any], list[Any]]:
    """A few bytes that ask for terabytes."""
    shape = numpy_helper.from_array(np.array([1, count], np.int64), "shape")
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["zeros"]),
        *plain_nodes()[:2],
        helper.make_node("MatMul", ["flat", "zeros"], ["scores"]),
    ]
    return nodes, [shape]


def tile(count: int) -> tuple[list[Any], list[Any]]:
    repeats = numpy_helper.from_array(np.array([1, count], np.int64), "repeats")
    nodes = [*plain_nodes()[:2], helper.make_node("Tile", ["flat", "repeats"], ["scores"])]
    return nodes, [repeats]


def onnx_cases() -> list[Case]:
    def case(name: str, content: Any, says: str = "") -> Case:
        return Case(name, FILE, content if isinstance(content, bytes) else content.SerializeToString(), says)

    def with_change(change: Callable[[Any], object]) -> Any:
        model = network()
        change(model)
        return model

    whole = network().SerializeToString()
    two = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4]) for name in ("scores", "more")
    ]
    second = helper.make_node("Identity", ["scores"], ["more"])
    cycle = [helper.make_node("Add", ["b", "weight"], ["a"]), helper.make_node("Add", ["a", "weight"], ["b"]),
             *plain_nodes()]  # fmt: skip
    itself = [helper.make_node("Add", ["a", "weight"], ["a"]), *plain_nodes()]
    foreign = [*plain_nodes()[:2], helper.make_node("Shell", ["flat"], ["scores"], domain="com.evil")]
    python = [
        *plain_nodes()[:2],
        helper.make_node("PythonOp", ["flat"], ["scores"], domain="ai.onnx.contrib"),
    ]
    unknown = [*plain_nodes()[:2], helper.make_node("RunCommand", ["flat"], ["scores"])]
    inner_foreign = branch()
    inner_foreign[-1].attribute[0].g.node[0].domain = "com.evil"

    def name_by_code(model: Any) -> None:
        for node in model.graph.node:
            node.name = "__import__('os').system('touch executed')"

    def function(model: Any) -> None:
        own = helper.make_function(
            "own", "F", ["x"], ["y"], [helper.make_node("Identity", ["x"], ["y"])],
            [helper.make_opsetid("", 17)],
        )  # fmt: skip
        model.functions.append(own)

    return [
        case("nothing", b""),
        case("text", b"this is no network", NO_ONNX),
        case("zeros", bytes(1000), NO_ONNX),
        case("a picture", b"\x89PNG\r\n\x1a\n" + bytes(100), NO_ONNX),
        case("an archive", b"PK\x03\x04" + bytes(100), NO_ONNX),
        case("a pickle", b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.", NO_ONNX),
        case("cut off in the middle", whole[: len(whole) // 2]),
        case("cut off before the last byte", whole[:-1]),
        case("a field that is longer than the file", b"\x3a" + varint(2**31 - 1) + b"abc", NO_ONNX),
        case("a length of 2⁶³", b"\x3a" + b"\xff" * 9 + b"\x01", NO_ONNX),
        case("a number that never ends", b"\x08" + b"\xff" * 10_000, NO_ONNX),
        case("groups opened 100 000 times", b"\x1b" * 100_000, NO_ONNX),
        case("graphs nested 40 deep", nested(40)),
        case("graphs nested 5 000 deep", nested(5000), NO_ONNX),
        case("a million empty nodes", field(7, b"\x0a\x00" * 1_000_000), "at most 20000 are taken"),
        case("no graph", field(2, b"tool"), "holds no network"),
        case("weights in another file", network(tensors=[external("weights.bin")]), OTHER_FILES),
        case("weights by a path that goes up", network(tensors=[external("../../etc/passwd")]), OTHER_FILES),
        case("weights by an absolute path", network(tensors=[external("/etc/passwd")]), OTHER_FILES),
        case("weights from a device", network(tensors=[external("/dev/zero")]), OTHER_FILES),
        case("weights from an address", network(tensors=[external("http://evil.example/w")]), OTHER_FILES),
        case("a branch with weights elsewhere", network(branch(tensors=[external("w")])), OTHER_FILES),
        case(
            "a constant that lies elsewhere",
            network([helper.make_node("Constant", [], ["weight"], value=external("../w")), *plain_nodes()], []),
            OTHER_FILES,
        ),
        case("a weight of 2⁶² numbers", network(tensors=[lying(2**31, 2**31)])),
        case("a weight of 2 GB in 16 bytes", network(tensors=[lying(2**29)])),
        case("a weight whose size overflows", network(tensors=[lying(2**33, 2**33)])),
        case("a weight of negative size", network(tensors=[lying(-3, 4)])),
        case("a weight of half its data", network(tensors=[lying(3, 4)])),
        case("a weight of an unknown kind", with_change(lambda m: set_kind(m, 99))),
        case("weights that are text", network(tensors=[helper.make_tensor("weight", TensorProto.STRING, [1], [b"x"])])),
        case("NaN as weights", network(tensors=[weight(float("nan"))]), "scores that are no numbers"),
        case("infinite weights", network(tensors=[weight(float("inf"))]), "scores that are no numbers"),
        case("an operation of another party", network(foreign, domains=["com.evil"]), FOREIGN),
        case("an operation that is Python", network(python, domains=["ai.onnx.contrib"]), FOREIGN),
        case("an operation of another party in a branch", network(inner_foreign, domains=["com.evil"])),
        case("an operation that does not exist", network(unknown)),
        case("a function of its own", with_change(function), FOREIGN),
        case("a branch", network(branch()), BRANCHES),
        case("a loop", network(branch("Loop")), BRANCHES),
        case("a scan", network(branch("Scan")), BRANCHES),
        case("a cycle", network(cycle), NOT_VALID),
        case("a node that feeds itself", network(itself), NOT_VALID),
        case("a name made twice", network([*plain_nodes(), *plain_nodes()[2:]]), NOT_VALID),
        case("an input from nowhere", network(plain_nodes()[1:]), NOT_VALID),
        case("two outputs", network([*plain_nodes(), second], outputs=two), "1 inputs and 2 outputs"),
        case("no outputs", network(outputs=[])),
        case("no inputs", network(inputs=[])),
        case("a batch of one", with_change(lambda m: set_side(m, 0, 1)), "takes exactly 1 images"),
        case("images of 2³¹ pixels a side", with_change(lambda m: set_sides(m, 2**31)), "at most 4096 a side"),
        case("images of negative size", with_change(lambda m: set_sides(m, -16)), "at most 4096 a side"),
        case("nodes named by code", with_change(name_by_code), TAKEN),
        case("a constant of 2⁴⁰ numbers", network(*filled(2**40))),
        case("a result repeated 2⁴⁰ times", network(*tile(2**40))),
        case("opset 99999", with_change(lambda m: set_opset(m, 99_999)), "uses opset 99999"),
        case("bytes after the last field", whole + struct.pack("<Q", 2**62)),
    ]  # fmt: skip


def set_kind(model: Any, kind: int) -> None:
    model.graph.initializer[0].data_type = kind


def set_side(model: Any, axis: int, value: int) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = value


def set_sides(model: Any, value: int) -> None:
    for axis in (2, 3):
        set_side(model, axis, value)


def set_opset(model: Any, version: int) -> None:
    model.opset_import[0].version = version
