"""Prepares the cache that samples are made from: pictures, shape maps and outlines of every drawing, once.

python -m train.data.prepare            (about five minutes on two busy cores, 3 GB in the cache)
"""

import argparse
import pickle
from multiprocessing import Pool
from pathlib import Path

import cv2
import numpy as np

from export.files import folder_aside

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
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    cv2.setNumThreads(1)
    icons.fetch()
    # Aside, since what is there may be mapped into the memory of a run.
    with folder_aside(PREPARED, replace=True) as aside:
        facts = prepare(icons.load(), aside)
    print(f"{len(facts)} drawings, {sum(fact['held_out'] for fact in facts)} held out, in {PREPARED}")


def prepare(drawings: list[icons.Icon], folder: Path) -> list[dict]:
    """Writes the tables and facts of the drawings that have something to draw; gives the facts."""

    def table(name: str, *shape: int) -> np.memmap:
        shape = (len(drawings), *shape)
        return np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=np.uint8, shape=shape)

    pictures, halves = table("pictures512", SIDE, SIDE, 3), table("pictures256", HALF, HALF, 3)
    shapes, half_shapes = table("shapes512", SIDE, SIDE), table("shapes256", HALF, HALF)
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
    (folder / "facts.pkl").write_bytes(pickle.dumps(facts))
    return facts


if __name__ == "__main__":
    main()
