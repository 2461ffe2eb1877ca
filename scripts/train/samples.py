"""Writes the sample sketches in docs/samples: hand-drawn looking lines of a few drawings, dark on white, 512×512.

python -m train.samples
"""

import pickle

import cv2
import numpy as np

from .data.sketch import draw, random_warp
from .paths import PREPARED, ROOT

# (file name, set, drawing, seed)
SAMPLES = (
    ("duck", "fluent-emoji-flat", "duck", 12),
    ("cat-face", "noto", "cat-face", 3),
    ("house", "fluent-emoji-flat", "house", 5),
    ("rabbit", "fluent-emoji-flat", "rabbit-face", 8),
    ("swan", "noto", "swan", 2),  # held out of training
)


def main() -> None:
    with (PREPARED / "facts.pkl").open("rb") as file:
        facts = {(fact["source"], fact["key"]): fact for fact in pickle.load(file)}
    folder = ROOT / "docs" / "samples"
    folder.mkdir(parents=True, exist_ok=True)
    for name, source, key, seed in SAMPLES:
        rng = np.random.default_rng(seed)
        warp = random_warp(rng, 512, flip=False, strength=0.3)
        ink = draw(rng, facts[source, key]["strokes"], warp, roughness=0.6)
        cv2.imwrite(str(folder / f"{name}.png"), 255 - (ink.astype(np.float32) * 0.9).astype(np.uint8))


if __name__ == "__main__":
    main()
