"""All measures of a bundle that turns days into nights and back."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from .. import metrics
from ..bundle import Bundle
from ..data.colour import to_rgb
from ..data.street import PARTS, render_with_parts
from ..day_night import PROMPTS
from ..scenes import HELD_OUT
from .lpips_distance import lpips_distance
from .report import Results, Sheets, row
from .speed import SIDE, speed


def recoloured(source: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The source with each Lab channel brought to the truth's own mean and deviation: what needs no understanding."""
    a, b = metrics.lab(source), metrics.lab(truth)
    scaled = (a - a.mean((0, 1))) / (a.std((0, 1)) + 1e-6) * b.std((0, 1)) + b.mean((0, 1))
    return (to_rgb(scaled.astype(np.float32)) * 255).astype(np.uint8)


def evaluate_street(folder: Path, count: int | None) -> tuple[Results, Sheets]:
    """All measures of day-night and its contact sheet.

    The renderer draws every held-out scene at the other time of day too, which training never saw: the true answer.
    """
    bundle, results, sheet = Bundle(folder), {}, []
    total = count or 40
    for direction, half, night in (("day_to_night", "a2b", False), ("night_to_day", "b2a", True)):
        right, recall, precision, gain, distance, baseline, dots, true_dots = ([] for _ in range(8))
        pairs = []
        for index in range(total):
            seed = HELD_OUT + 100 + index
            (source, parts), (truth, _) = (render_with_parts(seed, at_night, SIDE) for at_night in (night, not night))
            result = bundle.translate(source[None], [PROMPTS[half]], direction=direction)[0]
            change = metrics.lab(result)[..., 0].mean() - metrics.lab(source)[..., 0].mean()
            right.append(change > 5 if night else change < -5)
            gain.append(change)
            recall.append(metrics.edge_recall(source, result))
            precision.append(metrics.edge_recall(result, source))
            distance.append(lpips_distance(result, truth))
            baseline.append(lpips_distance(recoloured(source, truth), truth))
            # Away from roofs and trees, whose gaps are as bright and as small.
            sky = cv2.erode((parts == PARTS.index("sky")).astype(np.uint8), np.ones((15, 15), np.uint8)) > 0
            dots.append(metrics.points_of_light(result, sky))
            true_dots.append(metrics.points_of_light(truth, sky))
            if index < 5:
                pairs.append((source, result))
        sheet += [np.hstack([s for s, _ in pairs]), np.hstack([r for _, r in pairs])]
        words = direction.replace("_", " ")
        row(results, f"{words}: luminance moves the right way", float(np.mean(right)), "1.00", bool(np.all(right)))
        row(results, f"{words}: edges survive", float(np.mean(recall)), ">= 0.85", float(np.mean(recall)) >= 0.85)
        row(results, f"{words}: edges that were there before", float(np.mean(precision)), "(no bar)", True)
        ratio = float(np.mean(distance) / np.mean(baseline))
        row(results, f"{words}: LPIPS to the true answer / recolouring's", ratio, "(no bar)", True)
        row(results, f"{words}: points of light in the sky", float(np.mean(dots)), "(no bar)", True)
        row(results, f"{words}: the same in the true answer", float(np.mean(true_dots)), "(no bar)", True)
        row(results, f"{words}: change of lightness (L of 100)", float(np.mean(gain)), "(no bar)", True)
    millis = speed(bundle)
    row(results, "fastest 512×512 picture", millis, "<= 150 ms", millis <= 150, " ms")
    row(results, "size on disk", bundle.size_on_disk / 1e6, "<= 15 MB", bundle.size_on_disk <= 15e6, " MB")
    return results, {"held-out.webp": (np.vstack(sheet), 1100)}
