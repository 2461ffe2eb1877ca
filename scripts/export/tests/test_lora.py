"""LoRA's scale is alpha / rank, and merging is the same as branching."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn

from export import checkpoint as checkpoint_module
from export.assemble import assemble_paired, assemble_unpaired
from export.base import open_base
from export.checkpoint import read_checkpoint
from export.errors import ExportError
from export.model.lora import Guide, LoraDelta, attach_guided, merge_deltas
from export.model.operators import PlainOperators
from export.verify import closeness

from .reference import Reference


def test_vae_rank_4_scales_by_2_and_unet_rank_8_by_1(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    read = read_checkpoint(checkpoints["edge"])
    assert {delta.scale for delta in read.vae.adapters[0].values()} == {2.0}
    content = torch.load(checkpoints["edge"], weights_only=True)
    content["rank_unet"] = 8
    content["state_dict_unet"] = {
        key: torch.zeros(8, *value.shape[1:]) if "lora_A" in key else torch.zeros(value.shape[0], 8, *value.shape[2:])
        for key, value in content["state_dict_unet"].items()
        if "lora" in key
    }
    torch.save(content, tmp_path / "rank8.pkl")
    assert {delta.scale for delta in read_checkpoint(tmp_path / "rank8.pkl").unet.adapters[0].values()} == {1.0}


def test_cyclegan_unet_scales_by_1_whatever_its_rank(checkpoints: dict[str, Path]) -> None:
    read = read_checkpoint(checkpoints["cyclegan"])
    assert {delta.scale for adapter in read.unet.adapters for delta in adapter.values()} == {1.0}
    assert {delta.scale for weights in read.vaes.values() for delta in weights.adapters[0].values()} == {2.0}


@pytest.mark.parametrize("kind", ["edge", "sketch", "cyclegan"])
def test_forgetting_alpha_over_rank_fails_the_bar(
    kind: str, base: Path, checkpoints: dict[str, Path], feeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = {name: value[1:2] for name, value in feeds(136, 120).items()}
    half = "b2a" if kind == "cyclegan" else None
    reference = Reference(base, checkpoints[kind], half, binarise=kind == "sketch")
    wanted = reference.translate(sample["image"], sample["text_embedding"], sample["noise"], float(sample["gamma"][0]))

    def psnr() -> float:
        read = read_checkpoint(checkpoints[kind])
        opened = open_base(str(base))
        if half:
            assembly = assemble_unpaired(read, opened, PlainOperators(), half)
        else:
            assembly = assemble_paired(read, opened, PlainOperators(), "binary" if kind == "sketch" else "unit")
        gamma = [sample["gamma"]] if kind == "sketch" else []
        with torch.no_grad():
            got = assembly.fused(sample["image"], sample["text_embedding"], sample["noise"], *gamma)
        return closeness(got.numpy(), wanted.numpy()).psnr

    assert psnr() >= 50
    # What one would get who takes LoRA's scale to be 1: alpha equal to the rank, which is 4 here.
    monkeypatch.setattr(checkpoint_module, "PEFT_DEFAULT_ALPHA", 4)
    assert psnr() < 50


@pytest.mark.parametrize(
    "layer, x",
    [
        (nn.Conv2d(3, 5, 3, stride=2, padding=1), torch.randn(2, 3, 8, 8)),
        (nn.Conv2d(3, 5, 1), torch.randn(2, 3, 4, 4)),
        (nn.Linear(3, 5), torch.randn(2, 7, 3)),
    ],
)
def test_a_merged_delta_is_a_branch_at_gamma_1_and_nothing_at_gamma_0(layer: nn.Module, x: torch.Tensor) -> None:
    delta = LoraDelta(torch.randn(2, *layer.weight.shape[1:]), torch.randn(5, 2, *[1] * (layer.weight.dim() - 2)), 2.0)
    merged, branched, guide = nn.Sequential(layer), nn.Sequential(layer), Guide()
    plain = layer(x)
    attach_guided(branched, {"0": delta}, guide)
    guide.gamma = torch.tensor([0.0, 1.0])
    mixed = branched(x)
    merge_deltas(merged, {"0": delta})
    torch.testing.assert_close(mixed[0], plain[0])
    torch.testing.assert_close(mixed[1], merged(x)[1], rtol=1e-4, atol=1e-5)


def test_a_delta_of_the_wrong_shape_is_refused() -> None:
    delta = LoraDelta(torch.zeros(2, 4), torch.zeros(5, 2), 1.0)
    with pytest.raises(ExportError, match="do not fit"):
        merge_deltas(nn.Sequential(nn.Linear(3, 5)), {"0": delta})
    with pytest.raises(ExportError, match="do not fit"):
        attach_guided(nn.Sequential(nn.Linear(3, 5)), {"0": dataclasses.replace(delta)}, Guide())
