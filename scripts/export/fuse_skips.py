"""Joins a sum to the norm after it, and a bias to the sum after it: SkipGroupNorm, SkipLayerNormalization, BiasAdd.

Works on a graph of the cuda target, whose norms are single nodes already; so a pattern is two or three nodes long.
"""

from __future__ import annotations

from pathlib import Path

import onnx_ir as ir

#: The widths that ONNX Runtime's BiasAdd kernel is built for (contrib_ops/cuda/diffusion/bias_add.cc).
_BIAS_ADD_WIDTHS = (320, 640, 1280)


def fuse_skips(model: ir.Model) -> None:
    """Rewrites the graph in place. The sum, which later layers use too, becomes an output of the fused node."""
    graph = model.graph
    for node in list(graph):
        if node.op_type == "GroupNorm" and node.domain == "com.microsoft":
            _fuse_group_norm(graph, node)
        elif node.op_type == "LayerNormalization" and not node.domain:
            _fuse_layer_norm(graph, node)
    for node in list(graph):
        if _is_sum(node):
            _fuse_bias_add(graph, node)
    _drop_unused(graph)


def _fuse_group_norm(graph: ir.Graph, norm: ir.Node) -> None:
    add = _sum_before(norm)
    if add is None:
        return
    left, right = add.inputs
    fused = ir.Node(
        "com.microsoft",
        "SkipGroupNorm",
        [left, norm.inputs[1], norm.inputs[2], right],
        list(norm.attributes.values()),
        num_outputs=2,
        name=f"{norm.name}_skip",
    )
    _replace(graph, norm, add, fused, total_output=1)


def _fuse_layer_norm(graph: ir.Graph, norm: ir.Node) -> None:
    add = _sum_before(norm)
    if add is None or len(norm.inputs) != 3:
        return
    left, right = add.inputs
    left, right, bias = _take_bias(left, right)
    epsilon = norm.attributes.get("epsilon")
    fused = ir.Node(
        "com.microsoft",
        "SkipLayerNormalization",
        [left, right, norm.inputs[1], norm.inputs[2], *([bias] if bias is not None else [])],
        [epsilon] if epsilon is not None else [],
        num_outputs=4,
        name=f"{norm.name}_skip",
    )
    # Mean and inverse deviation are for training; an output without a name is not made.
    fused.outputs[1].name = ""
    fused.outputs[2].name = ""
    _replace(graph, norm, add, fused, total_output=3)


def _fuse_bias_add(graph: ir.Graph, add: ir.Node) -> None:
    shape = add.outputs[0].shape
    if shape is None or len(shape) != 3 or shape[2] not in _BIAS_ADD_WIDTHS:
        return
    left, right, bias = _take_bias(*add.inputs)
    if bias is None:
        return
    fused = ir.Node("com.microsoft", "BiasAdd", [left, bias, right], num_outputs=1, name=f"{add.name}_bias")
    _adopt(fused.outputs[0], add.outputs[0])
    add.outputs[0].replace_all_uses_with(fused.outputs[0], replace_graph_outputs=True)
    graph.insert_before(add, fused)
    graph.remove(add, safe=True)


def _take_bias(left: ir.Value, right: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value | None]:
    """(product, other, bias) where one of a sum's terms is `product + bias` and nothing else uses it."""
    for term, other in ((left, right), (right, left)):
        producer = term.producer()
        if producer is None or producer.op_type != "Add" or producer.domain or len(term.uses()) != 1:
            continue
        for value, bias in (tuple(producer.inputs), tuple(reversed(producer.inputs))):
            if bias is not None and bias.const_value is not None and bias.shape is not None and len(bias.shape) == 1:
                return value, other, bias
    return left, right, None


def _sum_before(norm: ir.Node) -> ir.Node | None:
    producer = norm.inputs[0].producer()
    return producer if producer is not None and _is_sum(producer) else None


def _is_sum(node: ir.Node) -> bool:
    """Whether a node adds two activations of one shape; adding a constant or broadcasting is something else."""
    if node.op_type != "Add" or node.domain:
        return False
    left, right = (value.shape for value in node.inputs)
    if left is None or right is None or len(left) < 3 or len(left) != len(right):
        return False
    # Two symbolic sides are the same side, sometimes written differently: broadcasting needs a 1, which would be a number.
    return all(a == b or not (isinstance(a, int) or isinstance(b, int)) for a, b in zip(left, right, strict=True))


def _replace(graph: ir.Graph, norm: ir.Node, add: ir.Node, fused: ir.Node, total_output: int) -> None:
    total = fused.outputs[total_output]
    _adopt(fused.outputs[0], norm.outputs[0])
    _adopt(total, add.outputs[0])
    norm.outputs[0].replace_all_uses_with(fused.outputs[0], replace_graph_outputs=True)
    # Where the sum stood, so that every later use of it comes after.
    graph.insert_after(add, fused)
    add.outputs[0].replace_all_uses_with(total, replace_graph_outputs=True)
    # The fused node itself reads the sum's terms, not the sum.
    graph.remove(norm, safe=True)
    graph.remove(add, safe=True)


def _adopt(value: ir.Value, like: ir.Value) -> None:
    """Takes over all that others know a value by; an output of the graph must keep its name."""
    value.type, value.shape = like.type, like.shape
    name, like.name = like.name, f"{like.name}_unfused"
    value.name = name


def _drop_unused(graph: ir.Graph) -> None:
    """Removes additions that lost their last use."""
    for node in list(graph):
        if node.op_type == "Add" and not node.outputs[0].uses() and not node.outputs[0].is_graph_output():
            graph.remove(node, safe=True)


def count_operators(path: Path) -> dict[str, int]:
    """How many nodes of each kind a graph's file has: fused ones by name, then what could have been fused and is not."""
    model = ir.load(path)
    wanted_plain = ("Conv", "InstanceNormalization", "LayerNormalization", "Softmax", "Erf", "Sigmoid", "Transpose", "Cast")
    counts: dict[str, int] = {}
    for node in model.graph:
        if node.domain == "com.microsoft" or node.op_type in wanted_plain:
            counts[node.op_type] = counts.get(node.op_type, 0) + 1
    fused = {kind: count for kind, count in sorted(counts.items()) if kind not in wanted_plain}
    return fused | {f"unfused {kind}": counts[kind] for kind in wanted_plain if kind in counts}
