"""Makes a base and a checkpoint with random weights, in the formats of the published ones.

For tests and for measuring full-size speed where the published weights cannot be had. What is written goes through
the ordinary loading code, so adapters are put in by PEFT and saved as the reference's training scripts save them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import nn

Kind = Literal["edge", "sketch", "cyclegan"]

#: The LoRA targets that the reference's training scripts choose.
UNET_TARGETS = [
    "to_k", "to_q", "to_v", "to_out.0", "conv", "conv1", "conv2", "conv_shortcut", "conv_out",
    "proj_in", "proj_out", "ff.net.2", "ff.net.0.proj",
]  # fmt: skip
VAE_TARGETS = [
    "conv1", "conv2", "conv_in", "conv_shortcut", "conv", "conv_out",
    "skip_conv_1", "skip_conv_2", "skip_conv_3", "skip_conv_4", "to_k", "to_q", "to_v", "to_out.0",
]  # fmt: skip


@dataclass(frozen=True)
class Architecture:
    """The sizes that tell `tiny` from `sd-turbo`; everything else is SD 2.1's."""

    unet_channels: tuple[int, ...]
    heads: tuple[int, ...]
    text_width: int
    text_layers: int
    text_heads: int
    text_mlp: int
    vae_channels: tuple[int, ...]
    unet_layers: int = 2
    vae_layers: int = 2
    norm_groups: int = 32
    rank_unet: int = 8
    rank_vae: int = 4
    native: int = 512
    #: Rows of the text encoder's embedding table; the tokenizer written beside it uses the first ones.
    vocabulary: int = 49408
    #: Whether weights are scaled so that pictures depend strongly on every input. A small network needs it to be a test of
    #: anything; a deep one would only become so sensitive that half precision shows.
    lively: bool = False
    #: Standard deviation of the token embeddings; CLIP's own start value is 0.02.
    embedding_std: float = 0.02
    down_blocks: tuple[str, ...] = ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",)
    up_blocks: tuple[str, ...] = ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3


ARCHITECTURES = {
    "sd-turbo": Architecture(
        unet_channels=(320, 640, 1280, 1280), heads=(5, 10, 20, 20), text_width=1024, text_layers=23, text_heads=16,
        text_mlp=4096, vae_channels=(128, 256, 512, 512),
    ),
    "tiny": Architecture(
        unet_channels=(16, 32), heads=(2, 4), text_width=32, text_layers=2, text_heads=2, text_mlp=64,
        vae_channels=(8, 8, 16, 16), unet_layers=1, vae_layers=1, norm_groups=4, rank_unet=4, rank_vae=2, native=64,
        down_blocks=("CrossAttnDownBlock2D", "DownBlock2D"), up_blocks=("UpBlock2D", "CrossAttnUpBlock2D"),
        # Otherwise two prompts of one length look alike to two layers.
        vocabulary=652, embedding_std=1.0, lively=True,
    ),
}  # fmt: skip


def write_base(folder: Path, shape: Architecture, seed: int) -> None:
    """Writes a base in diffusers' layout: scheduler, text_encoder, tokenizer, unet, vae."""
    from .tiny_tokenizer import write_tokenizer

    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(folder / "tokenizer")
    _write_scheduler(folder / "scheduler")
    _write_text_encoder(folder / "text_encoder", shape)
    unet = make_unet(shape)
    vary_weights(unet, shape.lively)
    unet.save_pretrained(folder / "unet")
    del unet
    vae = make_vae(shape)
    vary_weights(vae, shape.lively)
    # A latent that depends on the picture, with a small posterior spread as a trained VAE has it.
    if shape.lively:
        vae.quant_conv.weight.data[: vae.config.latent_channels] *= 12.0
    vae.quant_conv.bias.data[vae.config.latent_channels :] = -6.0
    vae.save_pretrained(folder / "vae")


def make_unet(shape: Architecture) -> nn.Module:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=shape.native // 8,
        block_out_channels=shape.unet_channels,
        attention_head_dim=list(shape.heads),
        cross_attention_dim=shape.text_width,
        layers_per_block=shape.unet_layers,
        norm_num_groups=shape.norm_groups,
        use_linear_projection=True,
        down_block_types=shape.down_blocks,
        up_block_types=shape.up_blocks,
    )


def make_vae(shape: Architecture) -> nn.Module:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=shape.vae_channels,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=shape.vae_layers,
        latent_channels=4,
        norm_num_groups=shape.norm_groups,
        sample_size=shape.native,
        scaling_factor=0.18215,
    )


#: Random weights hardly pass a prompt or a picture on; these make the output visibly depend on both.
_GAINS = {
    "attn2.to_q.weight": 4.0,
    "attn2.to_k.weight": 4.0,
    "attn2.to_v.weight": 3.0,
    "attn2.to_out.0.weight": 3.0,
}


def vary_weights(module: nn.Module, lively: bool) -> None:
    """Random norms and biases too: a mix-up of two of them must change the picture."""
    for name, parameter in module.named_parameters():
        if lively:
            parameter.data *= next((gain for end, gain in _GAINS.items() if name.endswith(end)), 1.0)
    for name, parameter in module.named_parameters():
        if parameter.dim() == 1 and name.endswith("weight"):
            parameter.data.uniform_(0.8, 1.2)
        elif parameter.dim() == 1:
            parameter.data.normal_(std=0.05)


def _write_scheduler(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "_class_name": "DDPMScheduler",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "clip_sample": False,
        "num_train_timesteps": 1000,
        "prediction_type": "epsilon",
        "timestep_spacing": "trailing",
    }
    (folder / "scheduler_config.json").write_text(json.dumps(config, indent=2))


def _write_text_encoder(folder: Path, shape: Architecture) -> None:
    from transformers import CLIPTextConfig, CLIPTextModel

    config = CLIPTextConfig(
        vocab_size=shape.vocabulary,
        bos_token_id=shape.vocabulary - 2,
        eos_token_id=shape.vocabulary - 1,
        hidden_size=shape.text_width,
        intermediate_size=shape.text_mlp,
        num_hidden_layers=shape.text_layers,
        num_attention_heads=shape.text_heads,
        max_position_embeddings=77,
        hidden_act="gelu",
        projection_dim=shape.text_width,
    )
    model = CLIPTextModel(config)
    model.get_input_embeddings().weight.data.normal_(std=shape.embedding_std)
    model.save_pretrained(folder)


def write_checkpoint(path: Path, base: Path, shape: Architecture, kind: Kind, seed: int) -> None:
    """Writes a checkpoint of one of the three kinds for a base that `write_base` wrote."""
    from .random_checkpoint import cyclegan_content, paired_content

    torch.manual_seed(seed)
    content = cyclegan_content(base, shape) if kind == "cyclegan" else paired_content(base, shape, kind == "sketch")
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)
