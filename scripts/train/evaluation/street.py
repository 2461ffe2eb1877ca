"""All measures of a bundle that turns days into nights and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .. import metrics
from ..bundle import Bundle
from ..data.street import render
from ..day_night import HELD_OUT, PROMPTS
from .report import Results, row
from .speed import SIDE, speed


def evaluate_street(folder: Path, count: int | None) -> tuple[Results, np.ndarray]:
    """All measures of day-night and its contact sheet."""
    bundle, results, sheet = Bundle(folder), {}, []
    total = count or 40
    for direction, half, night in (("day_to_night", "a2b", False), ("night_to_day", "b2a", True)):
        right, recall, gain = [], [], []
        pairs = []
        for index in range(total):
            source = render(HELD_OUT + 100 + index, night, SIDE)
            result = bundle.translate(source[None], [PROMPTS[half]], direction=direction)[0]
            change = metrics.lab(result)[..., 0].mean() - metrics.lab(source)[..., 0].mean()
            right.append(change > 5 if night else change < -5)
            gain.append(change)
            recall.append(metrics.edge_recall(source, result))
            if index < 5:
                pairs.append((source, result))
        sheet += [np.hstack([s for s, _ in pairs]), np.hstack([r for _, r in pairs])]
        words = direction.replace("_", " ")
        row(results, f"{words}: luminance moves the right way", float(np.mean(right)), "1.00", bool(np.all(right)))
        row(results, f"{words}: edges survive", float(np.mean(recall)), ">= 0.85", float(np.mean(recall)) >= 0.85)
        row(results, f"{words}: change of lightness (L of 100)", float(np.mean(gain)), "(no bar)", True)
    millis = speed(bundle)
    row(results, "fastest 512×512 picture", millis, "<= 150 ms", millis <= 150, " ms")
    row(results, "size on disk", bundle.size_on_disk / 1e6, "<= 15 MB", bundle.size_on_disk <= 15e6, " MB")
    return results, np.vstack(sheet)
