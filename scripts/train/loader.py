"""Batches of training samples, made by worker processes while the network trains."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import cv2
import numpy as np
import torch
from tokenizers import Tokenizer
from torch.utils.data import DataLoader, IterableDataset

from .data.sample import Drawings, Sample, make
from .tokenizer import encode


def collate(samples: list[Sample], tokenizer: Tokenizer, length: int) -> dict[str, torch.Tensor]:
    """`sketch` and `shapes` uint8 [B,1,H,W], `target` uint8 [B,3,H,W], `weight` and `mask` float16 [B,1,H,W].

    Also `ids` [B,L], `noise` and `gamma` [B].
    """
    return {
        **{
            key: torch.from_numpy(np.stack([getattr(s, key) for s in samples])[:, None].astype(np.uint8))
            for key in ("sketch", "shapes")
        },
        "target": torch.from_numpy(np.stack([(s.target * 255 + 0.5).astype(np.uint8) for s in samples])).permute(0, 3, 1, 2),
        **{
            key: torch.from_numpy(np.stack([getattr(s, key) for s in samples])[:, None].astype(np.float16))
            for key in ("weight", "mask")
        },
        "ids": torch.from_numpy(encode(tokenizer, [s.prompt for s in samples], length)),
        "noise": torch.from_numpy(np.stack([s.noise for s in samples])),
        "gamma": torch.tensor([s.gamma for s in samples], dtype=torch.float32),
    }


class Batches(IterableDataset):
    """An endless stream of batches; a worker's stream is decided by `seed` and its number."""

    def __init__(
        self, tokenizer: Tokenizer, length: int, side: int, batch: int, seed: int, familiar: float, replay: float
    ) -> None:
        self.tokenizer, self.length, self.side, self.batch = tokenizer, length, side, batch
        self.seed, self.familiar, self.replay = seed, familiar, replay

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        worker = torch.utils.data.get_worker_info()
        if worker is not None:
            # The run's own handlers came along with the fork.
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        drawings = Drawings()
        rows = drawings.rows(held_out=False)
        chances = np.array([drawings.facts[row]["weight"] for row in rows]) ** self.familiar
        chances /= chances.sum()
        kept: list[dict[str, torch.Tensor]] = []
        while True:
            if len(kept) >= 24 and rng.random() < self.replay:
                yield kept[int(rng.integers(len(kept)))]
                continue
            picked = rng.choice(rows, self.batch, p=chances)
            batch = collate([make(drawings, int(row), self.side, rng) for row in picked], self.tokenizer, self.length)
            if self.replay > 0:
                kept = [*kept[-63:], batch]
            yield batch


def batches(
    tokenizer: Tokenizer,
    length: int,
    side: int,
    batch: int,
    seed: int,
    workers: int,
    familiar: float = 1.0,
    replay: float = 0.0,
) -> Iterator[dict[str, torch.Tensor]]:
    """Batches of `side` pixels. `familiar` above 1 prefers well-known names more, 0 treats all drawings alike.

    `replay` is the share of batches that are shown once more: worth it where making a sample costs as much as learning.
    """
    stream = Batches(tokenizer, length, side, batch, seed, familiar, replay)
    return iter(DataLoader(stream, batch_size=None, num_workers=workers, prefetch_factor=3 if workers else None))
