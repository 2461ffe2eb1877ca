"""A UNet whose text is pooled and added to the timestep (`addition_embed_type: text`) is diffusers' own."""

from __future__ import annotations

import pytest
import torch
from diffusers import UNet2DConditionModel

from export.errors import ExportError
from export.model.cuda_operators import CudaOperators
from export.model.operators import PlainOperators
from export.model.unet import TIMESTEP, TurboUnet, fold_timestep


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
def test_it_computes_what_diffusers_computes(folded: bool) -> None:
    holder = make(addition_embed_type="text", addition_embed_type_num_heads=4)
    latent, text = torch.randn(2, 4, 8, 6), torch.randn(2, 5, 24)
    expected = holder(latent, TIMESTEP, text).sample
    unet = TurboUnet(holder, PlainOperators())
    if folded:
        fold_timestep(unet)
    torch.testing.assert_close(unet(latent, text), expected, rtol=1e-4, atol=1e-5)


def test_another_addition_is_refused() -> None:
    holder = make(addition_embed_type="text_image", addition_embed_type_num_heads=4)
    with pytest.raises(ExportError, match="addition_embed_type='text_image'"):
        TurboUnet(holder, PlainOperators())


def test_the_cuda_target_adds_the_same_per_channel() -> None:
    x, shift = torch.randn(2, 6, 3, 5), torch.randn(2, 6)
    added = CudaOperators().shift_channels(x.permute(0, 2, 3, 1), shift)
    torch.testing.assert_close(added.permute(0, 3, 1, 2), PlainOperators().shift_channels(x, shift))
