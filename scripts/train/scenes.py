"""What day-night is taught on: two sets of street scenes, of which no scene is in both."""

from __future__ import annotations

from multiprocessing import Pool

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .data.street import PARTS, render_with_parts
from .paths import PREPARED

SCENES = 1500  # of each kind
SIDE = 512  # as they are kept; at half that, a star is less than a pixel
# Scenes 0…SCENES are seen by day, the next as many by night, and what lies above is for evaluation.
HELD_OUT = 1_000_000
KINDS = ("day", "night")


class Scenes:
    """One of the two unpaired sets: `SCENES` street scenes by day or by night, kept at 512×512 and drawn on first use.

    With each comes which part is where, in that scene: no scene is in both sets.
    """

    def __init__(self, kind: str) -> None:
        path = PREPARED / f"street-{kind}-parts{SIDE}.npy"
        if not path.is_file():
            PREPARED.mkdir(parents=True, exist_ok=True)
            night = kind == "night"
            first = SCENES if night else 0
            with Pool(2) as pool:
                scenes = pool.starmap(render_with_parts, [(first + i, night, SIDE) for i in range(SCENES)], chunksize=16)
            # In one move: half a table would end every later start.
            aside = path.with_suffix(".part.npy")
            np.save(aside, np.stack([np.dstack(scene) for scene in scenes]))
            aside.replace(path)
        self._scenes = np.load(path, mmap_mode="r")

    def take(self, rng: np.random.Generator, crops: np.ndarray, crop: int, side: int) -> tuple[Tensor, Tensor]:
        """Random scenes at `side`×`side`, and of each the square whose corner is in `crops` [B, 2].

        Not mirrored: a crescent that opens to either side would teach a moon that is half of both.

        Pictures [B, 3, crop, crop] in [-1, 1]; parts [B, P, crop, crop], 1 where a part is and 0 elsewhere.
        """
        pictures, parts, scale = [], [], SIDE // side
        for top, left in crops * scale:
            whole = self._scenes[rng.integers(SCENES)]
            scene = np.ascontiguousarray(whole[top : top + crop * scale, left : left + crop * scale])
            pictures.append(cv2.resize(scene[..., :3], (crop, crop), interpolation=cv2.INTER_AREA))
            parts.append(scene[::scale, ::scale, 3])
        batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
        one_hot = F.one_hot(torch.from_numpy(np.stack(parts)).long(), len(PARTS)).permute(0, 3, 1, 2).float()
        return tuple(x.contiguous(memory_format=torch.channels_last) for x in (batch, one_hot))
