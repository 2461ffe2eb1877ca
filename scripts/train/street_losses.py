"""What an unpaired translation of streets is asked for, besides what a critic says."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .data.street import PARTS
from .losses import picture_loss

# Parts that are another thing by night, and how much of the way back is asked of them. Who has to bring back every star must
# leave it in the day, and who has to bring back clouds lines them with stars by night.
CHANGING_CYCLE = {"sky": 0.0, "orb": 0.0, "pane": 0.15, "lamp": 0.15, "light": 0.15}
# How many pixels of a part are compared.
SAMPLES = 4096
# How far around something in the sky nothing may be left of it, in pixels across.
REACH = 9
# The sun's and the moon's share of a scene.
ORB_AREA = torch.pi * 0.045**2
# Standard deviation of what is laid over a translation before it is translated back.
HIDING_NOISE = 0.05


def _sliced_wasserstein(fake: Tensor, real: Tensor, directions: Tensor) -> Tensor:
    """Of two sets of samples [C,N], seen along directions [D,C]: how far the sorted ones lie apart on the mean."""
    a, b = (torch.sort(directions @ samples, dim=1).values for samples in (fake, real))
    return (a - b).abs().mean()


def colour_distance(fake: Tensor, real: Tensor, generator: torch.Generator) -> Tensor:
    """Sliced Wasserstein distance between two batches' distributions of (colour, part of the scene): both [B, 3 + P, H, W].

    Unpaired, and steadier than a critic: skies learn the sky's colour and roads the road's from the first step.
    """

    def pixels(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 4).permute(1, 0, 2, 3).flatten(1)

    directions = torch.randn(24, fake.shape[1], generator=generator, device=fake.device)
    # Colours count for about as much as which part they are of.
    directions = torch.cat([F.normalize(directions[:, :3], dim=1), directions[:, 3:]], 1)
    return _sliced_wasserstein(pixels(fake), pixels(real), directions)


def _details(picture: Tensor) -> Tensor:
    """What is told of each pixel: its colour, and how far its surroundings differ from theirs. [B,3,H,W] → [B,4,H,W]."""
    grey = picture.mean(1, keepdim=True)
    near = F.avg_pool2d(grey, 8)
    lump = F.interpolate(near - F.avg_pool2d(near, 7, 1, 3, count_include_pad=False), scale_factor=8.0)
    return torch.cat([picture, 4 * lump], 1)


def _places(parts: Tensor) -> Tensor:
    """Where each pixel lies in its part [B,1,H,W], from its middle and in units of about its radius: x and y, [B,2,H,W]."""
    rows, columns = (torch.arange(size, device=parts.device, dtype=torch.float32) for size in parts.shape[-2:])
    count = parts.sum((2, 3), keepdim=True).clamp(min=1)
    y, x = rows.reshape(1, 1, -1, 1), columns.reshape(1, 1, 1, -1)
    middles = [(parts * axis).sum((2, 3), keepdim=True) / count for axis in (x, y)]
    radius = (count / torch.pi).sqrt()
    return torch.cat([(axis - middle).expand_as(parts) / radius for axis, middle in zip((x, y), middles, strict=True)], 1)


def part_distance(
    fake: Tensor, real: Tensor, fake_parts: Tensor, real_parts: Tensor, side: int, generator: torch.Generator
) -> Tensor:
    """How differently two batches look where day and night are another thing: a mean of sliced Wasserstein distances, one
    for each of those parts, however small it is.

    Pictures [B,3,H,W] and parts [B,P,H,W], cut out of scenes of `side`×`side`. Of the orb it also counts what is where: a
    moon is dark on one side.
    """
    distances = []
    about = [(_details(picture.clamp(-1, 1)), parts) for picture, parts in ((fake, fake_parts), (real, real_parts))]
    for name in CHANGING_CYCLE:
        samples = []
        for details, parts in about:
            part = parts[:, PARTS.index(name)][:, None]
            if name == "orb":
                # A sun that is cut off has its middle elsewhere.
                part = part * (part.sum((1, 2, 3), keepdim=True) > 0.9 * ORB_AREA * side**2)
                details = torch.cat([details, _places(part)], 1)
            where = part.flatten().nonzero().squeeze(1)
            if len(where) < SAMPLES // 64:
                break
            where = where[torch.randint(len(where), (SAMPLES,), generator=generator, device=where.device)]
            samples.append(details.permute(0, 2, 3, 1).flatten(0, 2)[where].T)
        if len(samples) == 2:
            width = len(samples[0])
            directions = torch.randn(width, 16, generator=generator, device=fake.device).T
            # Each alone, too.
            directions = torch.cat([F.normalize(directions, dim=1), torch.eye(width, device=fake.device)])
            distances.append(_sliced_wasserstein(*samples, directions))
    return torch.stack(distances).mean() if distances else fake.new_zeros(())


def steady_parts(parts: Tensor) -> Tensor:
    """Parts [B,P,H,W] → 1 where what is there looks alike by day and night but for its colour, [B,1,H,W]."""
    return 1 - parts[:, [PARTS.index(name) for name in CHANGING_CYCLE]].sum(1, keepdim=True)


def cycle_loss(back: Tensor, picture: Tensor, parts: Tensor) -> Tensor:
    """How far a picture that was translated there and back is from itself, above all in what is steady."""
    asked = torch.tensor([CHANGING_CYCLE.get(name, 1.0) for name in PARTS], device=parts.device)
    weight = (parts * asked.reshape(1, -1, 1, 1)).sum(1, keepdim=True)
    return picture_loss(back * weight, picture * weight, torch.ones_like(weight)).mean()


def structure_distance(before: Tensor, after: Tensor, parts: Tensor) -> Tensor:
    """How far two pictures' edges differ in place and direction: a translation moves and invents nothing.

    Edges are measured against their surroundings, so that a dark house's edges count as much as a bright one's; with
    their sign, because without it a night with white and black exchanged was as good. Not in the sky, whose stars would shine
    by day, nor at what is lit by night.
    """

    def relative(x: Tensor) -> Tensor:
        grey = F.avg_pool2d(x.mean(1, keepdim=True), 2)
        dx = F.pad(grey[..., :, 1:] - grey[..., :, :-1], (0, 1))
        dy = F.pad(grey[..., 1:, :] - grey[..., :-1, :], (0, 0, 0, 1))
        return torch.cat([dx, dy], 1) / (F.avg_pool2d(dx.abs() + dy.abs(), 15, 1, 7) + 0.03)

    return ((relative(before) - relative(after)).abs() * F.avg_pool2d(steady_parts(parts), 2)).mean()


def with_parts(picture: Tensor, parts: Tensor) -> Tensor:
    """A picture and what its scene has where, as critics see it and colours are compared: [B, 3 + P, H, W].

    The picture ends at black and white there, as it will for people, or a critic's score could be raised without end beyond.
    """
    return torch.cat([picture.clamp(-1, 1), parts], 1)


def blurred_by_noise(picture: Tensor) -> Tensor:
    """The picture under faint noise: what a translation hides in it for the way back (where lamps glowed, as rims) is lost.

    Bashkirova et al., "Adversarial Self-Defense for Cycle-Consistent GANs", https://arxiv.org/abs/1908.01517.
    """
    return picture + HIDING_NOISE * torch.randn_like(picture)


def carried_over(before: Tensor, after: Tensor, parts: Tensor) -> Tensor:
    """How much the sky of a translation shows where the picture's own showed something: stars by day, clouds' outlines by night.

    Nothing there has a counterpart, and skips bring it along unless this is asked.
    """

    def range_within(x: Tensor, size: int) -> Tensor:
        return F.max_pool2d(x, size, 1, size // 2) + F.max_pool2d(-x, size, 1, size // 2)

    other = 1 - parts[:, PARTS.index("sky")][:, None]
    alone = 1 - F.max_pool2d(other, 2 * REACH - 1, 1, REACH - 1)
    shown = range_within(before.mean(1, keepdim=True), REACH).clamp(max=1)
    return (alone * shown * range_within(after, 3).mean(1, keepdim=True)).sum() / (alone * shown).sum().clamp(min=1)
