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
from tokenizers import Tokenizer
from torch import Tensor, nn

from . import parallel, state, tokenizer
from .data.street import PARTS, render
from .generator import STREET_SIZES, Sizes, StreetGenerator
from .losses import PatchCritic, critic_loss, picture_loss
from .paths import RUNS
from .run import SEED, Run, add_arguments, begin, launch
from .scenes import HELD_OUT, KINDS, SIDE, Scenes
from .street_losses import (
    blurred_by_noise,
    carried_over,
    colour_distance,
    cycle_loss,
    part_distance,
    structure_distance,
    with_parts,
)

PROMPTS = {"a2b": "driving in the night", "b2a": "driving in the day"}


def get_tokenizer(name: str) -> Tokenizer:
    """The run's tokenizer, built on first use."""
    return tokenizer.of_run(name, lambda: list(PROMPTS.values()) * 10, STREET_SIZES.vocabulary, STREET_SIZES.tokens)


def preview(model: StreetGenerator, ids: dict[str, Tensor], path: Path) -> None:
    """Held-out scenes: day → night and night → day, input above output."""
    rows = []
    for half, night in (("a2b", False), ("b2a", True)):
        pictures = np.stack([render(HELD_OUT + i, night, SIDE) for i in range(5)])
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
        preview=lambda: preview(average.module, ids, RUNS / args.run / "preview.png"),
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
            losses["parts"] = 4 * (
                part_distance(fake_night, night, day_parts, night_parts, args.side, slices)
                + part_distance(fake_day, day, night_parts, day_parts, args.side, slices)
            )
            losses["carried"] = 2 * (carried_over(day, fake_night, day_parts) + carried_over(night, fake_day, night_parts))
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
