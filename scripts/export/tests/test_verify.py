"""Equal bytes are taken for proof only where they are one."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch

from export.assemble import Assembly, assemble_paired
from export.base import open_base
from export.checkpoint import read_checkpoint
from export.errors import ExportError
from export.model.operators import PlainOperators
from export.target import Target
from export.verify import verify_direction

from .conftest import Bundle

_EMBEDDING = (77, 32)
_TARGET = Target("cpu", "fp32")


@pytest.fixture
def assembly(base: Path, checkpoints: dict[str, Path]) -> Assembly:
    return assemble_paired(read_checkpoint(checkpoints["edge"]), open_base(str(base)), PlainOperators(), "unit")


@torch.no_grad()
def test_a_module_with_nan_in_it_is_no_reference(assembly: Assembly) -> None:
    assembly.decoder.vae.decoder.conv_out.weight[0] = math.nan
    with pytest.raises(ExportError, match="in PyTorch is not finite"):
        verify_direction(assembly, {}, "fused", _EMBEDDING, _TARGET)


@torch.no_grad()
@pytest.mark.parametrize("bias", [-100.0, 0.0, 100.0])
def test_pictures_of_one_flat_colour_prove_nothing(bias: float, assembly: Assembly) -> None:
    assembly.decoder.vae.decoder.conv_out.weight.zero_()
    assembly.decoder.vae.decoder.conv_out.bias.fill_(bias)
    with pytest.raises(ExportError, match="flat colour"):
        verify_direction(assembly, {}, "fused", _EMBEDDING, _TARGET)


@torch.no_grad()
def test_a_graph_with_infinity_in_it_is_not_the_model_though_its_bytes_are(
    assembly: Assembly, export: Callable[..., Bundle], tmp_path: Path
) -> None:
    path = tmp_path / "translator.onnx"
    graph = onnx.load(str(export("edge", "--conditioning", "edge").graphs()["translator"]))
    (bias,) = [item for item in graph.graph.initializer if item.name.endswith("decoder.conv_out.bias")]
    values = onnx.numpy_helper.to_array(bias).copy()

    def verify(red: float) -> float:
        values[0] = red
        bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
        onnx.save(graph, str(path))
        return verify_direction(assembly, {"translator": path}, "fused", _EMBEDDING, _TARGET).psnr

    # No red in either picture: too dark for a byte in both, then minus infinity in the graph.
    assembly.decoder.vae.decoder.conv_out.bias[0] = -100.0
    assert verify(-100.0) >= 50
    with pytest.raises(ExportError, match="in ONNX Runtime is not finite"):
        verify(-math.inf)
    assert list(tmp_path.iterdir()) == [path]
