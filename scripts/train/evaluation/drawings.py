"""The drawings a sketch bundle is asked for, and what it makes of them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..bundle import Bundle, conditioning
from ..data.sample import Drawings, Request, Sample, make

SIDE = 512


def draw(
    drawings: Drawings,
    rows: Iterable[int],
    colour: str | None = None,
    style: str | None = None,
    anywhere: bool = False,
) -> list[Sample]:
    """Drawings, roughly drawn, with the picture they should become: plain, with their body in an asked colour, in a style.

    They fill the paper, or are small and lie `anywhere` on it.
    """
    samples = []
    for number in rows:
        request = Request(
            colour=colour,
            style=style,
            prompt=f"a {drawings.facts[number]['name']}",
            gamma=1.0,
            roughness=0.8,
            strength=0.6,
            flip=False,
            anywhere=anywhere,
        )
        samples.append(make(drawings, int(number), SIDE, np.random.default_rng([9, int(number)]), request))
    return samples


def some(rows: np.ndarray, count: int | None, chances: np.ndarray | None = None) -> np.ndarray:
    """`count` of the rows, always the same ones; all where it is None."""
    if count is None:
        return rows
    if chances is not None:
        chances = chances / chances.sum()
    return np.random.default_rng(5).choice(rows, count, replace=False, p=chances)


def pixels(target: np.ndarray) -> np.ndarray:
    return (target * 255).astype(np.uint8)


def ask(bundle: Bundle, sample: Sample, colour: str | None = None) -> np.ndarray:
    """The bundle's picture of a drawing: "a duck", "a red duck"."""
    name = sample.facts["name"]
    return bundle.translate(conditioning(sample.sketch)[None], [f"a {colour} {name}" if colour else f"a {name}"])[0]
