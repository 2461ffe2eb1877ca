"""A cuda graph is made of the operators that CUDA is fast at, computes what the model computes, and is refused where not.

No GPU is needed: its contrib operators are replaced by what their documentation says they compute.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from export.assemble import assemble_paired
from export.base import open_base
from export.checkpoint import read_checkpoint
from export.cli import main
from export.contrib_reference import reference_graph
from export.errors import ExportError
from export.model.operators import PlainOperators
from export.random_init import ARCHITECTURES, write_base, write_checkpoint
from export.target import Target
from export.verify import closeness, open_session, verify_direction

from .reference import Reference, text_embedding


@dataclasses.dataclass(frozen=True)
class CudaBundle:
    path: Path
    base: Path
    checkpoint: Path

    def graph(self, name: str) -> Path:
        manifest = json.loads((self.path / "manifest.json").read_text())
        if name == "text_encoder":
            return self.path / manifest["text_encoder"]["path"]
        return self.path / manifest["directions"][0]["graphs"][name]["path"]

    def operators(self, name: str) -> Counter:
        return Counter(node.op_type for node in onnx.load(str(self.graph(name))).graph.node)

    def run(self, name: str, feeds: dict[str, torch.Tensor]) -> np.ndarray:
        with reference_graph(self.graph(name)) as reference:
            return open_session(reference).run(None, {key: value.numpy() for key, value in feeds.items()})[0]


@pytest.fixture(scope="module")
def cuda(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], CudaBundle]:
    """Bundles whose first level is as wide as SD's, because some CUDA kernels are made for such widths only."""
    shape = dataclasses.replace(
        ARCHITECTURES["tiny"],
        unet_channels=(320, 64),
        heads=(5, 2),
        rank_vae=4,
        rank_unet=4,
    )
    work = tmp_path_factory.mktemp("cuda")
    write_base(work / "wide", shape, seed=21)

    def export(kind: str, precision: str) -> CudaBundle:
        checkpoint = work / f"{kind}.pkl"
        if not checkpoint.exists():
            write_checkpoint(checkpoint, work / "wide", shape, kind, seed=22)
        out = work / "models" / f"{kind}-{precision}"
        if not out.exists():
            arguments = ["--checkpoint", str(checkpoint), "--base", str(work / "wide"), "--out", str(out)]
            assert main([*arguments, "--target", "cuda", "--precision", precision]) == 0
        return CudaBundle(out, work / "wide", checkpoint)

    return export


@pytest.mark.parametrize("kind, precision, bar", [("edge", "fp32", 50), ("sketch", "fp16", 40)])
def test_it_computes_what_the_model_computes(kind: str, precision: str, bar: int, cuda) -> None:
    bundle: CudaBundle = cuda(kind, precision)
    generator = torch.Generator().manual_seed(5)
    stochastic = kind == "sketch"
    feeds = {
        "image": torch.randint(0, 256, (2, 72, 88, 3), generator=generator, dtype=torch.uint8),
        "text_embedding": text_embedding(bundle.base, ["a red bird", "the sea at night"]),
        "noise": torch.randn(2, 4, 9, 11, generator=generator),
    }
    gammas = torch.tensor([0.3, 0.8])
    reference = Reference(bundle.base, bundle.checkpoint, None, binarise=stochastic)
    wanted = torch.cat([reference.translate(*(value[i : i + 1] for value in feeds.values()), float(gammas[i])) for i in range(2)])
    result = closeness(bundle.run("translator", feeds | ({"gamma": gammas} if stochastic else {})), wanted.numpy())
    assert result.psnr >= bar, result


def test_everything_that_can_be_fused_is(cuda) -> None:
    counts = cuda("edge", "fp32").operators("translator")
    # tiny's VAE: one attention in each middle; its UNet: one down, one middle, two up transformers with two each.
    assert counts["MultiHeadAttention"] == 2 + 2 * 4
    assert counts["BiasSplitGelu"] == 3, "the three transformers of width 320; 64 is not a width of the kernel"
    assert counts["GroupNorm"] + counts["SkipGroupNorm"] == 57
    # The first norm of each transformer follows a projection, not a sum.
    assert counts["SkipLayerNormalization"] == 8 and counts["LayerNormalization"] == 4
    assert counts["BiasAdd"] >= 3
    assert counts["NhwcConv"] == 75
    left = {"Conv", "InstanceNormalization", "Softmax", "Sigmoid", "GroupNormalization"} & set(counts)
    assert not left
    # Layout changes at the borders: picture in and out, and the latent between the parts.
    assert counts["Transpose"] <= 8


@torch.no_grad()
def test_a_graph_that_is_not_the_model_is_refused(cuda, tmp_path: Path) -> None:
    """By the check that every export ends with; the fixture's own exports have passed it."""
    bundle: CudaBundle = cuda("edge", "fp32")
    assembly = assemble_paired(read_checkpoint(bundle.checkpoint), open_base(str(bundle.base)), PlainOperators(), "unit")
    graph = onnx.load(str(bundle.graph("translator")))

    def verify() -> float:
        onnx.save(graph, str(tmp_path / "translator.onnx"))
        graphs = {"translator": tmp_path / "translator.onnx"}
        return verify_direction(assembly, graphs, "fused", (77, 32), Target("cuda", "fp32")).psnr

    assert verify() >= 50
    last = [node for node in graph.graph.node if node.op_type == "GroupNorm"][-1]
    (activation,) = [item for item in last.attribute if item.name == "activation"]
    activation.i = 0
    with pytest.raises(ExportError, match="not the model"):
        verify()
    assert [file.name for file in tmp_path.iterdir()] == ["translator.onnx"]


def test_fp16_is_fp16_throughout(cuda) -> None:
    bundle: CudaBundle = cuda("sketch", "fp16")
    model = onnx.load(str(bundle.graph("translator")))
    weights = Counter()
    for item in model.graph.initializer:
        weights[onnx.TensorProto.DataType.Name(item.data_type)] += int(np.prod(item.dims))
    # What is not fp16 is the norms' scales, as their kernel wants them.
    assert weights["FLOAT16"] > 50 * weights["FLOAT"]
    # Casts at the borders only: inputs, latent arithmetic, output. None per layer.
    assert bundle.operators("translator")["Cast"] <= 20


def test_the_text_encoder_too(cuda) -> None:
    bundle: CudaBundle = cuda("edge", "fp32")
    counts = bundle.operators("text_encoder")
    assert counts["MultiHeadAttention"] == 2 and not counts["Softmax"]
    tokenizer_ids = torch.randint(0, 652, (2, 77), generator=torch.Generator().manual_seed(1))
    from transformers import CLIPTextModel

    with torch.no_grad():
        wanted = CLIPTextModel.from_pretrained(bundle.base / "text_encoder").eval()(tokenizer_ids)[0]
    np.testing.assert_allclose(bundle.run("text_encoder", {"input_ids": tokenizer_ids}), wanted.numpy(), atol=1e-3)
