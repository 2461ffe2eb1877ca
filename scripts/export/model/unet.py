"""The UNet of one-step translation: diffusers' `UNet2DConditionModel`, its timestep folded into the weights."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ExportError
from .layers import pool_text, run_resnet, run_transformer
from .operators import PlainOperators

#: img2img-turbo always asks the UNet for the last of 1000 steps.
TIMESTEP = 999

_PLAIN_SETTINGS = {
    "class_embed_type": None,
    "encoder_hid_dim_type": None,
    "time_cond_proj_dim": None,
    "dual_cross_attention": False,
    "only_cross_attention": False,
    "center_input_sample": False,
    "attention_type": "default",
    "resnet_skip_time_act": False,
    "act_fn": "silu",
    "downsample_padding": 1,
    "num_class_embeds": None,
    "time_embedding_act_fn": None,
    "cross_attention_norm": None,
}
#: What may be added to the timestep's embedding: nothing, as in Stable Diffusion, or the text, pooled by attention.
_ADDITIONS = {None, "text"}
#: How a resnet takes it: added before its second norm, or as that norm's scale and shift. The latter only where the text is
#: added, because without it everything is folded into a bias.
_SCALE_SHIFTS = {"default", "scale_shift"}
_BLOCKS = {
    "down_block_types": {"DownBlock2D", "CrossAttnDownBlock2D"},
    "up_block_types": {"UpBlock2D", "CrossAttnUpBlock2D"},
    "mid_block_type": {"UNetMidBlock2DCrossAttn"},
}


def check_supported(unet: nn.Module) -> None:
    """Raises ExportError for a configuration that this module does not compute."""
    for key, plain in _PLAIN_SETTINGS.items():
        value = unet.config.get(key, plain)
        if value != plain:
            raise ExportError(f"the base's UNet has {key}={value!r}; only {plain!r} is supported")
    addition = unet.config.get("addition_embed_type")
    if addition not in _ADDITIONS:
        raise ExportError(f"the base's UNet has addition_embed_type={addition!r}; supported are None and 'text'")
    mode = unet.config.get("resnet_time_scale_shift", "default")
    if mode not in _SCALE_SHIFTS or (mode == "scale_shift" and addition is None):
        raise ExportError(
            f"the base's UNet has resnet_time_scale_shift={mode!r} and addition_embed_type={addition!r}; "
            "supported are 'default', and 'scale_shift' together with 'text'"
        )
    for key, known in _BLOCKS.items():
        value = unet.config.get(key)
        for kind in [value] if isinstance(value, str) or value is None else value:
            if kind not in known:
                raise ExportError(f"the base's UNet has a block {kind!r}; supported are {', '.join(sorted(known))}")


def fold_timestep(unet: TurboUnet) -> None:
    """Takes the timestep, which is always 999, out of what runs.

    Without an addition, each resnet's projection of it goes into the bias of the resnet's first convolution, and
    `run_resnet` needs none. With the text added, the sum differs by prompt: then only the timestep's own embedding is
    computed here. Call it on full-precision weights with all LoRA merged that touches `time_embedding` or
    `time_emb_proj`.
    """
    with torch.no_grad():
        embedded = unet.embed_timestep()
        if unet.add_embedding is not None:
            unet.folded_timestep = embedded
            return
        activated = F.silu(embedded)
        for module in unet.modules():
            if getattr(module, "time_emb_proj", None) is not None:
                conv = getattr(module.conv1, "base", module.conv1)
                conv.bias += module.time_emb_proj(activated)[0]
                module.time_emb_proj = None


class TurboUnet(nn.Module):
    """Latent [B,4,h,w] and text [B,L,D] → predicted noise [B,4,h,w], at timestep 999."""

    def __init__(self, unet: nn.Module, operators: PlainOperators) -> None:
        super().__init__()
        check_supported(unet)
        self.register_buffer("folded_timestep", None)
        self.conv_in = unet.conv_in
        self.time_proj = unet.time_proj
        self.time_embedding = unet.time_embedding
        self.add_embedding = unet.add_embedding if unet.config.get("addition_embed_type") == "text" else None
        self.down_blocks = unet.down_blocks
        self.mid_block = unet.mid_block
        self.up_blocks = unet.up_blocks
        self.conv_norm_out = unet.conv_norm_out
        self.conv_out = unet.conv_out
        self.operators = operators

    def forward(self, latent: Tensor, text: Tensor) -> Tensor:
        op = self.operators
        shift = self._embed(text)
        x = op.conv(self.conv_in, op.from_nchw(latent))
        skips = [x]
        for block in self.down_blocks:
            x = self._run_down(block, x, text, shift, skips)
        x = run_resnet(op, self.mid_block.resnets[0], x, shift)
        for attention, resnet in zip(self.mid_block.attentions, self.mid_block.resnets[1:], strict=True):
            x = run_resnet(op, resnet, run_transformer(op, attention, x, text), shift)
        for block in self.up_blocks:
            x = self._run_up(block, x, text, shift, skips)
        return op.to_nchw(op.conv(self.conv_out, op.group_norm(self.conv_norm_out, x, silu=True)))

    def embed_timestep(self) -> Tensor:
        """The embedding [1,E] of the one timestep there is."""
        timestep = torch.full((1,), TIMESTEP, dtype=torch.long, device=next(self.parameters()).device)
        return self.time_embedding(self.time_proj(timestep).to(self.time_embedding.linear_1.weight.dtype))

    def _embed(self, text: Tensor) -> Tensor | None:
        """What every resnet projects and adds, [B,E]: timestep and pooled text; None where it was folded into biases."""
        if self.add_embedding is None:
            return None
        timestep = self.embed_timestep() if self.folded_timestep is None else self.folded_timestep
        return F.silu(timestep.to(text.dtype) + pool_text(self.operators, self.add_embedding, text))

    def _run_down(self, block: nn.Module, x: Tensor, text: Tensor, shift: Tensor | None, skips: list[Tensor]) -> Tensor:
        op = self.operators
        for index, resnet in enumerate(block.resnets):
            x = run_resnet(op, resnet, x, shift)
            if hasattr(block, "attentions"):
                x = run_transformer(op, block.attentions[index], x, text)
            skips.append(x)
        for downsampler in block.downsamplers or []:
            x = op.conv(downsampler.conv, x)
            skips.append(x)
        return x

    def _run_up(self, block: nn.Module, x: Tensor, text: Tensor, shift: Tensor | None, skips: list[Tensor]) -> Tensor:
        op = self.operators
        for index, resnet in enumerate(block.resnets):
            x = run_resnet(op, resnet, op.concat_channels([x, skips.pop()]), shift)
            if hasattr(block, "attentions"):
                x = run_transformer(op, block.attentions[index], x, text)
        for upsampler in block.upsamplers or []:
            # A side that was odd before downsampling is not twice its half: go to the size of the skip that follows.
            x = op.conv(upsampler.conv, op.upsample(x, op.spatial(skips[-1])))
        return x
