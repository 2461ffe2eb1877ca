"""Trains the day-night generator, unpaired; stop it with Ctrl-C or SIGTERM at any time, the same command goes on.

python -m train.day_night --side 128 --batch 3 --minutes 30 --lr 2e-3 --lr-end 4e-4

The phases of a whole training are in scripts/train/README.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor, nn

from . import parallel, state, tokenizer
from .data.street import PARTS, render
from .generator import STREET_SIZES, Sizes, StreetGenerator
from .losses import PatchCritic, critic_loss, picture_loss
from .paths import RUNS
from .run import SEED, Run, add_arguments, begin, launch
from .scenes import HELD_OUT, KINDS, SIDE, Scenes

PROMPTS = {"a2b": "driving in the night", "b2a": "driving in the day"}
# Parts that are another thing by night, and how much of the way back is asked of them. Who has to bring back every star must
# leave it in the day, and who has to bring back clouds lines them with stars by night.
CHANGING_CYCLE = {"sky": 0.0, "orb": 0.0, "pane": 0.15, "lamp": 0.15, "light": 0.15}
# Standard deviation of what is laid over a translation before it is translated back.
HIDING_NOISE = 0.05


def get_tokenizer(name: str) -> Tokenizer:
    """The run's tokenizer, built on first use."""
    return tokenizer.of_run(name, lambda: list(PROMPTS.values()) * 10, STREET_SIZES.vocabulary, STREET_SIZES.tokens)


def colour_distance(fake: Tensor, real: Tensor, generator: torch.Generator) -> Tensor:
    """Sliced Wasserstein distance between two batches' distributions of (colour, part of the scene): both [B, 3 + P, H, W].

    Unpaired, and steadier than a critic: skies learn the sky's colour and roads the road's from the first step.
    """

    def pixels(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 4).permute(1, 0, 2, 3).flatten(1)

    directions = torch.randn(24, fake.shape[1], generator=generator, device=fake.device)
    # Colours count for about as much as which part they are of.
    directions = torch.cat([F.normalize(directions[:, :3], dim=1), directions[:, 3:]], 1)
    a, b = (torch.sort(directions @ pixels(x), dim=1).values for x in (fake, real))
    return (a - b).abs().mean()


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


def preview(model: StreetGenerator, ids: dict[str, Tensor], path: Path, side: int) -> None:
    """Held-out scenes: day → night and night → day, input above output."""
    rows = []
    for half, night in (("a2b", False), ("b2a", True)):
        pictures = np.stack([render(HELD_OUT + i, night, side) for i in range(5)])
        batch = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.no_grad():
            device = next(model.parameters()).device
            out = model(batch.to(device), ids[half].expand(len(batch), -1).to(device), half).clamp(-1, 1).cpu()
        rows += [np.hstack(list(pictures)), np.hstack(list(((out + 1) * 127.5).permute(0, 2, 3, 1).numpy()))]
    cv2.imwrite(str(path), np.vstack(rows).astype(np.uint8)[..., ::-1])


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser, "day-night", batch=2, save_minutes=3)
    parser.add_argument("--crop", type=int, help="pixels of the square that is cut out of a training picture; default: all of it")
    args = parser.parse_args()
    args.crop = args.crop or args.side
    if args.crop % 32 or not 64 <= args.crop <= args.side:
        parser.error(f"--crop {args.crop}: a multiple of 32, from 64 to --side ({args.side})")
    return args


def train(rank: int, args: argparse.Namespace) -> None:
    """One process of a run."""
    device, half = begin(args)
    sizes: Sizes = STREET_SIZES
    words = get_tokenizer(args.run)
    ids = {half: torch.from_numpy(tokenizer.encode(words, [prompt], sizes.tokens)) for half, prompt in PROMPTS.items()}
    model = StreetGenerator(sizes).to(device, memory_format=torch.channels_last)
    average = state.Average(model)
    critics = nn.ModuleDict({kind: PatchCritic(inputs=3 + len(PARTS), width=24) for kind in KINDS})
    critics = critics.to(device, memory_format=torch.channels_last)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=args.lr, betas=(0.5, 0.99), weight_decay=0.01, fused=True)
    critic_optimiser = torch.optim.AdamW(critics.parameters(), lr=4e-4, betas=(0.5, 0.99), weight_decay=0.0)
    run = Run(
        args,
        rank,
        parts={
            "model": model,
            "average": average.module,
            "critics": critics,
            "optimiser": optimiser,
            "critic_optimiser": critic_optimiser,
        },
        sizes=sizes.as_dict(),
        about={"crop": args.crop},
        preview=lambda: preview(average.module, ids, RUNS / args.run / "preview.png", SIDE),
        warm_up=40,
    )
    sets = {kind: Scenes(kind) for kind in KINDS}
    rng = np.random.default_rng([SEED, run.step, rank])
    slices = torch.Generator(device).manual_seed(SEED + run.step)
    ones = torch.ones(1, 1, 1, 1, device=device)
    to_night, to_day = (ids[h].to(device).expand(args.batch, -1) for h in ("a2b", "b2a"))
    for step in run.steps():
        for group in optimiser.param_groups:
            group["lr"] = run.rate
        # The same places by day and by night: what their colours are compared over should show as much sky.
        crops = rng.integers(0, args.side - args.crop, (args.batch, 2), endpoint=True)
        (day, day_parts), (night, night_parts) = (
            (x.to(device) for x in sets[kind].take(rng, crops, args.crop, args.side)) for kind in KINDS
        )
        with half:
            fake_night, fake_day = model(day, to_night, "a2b"), model(night, to_day, "b2a")
            losses = {}
            losses["cycle"] = cycle_loss(model(blurred_by_noise(fake_night), to_day, "b2a"), day, day_parts)
            losses["cycle"] += cycle_loss(model(blurred_by_noise(fake_day), to_night, "a2b"), night, night_parts)
            # The translation of what is there already is itself; a quarter of the steps are enough to hold it.
            if step % 4 == 0:
                losses["identity"] = 2 * (
                    picture_loss(model(night, to_night, "a2b"), night, ones).mean()
                    + picture_loss(model(day, to_day, "b2a"), day, ones).mean()
                )
            seen = {
                "night": (with_parts(night, night_parts), with_parts(fake_night, day_parts)),
                "day": (with_parts(day, day_parts), with_parts(fake_day, night_parts)),
            }
            losses["colours"] = 4 * sum(colour_distance(fake, real, slices) for real, fake in seen.values())
            losses["structure"] = 2 * (
                structure_distance(day, fake_night, day_parts) + structure_distance(night, fake_day, night_parts)
            )
            losses["critic"] = -0.5 * sum(critics[kind](fake)[0].mean() for kind, (_, fake) in seen.items())
        loss = sum(losses.values())
        optimiser.zero_grad(set_to_none=True)
        critics.requires_grad_(False)
        loss.backward()
        critics.requires_grad_(True)
        run.share(trained)
        if not run.is_sound(nn.utils.clip_grad_norm_(trained, 1.0)):
            continue
        optimiser.step()
        judged = sum(
            critic_loss(*critics[kind](torch.cat([real, fake.detach()]))[0].chunk(2)) for kind, (real, fake) in seen.items()
        )
        critic_optimiser.zero_grad(set_to_none=True)
        judged.backward()
        parallel.share_gradients(critics.parameters())
        critic_optimiser.step()
        average.update(model, step)
        run.done({key: value.item() for key, value in {**losses, "judged": judged}.items()}, 2 * args.batch)


def main() -> None:
    args = parse()
    get_tokenizer(args.run)
    for kind in KINDS:
        Scenes(kind)
    launch(train, args)


if __name__ == "__main__":
    main()
