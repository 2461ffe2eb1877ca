"""Prepares the cache that samples are made from: pictures, shape maps and outlines of every drawing, once.

python -m train.data.prepare            (about five minutes on two busy cores, 3 GB in the cache)
"""

import pickle
from multiprocessing import Pool

import cv2
import numpy as np

from ..paths import PREPARED
from . import icons, outline, raster
from .colour import body_shapes

SIDE = 512
HALF = SIDE // 2


def _one(icon: icons.Icon) -> tuple | None:
    """Picture, half picture, shapes, half shapes and facts of one drawing; None for one that has nothing to draw."""
    picture = raster.picture(icon.svg, SIDE)
    shapes = raster.shape_map(icon.svg, SIDE)
    if (shapes > 0).mean() < 0.02:
        return None
    strokes = outline.trace(shapes, picture)
    if not strokes:
        return None
    body, body_lab = body_shapes(shapes, picture)
    facts = {
        "source": icon.source,
        "key": icon.key,
        "name": icon.name,
        "category": icon.category,
        "keywords": icon.keywords,
        "weight": icon.weight,
        "held_out": icon.held_out,
        "strokes": strokes,
        "body": body,
        "body_lab": body_lab,
    }
    half = cv2.resize(picture, (HALF, HALF), interpolation=cv2.INTER_AREA)
    return picture, half, shapes, np.ascontiguousarray(shapes[1::2, 1::2]), facts


def main() -> None:
    cv2.setNumThreads(1)
    icons.fetch()
    drawings = icons.load()
    PREPARED.mkdir(parents=True, exist_ok=True)
    # What is half written must not be taken for whole: the facts, which tell that there is a table, come last.
    (PREPARED / "facts.pkl").unlink(missing_ok=True)
    count = len(drawings)

    def table(name: str, shape: tuple[int, ...]) -> np.memmap:
        return np.lib.format.open_memmap(PREPARED / f"{name}.npy", mode="w+", dtype=np.uint8, shape=shape)

    pictures = table("pictures512", (count, SIDE, SIDE, 3))
    halves = table("pictures256", (count, HALF, HALF, 3))
    shapes = table("shapes512", (count, SIDE, SIDE))
    half_shapes = table("shapes256", (count, HALF, HALF))
    facts = []
    with Pool(2) as pool:
        for made in pool.imap(_one, drawings, chunksize=8):
            if made is None:
                continue
            row = len(facts)
            pictures[row], halves[row], shapes[row], half_shapes[row] = made[:4]
            facts.append(made[4])
    for each in (pictures, halves, shapes, half_shapes):
        each.flush()
    aside = PREPARED / "facts.pkl.part"
    aside.write_bytes(pickle.dumps(facts))
    aside.replace(PREPARED / "facts.pkl")
    print(f"{len(facts)} drawings of {count}, {sum(f['held_out'] for f in facts)} held out, in {PREPARED}")


if __name__ == "__main__":
    main()
