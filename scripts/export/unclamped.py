"""Makes a graph tell its picture before it becomes bytes, where NaN and infinity still show."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import onnx

#: The output's name. Its values are levels, about 0 to 255.
UNCLAMPED = "unclamped"


@contextlib.contextmanager
def telling_unclamped(graph: Path) -> Iterator[Path]:
    """A copy of a graph that gives `UNCLAMPED` besides `translated`; gone when the block ends.

    It lies beside the graph, because external data is named relative to the file.
    """
    model = onnx.load(str(graph), load_external_data=False)
    producers = {name: node for node in model.graph.node for name in node.output}
    node = producers["translated"]
    # Back through the layout and the rounding to `finish_image`'s clamp.
    while node.op_type != "Clip":
        node = producers[node.input[0]]
    model.graph.node.append(onnx.helper.make_node("Identity", [node.input[0]], [UNCLAMPED]))
    model.graph.output.append(onnx.helper.make_tensor_value_info(UNCLAMPED, onnx.TensorProto.FLOAT, None))
    copy = graph.with_name(f"{graph.stem}.{UNCLAMPED}.onnx")
    try:
        onnx.save(model, str(copy))
        yield copy
    finally:
        copy.unlink(missing_ok=True)
