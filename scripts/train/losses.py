"""What counts as a good picture: colours where they belong, sharp edges, and (late in training) a critic."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def _gradients(x: Tensor) -> tuple[Tensor, Tensor]:
    return x[..., :, 1:] - x[..., :, :-1], x[..., 1:, :] - x[..., :-1, :]


def picture_loss(output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Per sample [B]: weighted L1, the same of edges, and L1 of 4× and 16× smaller copies.

    `output`, `target` [B,3,H,W] in [-1,1]; `weight` [B,1,H,W] of mean about 1.
    """
    difference = (output - target).abs() * weight
    loss = difference.mean((1, 2, 3))
    for out, aim in zip(_gradients(output), _gradients(target), strict=True):
        loss = loss + 0.7 * (out - aim).abs().mean((1, 2, 3))
    for size in (4, 16):
        loss = loss + 0.5 * (F.avg_pool2d(output, size) - F.avg_pool2d(target, size)).abs().mean((1, 2, 3))
    return loss


def colour_loss(output: Tensor, latent: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Per sample [B]: squared error of coarse colours, of the output in the object and of the latent's first three channels.

    Squared, because L1 is content with the median colour of all drawings and lets go of it only one style at a time; on
    the latent, so that the UNet hears of colours without the decoder in between. Not on the output's paper (`mask` [B,1,H,W]
    is 1 in the object): what is an object's in one of three drawings would be a third of a cloud in each.
    """
    coarse = F.avg_pool2d(target, 16)
    own = ((F.avg_pool2d(output, 16) - coarse).square() * F.avg_pool2d(mask, 16)).mean((1, 2, 3))
    return 2 * own + 2 * (latent[:, :3] - coarse).square().mean((1, 2, 3))


def evenness_loss(output: Tensor, target: Tensor, parts: Tensor) -> Tensor:
    """Per sample [B]: how far the error differs, within each part of the object, from its mean over the part.

    A part in a wrong colour is forgiven here, one that is half in this and half in that is not: the other losses ask for
    nothing better where the network does not know which. `parts` uint8 [B,1,H,W] numbers the parts, 0 is no part.
    """
    size = 4
    error = F.avg_pool2d(output - target, size).permute(0, 2, 3, 1).flatten(0, 2)
    number = parts[:, 0, size // 2 :: size, size // 2 :: size].long()
    samples = torch.arange(len(number), device=number.device).reshape(-1, 1, 1)
    part = (number + 256 * samples).flatten()
    sums = error.new_zeros(256 * len(number), 3).index_add(0, part, error)
    mean = sums / torch.bincount(part, minlength=len(sums)).clamp(min=1).unsqueeze(1)
    uneven = (error - mean[part]).abs().mean(1) * (number.flatten() > 0)
    return uneven.reshape(len(number), -1).mean(1)


class PatchCritic(nn.Module):
    """Judges patches of about 40 pixels, given what was drawn: [B,6,H,W] (picture, sketch) → scores and its features."""

    def __init__(self, inputs: int = 6, width: int = 24) -> None:
        super().__init__()
        widths = [width, width * 2, width * 3, width * 4]
        layers = []
        before = inputs
        for index, after in enumerate(widths):
            stride = 2 if index < 3 else 1
            conv = nn.utils.parametrizations.spectral_norm(nn.Conv2d(before, after, 4, stride, 1))
            layers.append(conv)
            before = after
        self.layers = nn.ModuleList(layers)
        self.score = nn.utils.parametrizations.spectral_norm(nn.Conv2d(before, 1, 3, 1, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        return self.score(x), features


def critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Hinge loss of the critic."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def feature_loss(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """Distance in the critic's own features (pix2pixHD's feature matching): a perceptual loss that we may ship."""
    return torch.stack([F.l1_loss(b, a.detach()) for a, b in zip(real, fake, strict=True)]).mean()
