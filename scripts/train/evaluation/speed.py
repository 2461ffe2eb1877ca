"""How long a bundle takes."""

from __future__ import annotations

import time

import numpy as np

from ..bundle import Bundle

SIDE = 512


def speed(bundle: Bundle, runs: int = 12) -> float:
    """Milliseconds of the fastest of some runs for one 512×512 picture, text embedding included."""
    image = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    image[:, 100:400, 200:208] = 255
    best = np.inf
    for _ in range(runs):
        started = time.perf_counter()
        bundle.translate(image, ["a duck"])
        best = min(best, time.perf_counter() - started)
    return best * 1000
