"""A module becomes a graph with the inputs, files and weights that were asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from export.to_onnx import GraphInput, check_graph, export_graph
from export.verify import open_session


class Two(nn.Module):
    """Two inputs of one shape that must not be taken for each other."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 32)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return self.linear(2 * first + second)


def inputs(first: Tensor, second: Tensor) -> list[GraphInput]:
    batch = torch.export.Dim("batch", min=1, max=8)
    return [GraphInput("first", first, {0: batch}), GraphInput("second", second, {0: batch})]


@torch.no_grad()
def run(path: Path, module: Two) -> tuple[np.ndarray, np.ndarray]:
    """What the graph gives and what the module gives, for a batch of another size than the example's."""
    feeds = {"first": torch.randn(3, 64), "second": torch.randn(3, 64)}
    got = open_session(path).run(None, {name: value.numpy() for name, value in feeds.items()})[0]
    return got, module(*feeds.values()).numpy()


def test_one_example_for_two_inputs_is_two_inputs(tmp_path: Path) -> None:
    """Where `latent` and `noise` shared one, every staged stochastic bundle failed its own check."""
    module, example = Two().eval(), torch.randn(2, 64)
    export_graph(module, inputs(example, example), ["out"], tmp_path / "two.onnx")
    got, wanted = run(tmp_path / "two.onnx", module)
    np.testing.assert_allclose(got, wanted, atol=1e-5)


@pytest.mark.parametrize("half", [False, True])
def test_weights_beyond_the_limit_lie_beside_the_graph(half: bool, tmp_path: Path) -> None:
    module, path = Two().eval(), tmp_path / "two.onnx"
    example = inputs(torch.randn(2, 64), torch.randn(2, 64))
    files = export_graph(module, example, ["out"], path, half_storage=half, external_from=1000)
    assert [file.name for file in files] == ["two.onnx", "two.onnx.data"]
    assert sorted(tmp_path.iterdir()) == files
    check_graph(path)
    weights = 64 * 32 * (2 if half else 4)
    assert files[1].stat().st_size >= weights > files[0].stat().st_size
    large = [item for item in onnx.load(str(path), load_external_data=False).graph.initializer if np.prod(item.dims) > 1000]
    assert [item.data_location for item in large] == [onnx.TensorProto.EXTERNAL]
    got, wanted = run(path, module)
    np.testing.assert_allclose(got, wanted, atol=5e-3 if half else 1e-5)
