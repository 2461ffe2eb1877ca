"""What the translator needs of a VAE, and how an AutoencoderKL gives it.

To bring another VAE (a lighter one, for example), write an `nn.Module` that satisfies `SkipVae` and name it in
`base.load_vae` by the `_class_name` of its `vae/config.json`. Rules for such a module:

- submodules `encoder` and `decoder`; the four skip convolutions are *not* made in its constructor: `add_skip_convs`
  puts them at `decoder.skip_conv_1` … `decoder.skip_conv_4` (deepest first), where checkpoints have their weights;
- any `nn.Conv2d` or `nn.Linear` in it may be a LoRA target, and may therefore be replaced by a guided module that is
  called the same way: call modules, do not read their `.weight` in `forward`;
- plain tensor code without branches on shapes, so that batch, height and width stay dynamic in the graph.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ..errors import ExportError
from .layers import run_attention_block, run_resnet
from .operators import PlainOperators


@runtime_checkable
class SkipVae(Protocol):
    """A VAE whose encoder hands four taps over to its decoder. Layout is NCHW at this border."""

    latent_channels: int
    #: H/h: the picture's side over the latent's.
    downscale: int
    #: A latent is multiplied by this before the UNet and divided by it after.
    scaling_factor: float
    #: (tap channels, decoder channels) of skip_conv_1 … skip_conv_4: deepest tap first.
    skip_channels: list[tuple[int, int]]

    def encode_with_taps(self, x: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """[B,3,H,W] → mean [B,C,h,w] and log-variance [B,C,h,w] of the posterior (unscaled), four taps, shallow first."""
        ...

    def decode_with_skips(self, z: Tensor, taps: list[Tensor], gamma: Tensor | None) -> Tensor:
        """Unscaled latent [B,C,h,w] and the taps (shallow first) → [B,3,H,W], not clamped.

        Before decoder stage i the tap, deepest first, times `gamma` [B] (1 where None), goes through
        `decoder.skip_conv_{i+1}` and is added.
        """
        ...


def add_skip_convs(vae: SkipVae, initial: float = 1e-5) -> None:
    """Puts the four bias-free 1×1 skip convolutions into `vae.decoder`, with the reference's constant start value."""
    for index, (tap, stage) in enumerate(vae.skip_channels, start=1):
        conv = nn.Conv2d(tap, stage, kernel_size=1, bias=False)
        nn.init.constant_(conv.weight, initial)
        setattr(vae.decoder, f"skip_conv_{index}", conv)


def skip_convs(vae: SkipVae) -> list[nn.Module]:
    """The four skip convolutions, deepest tap first."""
    return [getattr(vae.decoder, f"skip_conv_{index}") for index in (1, 2, 3, 4)]


_BLOCKS = {"down_block_types": "DownEncoderBlock2D", "up_block_types": "UpDecoderBlock2D"}


def _check_supported(vae: nn.Module) -> None:
    """Raises ExportError for a configuration that `KlSkipVae` does not compute."""
    config = vae.config
    for key, plain in _BLOCKS.items():
        for kind in config[key]:
            if kind != plain:
                raise ExportError(f"the base's VAE has a block {kind!r}; only {plain} is supported")
    if config.act_fn != "silu":
        raise ExportError(f"the base's VAE has act_fn={config.act_fn!r}; only 'silu' is supported")
    if config.shift_factor:
        raise ExportError(f"the base's VAE has shift_factor={config.shift_factor!r}; shifted latents are not supported")


class KlSkipVae(nn.Module):
    """The modules of a diffusers `AutoencoderKL`, run with taps and skips, in a target's operators.

    It takes over the AutoencoderKL's submodules by their own names, so that checkpoint keys fit.
    """

    def __init__(self, vae: nn.Module, operators: PlainOperators) -> None:
        super().__init__()
        _check_supported(vae)
        config = vae.config
        channels = list(config.block_out_channels)
        self.encoder = vae.encoder
        self.decoder = vae.decoder
        self.quant_conv = vae.quant_conv
        self.post_quant_conv = vae.post_quant_conv
        self.latent_channels = int(config.latent_channels)
        self.downscale = 2 ** (len(channels) - 1)
        self.scaling_factor = float(config.scaling_factor)
        # Taps lie before each down block: the first has the width of conv_in, the others that of the block before.
        taps = [channels[0], *channels[:-1]]
        # The decoder's stages see the deepest width first; from the third on, the width of the stage before.
        stages = [channels[-1], *reversed(channels[1:])]
        self.skip_channels = list(zip(reversed(taps), stages, strict=True))
        self.operators = operators.for_pictures()

    def encode_with_taps(self, x: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        op, encoder = self.operators, self.encoder
        x = op.conv(encoder.conv_in, op.from_nchw(x))
        taps = []
        for block in encoder.down_blocks:
            taps.append(x)
            for resnet in block.resnets:
                x = run_resnet(op, resnet, x)
            for downsampler in block.downsamplers or []:
                x = op.conv_asymmetric(downsampler.conv, x)
        x = self._middle(encoder.mid_block, x)
        x = op.conv(encoder.conv_out, op.group_norm(encoder.conv_norm_out, x, silu=True))
        if self.quant_conv is not None:
            x = op.conv(self.quant_conv, x)
        mean, log_variance = op.to_nchw(x).chunk(2, dim=1)
        return mean, log_variance, [op.to_nchw(tap) for tap in taps]

    def decode_with_skips(self, z: Tensor, taps: list[Tensor], gamma: Tensor | None) -> Tensor:
        op, decoder = self.operators, self.decoder
        x = op.from_nchw(z)
        if self.post_quant_conv is not None:
            x = op.conv(self.post_quant_conv, x)
        x = self._middle(decoder.mid_block, op.conv(decoder.conv_in, x))
        for block, skip_conv, tap in zip(decoder.up_blocks, skip_convs(self), reversed(taps), strict=True):
            tap = op.from_nchw(tap)
            if gamma is not None:
                tap = op.scale_samples(tap, gamma)
            x = x + op.conv(skip_conv, tap)
            for resnet in block.resnets:
                x = run_resnet(op, resnet, x)
            for upsampler in block.upsamplers or []:
                x = op.conv(upsampler.conv, op.upsample(x, None))
        x = op.group_norm(decoder.conv_norm_out, x, silu=True)
        return op.to_nchw(op.conv(decoder.conv_out, x))

    def _middle(self, block: nn.Module, x: Tensor) -> Tensor:
        x = run_resnet(self.operators, block.resnets[0], x)
        for attention, resnet in zip(block.attentions, block.resnets[1:], strict=True):
            if attention is not None:
                x = run_attention_block(self.operators, attention, x)
            x = run_resnet(self.operators, resnet, x)
        return x


def sample_posterior(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """mean + std · noise, with the log-variance clamped to [−30, 20] as diffusers does."""
    return mean + torch.exp(0.5 * log_variance.clamp(-30.0, 20.0)) * noise
