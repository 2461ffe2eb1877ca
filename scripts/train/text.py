"""Teaches the text encoder its words before any picture is drawn: which style, which colour, which colours a name has.

    python -m train.text --steps 3000

Learned together with the pictures, words came last: a generator spends thousands of steps on lines and outlines while
its text encoder gets next to no gradient. The same facts asked of the text alone take minutes. What is taught is read
from the mean over all tokens, because that is what an untrained cross-attention sees.
"""

from __future__ import annotations

import argparse

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from . import tokenizer
from .data.colour import WORDS, to_lab
from .data.prompts import compose, templates
from .data.sample import Drawings
from .emoji import get_tokenizer
from .generator import EMOJI_SIZES, make_text_encoder
from .paths import RUNS
from .run import SEED

STYLES = [None, *templates()]
COLOURS = [None, *WORDS]
BINS = 4  # of each RGB channel
LAYOUT = 6  # places along a side


def palette(picture: np.ndarray, shapes: np.ndarray, body_lab: np.ndarray) -> np.ndarray:
    """What a name should bring to mind: shares of 64 coarse colours, the mean and the body's colour (Lab / 50), and a layout.

    The layout is the drawing at 6×6 places, folded in the middle, because half of the drawings are seen from the other side.
    """
    inside = picture[shapes > 0]
    codes = (inside // (256 // BINS)).astype(int) @ np.array([BINS * BINS, BINS, 1])
    shares = np.sqrt(np.bincount(codes, minlength=BINS**3) / max(len(codes), 1))
    mean = to_lab(inside.mean(0, keepdims=True).astype(np.float32)[None] / 255)[0, 0]
    layout = to_lab(cv2.resize(picture, (LAYOUT, LAYOUT), interpolation=cv2.INTER_AREA).astype(np.float32) / 255) / 50
    folded = (layout + layout[:, ::-1])[:, : LAYOUT // 2].ravel() / 2
    return np.concatenate([shares, mean / 50, body_lab / 50, folded]).astype(np.float32)


class Readings(nn.Module):
    """Linear heads on the mean token: style, colour word, palette."""

    def __init__(self, width: int, palette_size: int) -> None:
        super().__init__()
        self.style = nn.Linear(width, len(STYLES))
        self.colour = nn.Linear(width, len(COLOURS))
        self.palette = nn.Linear(width, palette_size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="emoji-sketch")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=48)
    args = parser.parse_args()
    torch.manual_seed(SEED)
    cv2.setNumThreads(1)
    sizes = EMOJI_SIZES
    words = get_tokenizer(args.run, sizes)
    clip = make_text_encoder(sizes)
    drawings = Drawings()
    rows = drawings.rows(held_out=False)
    weights = np.array([drawings.facts[row]["weight"] for row in rows])
    palettes = np.stack(
        [
            palette(
                np.asarray(drawings.pictures[256][row][::4, ::4]),
                np.asarray(drawings.shapes[256][row][::4, ::4]),
                drawings.facts[row]["body_lab"],
            )
            for row in rows
        ]
    )
    heads = Readings(sizes.text_width, palettes.shape[1])
    optimiser = torch.optim.AdamW([*clip.parameters(), *heads.parameters()], betas=(0.9, 0.98), weight_decay=0.01)
    rng = np.random.default_rng(SEED)
    for step in range(args.steps):
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * min(1, (step + 1) / 80) * (1 - 0.9 * step / args.steps)
        picked = rng.choice(len(rows), args.batch, p=weights / weights.sum())
        prompts, styles, colours = [], [], []
        for index in picked:
            facts = drawings.facts[rows[index]]
            styles.append(int(rng.integers(len(STYLES))) if rng.random() < 0.5 else 0)
            colours.append(int(rng.integers(len(COLOURS))) if rng.random() < 0.5 else 0)
            prompts.append(compose(rng, facts["name"], facts["keywords"], COLOURS[colours[-1]], STYLES[styles[-1]]))
        ids = torch.from_numpy(tokenizer.encode(words, prompts, sizes.tokens))
        seen = clip(input_ids=ids).last_hidden_state.mean(1)
        losses = (
            F.cross_entropy(heads.style(seen), torch.tensor(styles)),
            F.cross_entropy(heads.colour(seen), torch.tensor(colours)),
            F.mse_loss(heads.palette(seen), torch.from_numpy(palettes[picked])) * 15,
        )
        optimiser.zero_grad()
        sum(losses).backward()
        optimiser.step()
        if step % 100 == 99:
            print(f"step {step + 1}: style {losses[0]:.3f} colour {losses[1]:.3f} palette {losses[2]:.3f}", flush=True)
    path = RUNS / args.run / "text.pt"
    torch.save(clip.state_dict(), path)
    print(f"taught encoder in {path}; train.emoji takes it over when it starts or goes on")


if __name__ == "__main__":
    main()
