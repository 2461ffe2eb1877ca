"""How weights lie in a graph's file: float32, or float16 behind a Cast."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

#: Below this the saving is not worth a node; norms and biases stay exact.
_SMALLEST_HALF = 1024


def store_half(model: ir.Model) -> None:
    """Stores each large float32 initializer as float16 and casts it back.

    ONNX Runtime folds the Cast of a constant when it loads the graph, so runs cost what they cost in float32.
    """
    graph = model.graph
    for value in list(graph.initializers.values()):
        constant = value.const_value
        if constant is None or constant.dtype != ir.DataType.FLOAT or constant.size < _SMALLEST_HALF:
            continue
        half_name = f"{value.name}.half"
        tensor = ir.Tensor(constant.numpy().astype(np.float16), name=half_name)
        half = ir.Value(name=half_name, type=ir.TensorType(ir.DataType.FLOAT16), shape=tensor.shape, const_value=tensor)
        node = ir.Node("", "Cast", [half], [ir.AttrInt64("to", int(ir.DataType.FLOAT))], name=f"{value.name}.cast")
        cast = node.outputs[0]
        cast.name = f"{value.name}.full"
        cast.shape, cast.type = value.shape, value.type
        value.replace_all_uses_with(cast)
        del graph.initializers[value.name]
        graph.register_initializer(half)
        graph.insert_before(graph[0], node)
