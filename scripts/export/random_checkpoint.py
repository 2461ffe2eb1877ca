"""The content of a random checkpoint, made as the reference's training scripts make theirs: by PEFT."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch import nn

from .random_init import UNET_TARGETS, VAE_TARGETS, Architecture

_UNPAIRED_PATTERNS = [
    "to_k",
    "to_q",
    "to_v",
    "to_out.0",
    "conv",
    "conv_in",
    "proj_out",
    "proj_in",
    "ff.net.2",
    "ff.net.0.proj",
]


def paired_content(base: Path, shape: Architecture, stochastic: bool) -> dict[str, object]:
    """A pix2pix-Turbo checkpoint's dict."""
    from diffusers import UNet2DConditionModel
    from peft import LoraConfig

    unet = UNet2DConditionModel.from_pretrained(base / "unet")
    current = copy.deepcopy(unet.conv_in)
    current.weight.data += 0.3 * current.weight.data.std() * torch.randn_like(current.weight)
    if stochastic:
        twins = nn.Module()
        twins.conv_in_pretrained = unet.conv_in
        twins.conv_in_curr = current
        unet.conv_in = twins
    else:
        unet.conv_in = current
    unet.add_adapter(LoraConfig(r=shape.rank_unet, init_lora_weights="gaussian", target_modules=UNET_TARGETS))
    vae = _vae_with_skips(base, shape)
    _randomise_lora(unet)
    return {
        "unet_lora_target_modules": UNET_TARGETS,
        "vae_lora_target_modules": VAE_TARGETS,
        "rank_unet": shape.rank_unet,
        "rank_vae": shape.rank_vae,
        "state_dict_unet": {k: v for k, v in unet.state_dict().items() if "lora" in k or "conv_in" in k},
        "state_dict_vae": {k: v for k, v in vae.state_dict().items() if "lora" in k or "skip" in k},
    }


def cyclegan_content(base: Path, shape: Architecture) -> dict[str, object]:
    """A CycleGAN-Turbo checkpoint's dict, both halves."""
    from diffusers import UNet2DConditionModel
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    unet = UNet2DConditionModel.from_pretrained(base / "unet")
    targets: dict[str, list[str]] = {"encoder": [], "decoder": [], "others": []}
    for name, _ in unet.named_parameters():
        if "bias" in name or "norm" in name or not any(pattern in name for pattern in _UNPAIRED_PATTERNS):
            continue
        part = "encoder" if "down_blocks" in name or "conv_in" in name else "decoder" if "up_blocks" in name else "others"
        targets[part].append(name.replace(".weight", ""))
    for part, names in targets.items():
        config = LoraConfig(r=shape.rank_unet, init_lora_weights="gaussian", target_modules=names, lora_alpha=shape.rank_unet)
        unet.add_adapter(config, adapter_name=f"default_{part}")
    _randomise_lora(unet)
    state = {part: get_peft_model_state_dict(unet, adapter_name=f"default_{part}") for part in targets}
    whole = nn.Module()
    whole.vae = _vae_with_skips(base, shape)
    whole.vae_b2a = _vae_with_skips(base, shape)
    return {
        "l_target_modules_encoder": targets["encoder"],
        "l_target_modules_decoder": targets["decoder"],
        "l_modules_others": targets["others"],
        "rank_unet": shape.rank_unet,
        "sd_encoder": state["encoder"],
        "sd_decoder": state["decoder"],
        "sd_other": state["others"],
        "rank_vae": shape.rank_vae,
        "vae_lora_target_modules": VAE_TARGETS,
        # The training script's encoder and decoder wrappers hold the same two VAEs, so both dicts are the same.
        "sd_vae_enc": whole.state_dict(),
        "sd_vae_dec": whole.state_dict(),
    }


def _vae_with_skips(base: Path, shape: Architecture) -> nn.Module:
    from diffusers import AutoencoderKL
    from peft import LoraConfig

    vae = AutoencoderKL.from_pretrained(base / "vae")
    channels = shape.vae_channels
    taps = [channels[2], channels[1], channels[0], channels[0]]
    stages = [channels[3], channels[3], channels[2], channels[1]]
    for index, (tap, stage) in enumerate(zip(taps, stages, strict=True), start=1):
        conv = nn.Conv2d(tap, stage, kernel_size=1, bias=False)
        nn.init.normal_(conv.weight, std=2.0 * tap**-0.5)
        setattr(vae.decoder, f"skip_conv_{index}", conv)
    config = LoraConfig(r=shape.rank_vae, init_lora_weights="gaussian", target_modules=VAE_TARGETS)
    vae.add_adapter(config, adapter_name="vae_skip")
    _randomise_lora(vae)
    return vae


def _randomise_lora(module: nn.Module) -> None:
    """Both halves random, at about a third of the strength of the weight they change: PEFT starts B at zero."""
    for name, parameter in module.named_parameters():
        if ".lora_A." in name:
            parameter.data.normal_(std=parameter[0].numel() ** -0.5)
        elif ".lora_B." in name:
            parameter.data.normal_(std=0.3 * parameter.shape[1] ** -0.5)
