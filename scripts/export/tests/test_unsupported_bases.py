"""A base that the exporter would compute wrongly is refused with the setting's name."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDPMScheduler

from export.errors import ExportError
from export.model.operators import PlainOperators
from export.model.scheduler import one_step
from export.model.unet import TurboUnet
from export.model.vae import KlSkipVae
from export.random_init import ARCHITECTURES, make_unet, make_vae


@pytest.mark.parametrize(
    "key, value",
    [
        ("act_fn", "gelu"),
        ("downsample_padding", 0),
        ("num_class_embeds", 10),
        ("time_embedding_act_fn", "silu"),
        ("cross_attention_norm", "layer_norm"),
    ],
)
def test_unets(key: str, value: object) -> None:
    unet = make_unet(ARCHITECTURES["tiny"])
    TurboUnet(unet, PlainOperators())
    unet.register_to_config(**{key: value})
    with pytest.raises(ExportError, match=key):
        TurboUnet(unet, PlainOperators())


@pytest.mark.parametrize(
    "key, value, words",
    [
        ("down_block_types", ["DownEncoderBlock2D"] * 3 + ["AttnDownEncoderBlock2D"], "AttnDownEncoderBlock2D"),
        ("up_block_types", ["AttnUpDecoderBlock2D"] + ["UpDecoderBlock2D"] * 3, "AttnUpDecoderBlock2D"),
        ("act_fn", "relu", "act_fn"),
        ("shift_factor", 0.1159, "shift_factor"),
    ],
)
def test_vaes(key: str, value: object, words: str) -> None:
    vae = make_vae(ARCHITECTURES["tiny"])
    KlSkipVae(vae, PlainOperators())
    vae.register_to_config(**{key: value})
    with pytest.raises(ExportError, match=words):
        KlSkipVae(vae, PlainOperators())


@pytest.mark.parametrize(
    "settings, words",
    [
        # Of a DDPMScheduler, which the reference makes of any base's config, the default is to clip.
        ({}, "clip_sample"),
        ({"_class_name": "EulerDiscreteScheduler"}, "clip_sample"),
        ({"clip_sample": False, "thresholding": True}, "clips"),
        ({"clip_sample": False, "trained_betas": [0.1] * 1000}, "trained_betas"),
        ({"clip_sample": False, "rescale_betas_zero_snr": True}, "rescale_betas_zero_snr"),
    ],
)
def test_schedulers(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ExportError, match=words):
        one_step(settings)


@pytest.mark.parametrize("settings", [{}, {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}])
def test_what_a_scheduler_leaves_unsaid_is_a_ddpm_schedulers(settings: dict[str, object]) -> None:
    settings = {"clip_sample": False, **settings}
    scheduler = DDPMScheduler.from_config(settings)
    x, noise = torch.randn(2, 1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    wanted = scheduler.step(noise, torch.tensor(999), x, generator=torch.Generator().manual_seed(2)).pred_original_sample
    torch.testing.assert_close(one_step(settings)(x, noise), wanted, rtol=1e-3, atol=1e-3)
