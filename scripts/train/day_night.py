"""Trains the day-night generator, unpaired; stop it with Ctrl-C or SIGTERM at any time, the same command goes on.

python -m train.day_night --side 128 --batch 3 --minutes 30 --lr 2e-3 --lr-end 4e-4

The phases of a whole training are in scripts/train/README.md.
"""

from __future__ import annotations

import argparse
from multiprocessing import Pool
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor, nn

from . import parallel, state, tokenizer
from .data.street import render
from .generator import STREET_SIZES, Sizes, StreetGenerator
from .losses import PatchCritic, critic_loss, picture_loss
from .paths import PREPARED, RUNS
from .run import SEED, Run, add_arguments, begin, launch

SCENES = 1500  # of each kind
SIDE = 256
# Scenes 0…SCENES are seen by day, the next as many by night, and what lies above is for evaluation.
HELD_OUT = 1_000_000
KINDS = ("day", "night")
PROMPTS = {"a2b": "driving in the night", "b2a": "driving in the day"}


def get_tokenizer(name: str) -> Tokenizer:
    """The run's tokenizer, built on first use."""
    return tokenizer.of_run(name, lambda: list(PROMPTS.values()) * 10, STREET_SIZES.vocabulary, STREET_SIZES.tokens)


class Scenes:
    """One of the two unpaired sets: `SCENES` street scenes by day or by night, kept at 256×256 and drawn on first use."""

    def __init__(self, kind: str) -> None:
        self._night = kind == "night"
        self._first = SCENES if self._night else 0
        path = PREPARED / f"street-{kind}.npy"
        if not path.is_file():
            PREPARED.mkdir(parents=True, exist_ok=True)
            with Pool(2) as pool:
                pictures = pool.starmap(render, [(self._first + i, self._night, SIDE) for i in range(SCENES)], chunksize=16)
            # In one move: half a table would end every later start.
            aside = path.with_suffix(".part.npy")
            np.save(aside, np.stack(pictures))
            aside.replace(path)
        self._pictures = np.load(path, mmap_mode="r")

    def take(self, rng: np.random.Generator, count: int, side: int) -> Tensor:
        """A batch of random scenes, mirrored half of the time: [count, 3, side, side] in [-1, 1]."""
        picked = []
        for index in rng.integers(0, SCENES, count):
            if side > SIDE:
                picture = render(self._first + int(index), self._night, side)
            else:
                picture = cv2.resize(np.asarray(self._pictures[index]), (side, side), interpolation=cv2.INTER_AREA)
            picked.append(picture[:, ::-1] if rng.random() < 0.5 else picture)
        batch = torch.from_numpy(np.stack(picked)).permute(0, 3, 1, 2)
        return (batch.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def colour_distance(fake: Tensor, real: Tensor, generator: torch.Generator) -> Tensor:
    """Sliced Wasserstein distance between two batches' distributions of (colour, height in the picture).

    Unpaired, and steadier than a critic: skies learn the sky's colour and roads the road's from the first step.
    """
    side = fake.shape[-1] // 4
    height = torch.linspace(-1, 1, side, device=fake.device).reshape(1, 1, side, 1).expand(fake.shape[0], 1, side, side)

    def pixels(x: Tensor) -> Tensor:
        return torch.cat([F.avg_pool2d(x, 4), height * 1.5], 1).permute(1, 0, 2, 3).reshape(4, -1)

    directions = F.normalize(torch.randn(24, 4, generator=generator, device=fake.device), dim=1)
    a, b = (torch.sort(directions @ pixels(x), dim=1).values for x in (fake, real))
    return (a - b).abs().mean()


def structure_distance(before: Tensor, after: Tensor) -> Tensor:
    """How far two pictures' edges differ in place and direction: a translation moves and invents nothing.

    Edges are measured against their surroundings, so that a dark house's edges count as much as a bright one's; with
    their sign, because without it a night with white and black exchanged was as good.
    """

    def relative(x: Tensor) -> Tensor:
        grey = F.avg_pool2d(x.mean(1, keepdim=True), 2)
        dx = F.pad(grey[..., :, 1:] - grey[..., :, :-1], (0, 1))
        dy = F.pad(grey[..., 1:, :] - grey[..., :-1, :], (0, 0, 0, 1))
        return torch.cat([dx, dy], 1) / (F.avg_pool2d(dx.abs() + dy.abs(), 15, 1, 7) + 0.03)

    return (relative(before) - relative(after)).abs().mean()


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
    return parser.parse_args()


def train(rank: int, args: argparse.Namespace) -> None:
    """One process of a run."""
    device, half = begin(args)
    sizes: Sizes = STREET_SIZES
    words = get_tokenizer(args.run)
    ids = {half: torch.from_numpy(tokenizer.encode(words, [prompt], sizes.tokens)) for half, prompt in PROMPTS.items()}
    model = StreetGenerator(sizes).to(device, memory_format=torch.channels_last)
    average = state.Average(model)
    critics = nn.ModuleDict({kind: PatchCritic(inputs=3, width=12) for kind in KINDS})
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
        about={},
        preview=lambda: preview(average.module, ids, RUNS / args.run / "preview.png", max(SIDE, args.side)),
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
        day, night = (sets[kind].take(rng, args.batch, args.side).to(device) for kind in KINDS)
        with half:
            fake_night, fake_day = model(day, to_night, "a2b"), model(night, to_day, "b2a")
            losses = {}
            losses["cycle"] = (
                picture_loss(model(fake_night, to_day, "b2a"), day, ones).mean()
                + picture_loss(model(fake_day, to_night, "a2b"), night, ones).mean()
            )
            # The translation of what is there already is itself; a quarter of the steps are enough to hold it.
            if step % 4 == 0:
                losses["identity"] = 2 * (
                    picture_loss(model(night, to_night, "a2b"), night, ones).mean()
                    + picture_loss(model(day, to_day, "b2a"), day, ones).mean()
                )
            losses["colours"] = 6 * (colour_distance(fake_night, night, slices) + colour_distance(fake_day, day, slices))
            losses["structure"] = 2 * (structure_distance(day, fake_night) + structure_distance(night, fake_day))
            losses["critic"] = -0.15 * (critics["night"](fake_night)[0].mean() + critics["day"](fake_day)[0].mean())
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
            critic_loss(*critics[kind](torch.cat([real, fake.detach()]))[0].chunk(2))
            for kind, real, fake in (("day", day, fake_day), ("night", night, fake_night))
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
