"""A UNet whose text is pooled and added to the timestep (`addition_embed_type: text`) is diffusers' own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel

from export.errors import ExportError
from export.model.cuda_operators import CudaOperators
from export.model.operators import PlainOperators
from export.model.unet import TIMESTEP, TurboUnet, fold_timestep
from export.to_onnx import GraphInput, export_graph
from export.verify import open_session


def make(**settings: object) -> UNet2DConditionModel:
    torch.manual_seed(3)
    return UNet2DConditionModel(
        in_channels=4,
        out_channels=4,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=24,
        attention_head_dim=2,
        norm_num_groups=8,
        **settings,
    ).eval()


@torch.no_grad()
@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("modulation", ["default", "scale_shift"])
def test_it_computes_what_diffusers_computes(folded: bool, modulation: str) -> None:
    holder = make(addition_embed_type="text", addition_embed_type_num_heads=4, resnet_time_scale_shift=modulation)
    latent, text = torch.randn(2, 4, 8, 6), torch.randn(2, 5, 24)
    expected = holder(latent, TIMESTEP, text).sample
    unet = TurboUnet(holder, PlainOperators())
    if folded:
        fold_timestep(unet)
    torch.testing.assert_close(unet(latent, text), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_sample_is_the_same_to_the_bit_in_any_batch(tmp_path: Path) -> None:
    """In ONNX Runtime, where a mean over a batch of one is added up in another order."""
    unet = TurboUnet(make(addition_embed_type="text", addition_embed_type_num_heads=4), PlainOperators())
    fold_timestep(unet)
    batch = torch.export.Dim("batch", min=1, max=64)
    inputs = [GraphInput("latent", torch.randn(2, 4, 8, 6), {0: batch}), GraphInput("text", torch.randn(2, 32, 24), {0: batch})]
    export_graph(unet, inputs, ["noise"], tmp_path / "unet.onnx")
    session = open_session(tmp_path / "unet.onnx")
    feeds = {"latent": torch.randn(5, 4, 8, 6).numpy(), "text": torch.randn(5, 32, 24).numpy()}
    (together,) = session.run(None, feeds)
    for index in range(5):
        (alone,) = session.run(None, {name: value[index : index + 1] for name, value in feeds.items()})
        np.testing.assert_array_equal(alone[0], together[index])


def test_another_addition_is_refused() -> None:
    holder = make(addition_embed_type="text_image", addition_embed_type_num_heads=4)
    with pytest.raises(ExportError, match="addition_embed_type='text_image'"):
        TurboUnet(holder, PlainOperators())


def test_a_scale_and_shift_without_text_is_refused() -> None:
    with pytest.raises(ExportError, match="resnet_time_scale_shift='scale_shift'"):
        TurboUnet(make(resnet_time_scale_shift="scale_shift"), PlainOperators())


def test_the_cuda_target_adds_and_scales_the_same_per_channel() -> None:
    x, by = torch.randn(2, 6, 3, 5), torch.randn(2, 6)
    for name in ("shift_channels", "scale_channels"):
        result = getattr(CudaOperators(), name)(x.permute(0, 2, 3, 1), by)
        torch.testing.assert_close(result.permute(0, 3, 1, 2), getattr(PlainOperators(), name)(x, by))
