"""Exports modules to ONNX files, with names, dynamic axes and weights as the graph contract wants them."""

from __future__ import annotations

import contextlib
import inspect
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnx_ir
import onnxscript.optimizer
import torch
from torch import Tensor, nn

from .fuse_skips import fuse_skips
from .weights import store_half

#: The newest opset whose operators all of ONNX Runtime's CPU provider has had for years; GroupNorm is in plain operators anyway.
OPSET = 18
#: A file readable by every ONNX Runtime from 1.16 on; 1.30 is what the server has.
IR_VERSION = 10
#: Protobuf's limit is 2 GiB; beyond this the weights go into a file beside the graph.
EXTERNAL_DATA_FROM_BYTES = 1_500_000_000


@dataclass(frozen=True)
class GraphInput:
    """One input: an example and, by axis, the dynamic dimension it has there."""

    name: str
    example: Tensor
    axes: dict[int, object]


def export_graph(
    module: nn.Module,
    inputs: list[GraphInput],
    outputs: list[str],
    path: Path,
    half_storage: bool = False,
    fuse: bool = False,
    external_from: int = EXTERNAL_DATA_FROM_BYTES,
) -> list[Path]:
    """Writes a module's graph and returns the files: the graph, then its external data if it has any.

    `fuse` joins sums to the norms after them, for graphs of the cuda target.
    `half_storage` keeps the large weights as float16 followed by a Cast, for targets that compute in float32.
    """
    # Copies, because torch.export takes inputs that are one tensor for one input, and the graph would read only the last.
    examples = tuple(item.example.clone() for item in inputs)
    with torch.no_grad(), _quiet():
        # Traced here and not by torch.onnx.export, which on a failure tries other ways before it says why.
        exported = torch.export.export(module, examples, dynamic_shapes=_dynamic_shapes(module, inputs), strict=False)
        program = torch.onnx.export(
            exported,
            examples,
            input_names=[item.name for item in inputs],
            output_names=outputs,
            opset_version=OPSET,
            optimize=True,
            verbose=False,
        )
    model = program.model
    model.ir_version = IR_VERSION
    model.producer_name = "img2img-turbo-server"
    _drop_debug_metadata(model)
    if fuse:
        # Weights are reordered for the contrib operators while tracing; that is done here once, not at every load.
        onnxscript.optimizer.fold_constants(model, input_size_limit=1 << 34, output_size_limit=1 << 34)
        onnxscript.optimizer.remove_unused_nodes(model)
        fuse_skips(model)
    if half_storage:
        store_half(model)
    return _save(model, path, external_from)


def _dynamic_shapes(module: nn.Module, inputs: list[GraphInput]) -> tuple:
    """In the structure that torch asks for: what a module takes as `*inputs` arrives as one tuple."""
    parameters = inspect.signature(module.forward).parameters.values()
    named = sum(parameter.kind is not inspect.Parameter.VAR_POSITIONAL for parameter in parameters)
    rest = tuple(item.axes for item in inputs[named:])
    return (*(item.axes for item in inputs[:named]), *((rest,) if rest else ()))


def _save(model: onnx_ir.Model, path: Path, external_from: int) -> list[Path]:
    size = sum(value.const_value.nbytes for value in model.graph.initializers.values() if value.const_value is not None)
    if size < external_from:
        onnx_ir.save(model, path)
        return [path]
    data = path.with_name(path.name + ".data")
    onnx_ir.save(model, path, external_data=data.name)
    return [path, data]


def _drop_debug_metadata(model: onnx_ir.Model) -> None:
    """Stack traces of every node would make up most of a small graph, and tell paths of the machine it was made on."""
    model.metadata_props.clear()
    graphs = [model.graph, *(function.graph for function in model.functions.values())]
    for graph in graphs:
        graph.metadata_props.clear()
        graph.doc_string = None
        for node in graph.all_nodes():
            node.metadata_props.clear()
            node.doc_string = None
            for value in node.outputs:
                value.metadata_props.clear()
        for value in [*graph.inputs, *graph.initializers.values()]:
            value.metadata_props.clear()


def check_graph(path: Path) -> None:
    """ONNX's own checker, on the file so that graphs above 2 GB pass too. Contrib operators are left alone by it."""
    onnx.checker.check_model(str(path), full_check=False)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter reports every step and warns of things that do not concern us; errors still raise."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)
