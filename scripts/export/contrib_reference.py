"""Says in standard ONNX what each CUDA-only operator computes, so that a cuda graph can be run and checked on a CPU.

Written from the operators' documentation; slow, and for checking only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

_FLOAT = TensorProto.FLOAT


class _Writer:
    """Collects the nodes that stand for one operator, with names nobody else uses."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.nodes: list[NodeProto] = []

    def add(self, op: str, *inputs: str, output: str | None = None, **attributes: object) -> str:
        name = output or f"{self.prefix}/{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def add_all(self, op: str, *inputs: str, outputs: int, **attributes: object) -> list[str]:
        names = [f"{self.prefix}/{len(self.nodes)}.{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, **attributes))
        return names

    def constant(self, value: object, dtype: type = np.int64) -> str:
        array = np.asarray(value, dtype=dtype)
        return self.add("Constant", value=numpy_helper.from_array(array))


def _attributes(node: NodeProto) -> dict[str, object]:
    return {item.name: helper.get_attribute_value(item) for item in node.attribute}


def _nhwc_conv(node: NodeProto, w: _Writer) -> None:
    x, weight, *bias = node.input
    nchw = w.add("Transpose", x, perm=[0, 3, 1, 2])
    oihw = w.add("Transpose", weight, perm=[0, 3, 1, 2])
    y = w.add("Conv", nchw, oihw, *bias, **_attributes(node))
    w.add("Transpose", y, perm=[0, 2, 3, 1], output=node.output[0])


def _normalise(w: _Writer, x: str, gamma: str, beta: str, attributes: dict[str, object], like: str) -> str:
    """Group normalisation of NHWC float32 `x`, then SiLU where asked, in the type of `like`."""
    nchw = w.add("Transpose", x, perm=[0, 3, 1, 2])
    grouped = w.add("Reshape", nchw, w.constant([0, attributes["groups"], -1]))
    mean = w.add("ReduceMean", grouped, w.constant([2]))
    centred = w.add("Sub", grouped, mean)
    variance = w.add("ReduceMean", w.add("Mul", centred, centred), w.constant([2]))
    deviation = w.add("Sqrt", w.add("Add", variance, w.constant(attributes["epsilon"], np.float32)))
    normal = w.add("Reshape", w.add("Div", centred, deviation), w.add("Shape", nchw))
    nhwc = w.add("Transpose", normal, perm=[0, 2, 3, 1])
    y = w.add("Add", w.add("Mul", nhwc, w.add("Cast", gamma, to=_FLOAT)), w.add("Cast", beta, to=_FLOAT))
    if attributes.get("activation"):
        y = w.add("Mul", y, w.add("Sigmoid", y))
    return w.add("CastLike", y, like)


def _group_norm(node: NodeProto, w: _Writer) -> None:
    x, gamma, beta = node.input
    y = _normalise(w, w.add("Cast", x, to=_FLOAT), gamma, beta, _attributes(node), x)
    w.add("Identity", y, output=node.output[0])


def _skip_group_norm(node: NodeProto, w: _Writer) -> None:
    x, gamma, beta, skip = node.input
    total = w.add("Add", x, skip, output=node.output[1])
    y = _normalise(w, w.add("Cast", total, to=_FLOAT), gamma, beta, _attributes(node), x)
    w.add("Identity", y, output=node.output[0])


def _skip_layer_norm(node: NodeProto, w: _Writer) -> None:
    x, skip, gamma, beta, *bias = node.input
    total = w.add("Add", x, skip)
    if bias:
        total = w.add("Add", total, bias[0])
    if len(node.output) > 3 and node.output[3]:
        total = w.add("Identity", total, output=node.output[3])
    w.add("LayerNormalization", total, gamma, beta, axis=-1, epsilon=_attributes(node)["epsilon"], output=node.output[0])


def _bias_add(node: NodeProto, w: _Writer) -> None:
    x, bias, skip = node.input
    w.add("Add", w.add("Add", x, bias), skip, output=node.output[0])


def _bias_split_gelu(node: NodeProto, w: _Writer) -> None:
    x, bias = node.input
    left, right = w.add_all("Split", w.add("Add", x, bias), outputs=2, axis=-1, num_outputs=2)
    w.add("Mul", left, _gelu_of(w, right), output=node.output[0])


def _gelu_of(w: _Writer, x: str) -> str:
    half = w.add("CastLike", w.constant(0.5, np.float32), x)
    root = w.add("CastLike", w.constant(np.sqrt(0.5), np.float32), x)
    one = w.add("CastLike", w.constant(1.0, np.float32), x)
    return w.add("Mul", w.add("Mul", x, half), w.add("Add", w.add("Erf", w.add("Mul", x, root)), one))


def _gelu(node: NodeProto, w: _Writer) -> None:
    w.add("Identity", _gelu_of(w, node.input[0]), output=node.output[0])


def _quick_gelu(node: NodeProto, w: _Writer) -> None:
    x = node.input[0]
    alpha = w.add("CastLike", w.constant(_attributes(node)["alpha"], np.float32), x)
    w.add("Mul", x, w.add("Sigmoid", w.add("Mul", x, alpha)), output=node.output[0])


def _attention(node: NodeProto, w: _Writer) -> None:
    attributes = _attributes(node)
    heads = int(attributes["num_heads"])
    inputs = [*node.input, "", "", ""][:4]
    query, key, value, bias = inputs
    # Each becomes [B,heads,N,C/heads].
    if not key:
        parts = w.add_all("Split", query, outputs=3, axis=3, num_outputs=3)
        q, k, v = (_heads_first(w, w.add("Squeeze", part, w.constant([3]))) for part in parts)
    else:
        pieces = w.add_all("Split", bias, outputs=3, axis=0, num_outputs=3) if bias else [""] * 3
        q = _split_heads(w, query, pieces[0], heads)
        if value:
            k, v = _split_heads(w, key, pieces[1], heads), _split_heads(w, value, pieces[2], heads)
        else:
            parts = w.add_all("Split", key, outputs=2, axis=3, num_outputs=2)
            k, v = (_heads_first(w, w.add("Squeeze", part, w.constant([3]))) for part in parts)
    width = w.add("Gather", w.add("Shape", q), w.constant(3))
    scale = w.add("CastLike", w.add("Sqrt", w.add("Cast", width, to=_FLOAT)), q)
    scores = w.add("Div", w.add("MatMul", q, w.add("Transpose", k, perm=[0, 1, 3, 2])), scale)
    if attributes.get("unidirectional"):
        shape = w.add("Slice", w.add("Shape", scores), w.constant([2]), w.constant([4]))
        ones = w.add("ConstantOfShape", shape, value=helper.make_tensor("one", _FLOAT, [1], [-1e4]))
        mask = w.add("Trilu", ones, w.constant(1), upper=1)
        scores = w.add("Add", scores, w.add("CastLike", mask, scores))
    mixed = w.add("MatMul", w.add("Softmax", scores, axis=-1), v)
    w.add("Reshape", w.add("Transpose", mixed, perm=[0, 2, 1, 3]), w.constant([0, 0, -1]), output=node.output[0])


def _split_heads(w: _Writer, x: str, bias: str, heads: int) -> str:
    if bias:
        x = w.add("Add", x, bias)
    return _heads_first(w, w.add("Reshape", x, w.constant([0, 0, heads, -1])))


def _heads_first(w: _Writer, x: str) -> str:
    return w.add("Transpose", x, perm=[0, 2, 1, 3])


_REFERENCE: dict[str, Callable[[NodeProto, _Writer], None]] = {
    "NhwcConv": _nhwc_conv,
    "GroupNorm": _group_norm,
    "SkipGroupNorm": _skip_group_norm,
    "SkipLayerNormalization": _skip_layer_norm,
    "BiasAdd": _bias_add,
    "BiasSplitGelu": _bias_split_gelu,
    "Gelu": _gelu,
    "QuickGelu": _quick_gelu,
    "MultiHeadAttention": _attention,
}


@contextlib.contextmanager
def reference_graph(graph: Path) -> Iterator[Path]:
    """A copy of a graph with every contrib operator replaced by standard ones; gone when the block ends.

    It lies beside the graph, because external data is named relative to the file. Raises KeyError for an operator that is
    not known here.
    """
    model = onnx.load(str(graph), load_external_data=False)
    nodes: list[NodeProto] = []
    for index, node in enumerate(model.graph.node):
        if node.domain != "com.microsoft":
            nodes.append(node)
            continue
        writer = _Writer(f"reference/{index}")
        _REFERENCE[node.op_type](node, writer)
        nodes += writer.nodes
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    # Shapes of intermediate values were the fused graph's.
    del model.graph.value_info[:]
    for opset in list(model.opset_import):
        if opset.domain == "com.microsoft":
            model.opset_import.remove(opset)
    copy = graph.with_name(f"{graph.stem}.reference.onnx")
    try:
        onnx.save(model, str(copy))
        yield copy
    finally:
        copy.unlink(missing_ok=True)
