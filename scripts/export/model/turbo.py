"""From picture to picture: the modules that become a bundle's graphs.

`VaeEncoder`, `Unet` and `VaeDecoder` are the staged graphs; `Translator` is their composition, the fused one. A
stochastic model has a `Guide` that its guided modules share, and takes gamma; a deterministic one has neither.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from .lora import Guide
from .scheduler import OneStep
from .unet import TurboUnet
from .vae import SkipVae, sample_posterior

#: How bytes become the network's input: `signed` is [−1,1], `unit` is [0,1], `binary` is 1 where a unit value is above ½.
Preparation = Literal["signed", "unit", "binary"]


def prepare_image(image: Tensor, preparation: Preparation, dtype: torch.dtype) -> Tensor:
    """uint8 [B,H,W,3] → [B,3,H,W] in the range that the model was trained with."""
    # Transposing bytes moves a quarter of what transposing floats would.
    image = image.permute(0, 3, 1, 2)
    if preparation == "binary":
        return (image > 127).to(dtype)
    scaled = image.to(torch.float32)
    scaled = scaled * (1.0 / 255.0) if preparation == "unit" else scaled * (1.0 / 127.5) - 1.0
    return scaled.to(dtype)


def finish_image(x: Tensor) -> Tensor:
    """[B,3,H,W] → rounded uint8 [B,H,W,3]: 0 for −1 and below, 255 for 1 and above."""
    levels = (x.float() * 127.5 + 127.5).clamp(0.0, 255.0).round().to(torch.uint8)
    return levels.permute(0, 2, 3, 1)


class VaeEncoder(nn.Module):
    """image uint8 [B,H,W,3], [noise [B,C,h,w]], [gamma [B]] → scaled latent [B,C,h,w] and four taps.

    A deterministic model samples the posterior with `noise`. A stochastic one takes the posterior's mean, and needs
    gamma only because its LoRA branches do.
    """

    def __init__(self, vae: SkipVae, preparation: Preparation, guide: Guide | None) -> None:
        super().__init__()
        self.vae = vae
        self.preparation: Preparation = preparation
        self.guide = guide

    def forward(self, image: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        x = prepare_image(image, self.preparation, weight_dtype(self.vae))
        if self.guide is None:
            (noise,) = inputs
            mean, log_variance, taps = self.vae.encode_with_taps(x)
            latent = sample_posterior(mean.float(), log_variance.float(), noise)
        else:
            (gamma,) = inputs
            self.guide.gamma = gamma
            mean, _, taps = self.vae.encode_with_taps(x)
            latent = mean.float()
        return (latent * self.vae.scaling_factor, *taps)


class Unet(nn.Module):
    """latent [B,C,h,w], text_embedding [B,L,D], [noise [B,C,h,w], gamma [B]] → denoised [B,C,h,w], all float32."""

    def __init__(self, unet: TurboUnet, step: OneStep, guide: Guide | None) -> None:
        super().__init__()
        self.unet = unet
        self.step = step
        self.guide = guide

    def forward(self, latent: Tensor, text_embedding: Tensor, *inputs: Tensor) -> Tensor:
        if self.guide is not None:
            noise, gamma = inputs
            self.guide.gamma = gamma
            weight = gamma.reshape(-1, 1, 1, 1)
            latent = latent * weight + noise * (1.0 - weight)
        dtype = weight_dtype(self.unet)
        epsilon = self.unet(latent.to(dtype), text_embedding.to(dtype))
        return self.step(latent, epsilon.float())


class VaeDecoder(nn.Module):
    """denoised [B,C,h,w], four taps, [gamma [B]] → image uint8 [B,H,W,3]."""

    def __init__(self, vae: SkipVae, guide: Guide | None) -> None:
        super().__init__()
        self.vae = vae
        self.guide = guide

    def forward(self, denoised: Tensor, *inputs: Tensor) -> Tensor:
        return finish_image(self.unclamped(denoised, *inputs))

    def unclamped(self, denoised: Tensor, *inputs: Tensor) -> Tensor:
        """The picture before it becomes bytes, [B,3,H,W] in about [−1,1]."""
        taps, gamma = list(inputs[:4]), None
        if self.guide is not None:
            gamma = inputs[4]
            self.guide.gamma = gamma
        z = (denoised / self.vae.scaling_factor).to(weight_dtype(self.vae))
        return self.vae.decode_with_skips(z, taps, gamma)


class Translator(nn.Module):
    """image uint8 [B,H,W,3], text_embedding [B,L,D], noise [B,C,h,w], [gamma [B]] → image uint8 [B,H,W,3]."""

    def __init__(self, encoder: VaeEncoder, unet: Unet, decoder: VaeDecoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.unet = unet
        self.decoder = decoder

    def forward(self, image: Tensor, text_embedding: Tensor, noise: Tensor, *inputs: Tensor) -> Tensor:
        return finish_image(self.unclamped(image, text_embedding, noise, *inputs))

    def unclamped(self, image: Tensor, text_embedding: Tensor, noise: Tensor, *inputs: Tensor) -> Tensor:
        """The picture before it becomes bytes, [B,3,H,W] in about [−1,1]."""
        if self.encoder.guide is None:
            latent, *taps = self.encoder(image, noise)
            return self.decoder.unclamped(self.unet(latent, text_embedding), *taps)
        (gamma,) = inputs
        latent, *taps = self.encoder(image, gamma)
        return self.decoder.unclamped(self.unet(latent, text_embedding, noise, gamma), *taps, gamma)


def weight_dtype(module: nn.Module) -> torch.dtype:
    """The precision that a network computes in."""
    return next(module.parameters()).dtype
