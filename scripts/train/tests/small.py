"""Small generators whose every weight matters."""

from __future__ import annotations

import torch
from torch import nn

from train.generator import Sizes

SMALL = Sizes(
    vae_channels=[8, 8, 16, 16],
    decoder_depth=[1, 1, 1, 1],
    unet_channels=[16, 32],
    vocabulary=300,
    tokens=8,
    text_width=16,
    text_layers=1,
    unet_heads=2,
    latent_channels=8,
    spread=3,
)


@torch.no_grad()
def randomise(model: nn.Module) -> None:
    """Nothing is left at zero, where a mistake would not show."""
    for name, parameter in model.named_parameters():
        if "norm" in name:
            parameter.add_(0.1 * torch.randn_like(parameter))
        else:
            parameter.normal_(std=0.1 if parameter.dim() == 1 else parameter[0].numel() ** -0.5)
