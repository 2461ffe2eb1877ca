"""How near pictures come to what was asked for."""

from __future__ import annotations

import numpy as np

from .. import metrics
from ..data.sample import Sample
from .drawings import pixels
from .lpips_distance import lpips_distance
from .report import Results, row


class Likeness:
    """How near pictures come to their targets, against painting the object in one colour: its mean, or its median if nearer.

    `barred` where the bars hold: there the painting is also given the drawn lines.
    """

    def __init__(self, barred: bool = False) -> None:
        self.barred = barred
        self._found: dict[str, list[float]] = {}

    def add(self, picture: np.ndarray, sample: Sample) -> None:
        target, mask = pixels(sample.target), sample.mask > 0.5
        inside = target[mask]
        colours = inside.mean(0), np.median(inside, axis=0)
        filled = [metrics.constant_filling(mask, colour, None) for colour in colours]
        values = {
            "lpips": lpips_distance(picture, target),
            "lpips of filling": min(lpips_distance(each, target) for each in filled),
            "distance": metrics.perceptual(picture, target),
            "distance of filling": min(metrics.perceptual(each, target) for each in filled),
            "error": metrics.colour_error(picture, target, mask),
            "mean_error": metrics.colour_error(filled[0], target, mask),
            "unevenness": metrics.unevenness(picture, target, sample.shapes, sample.sketch),
        }
        if self.barred:
            inked = (metrics.constant_filling(mask, colour, sample.sketch) for colour in colours)
            values["lpips of inked"] = min(lpips_distance(each, target) for each in inked)
        for key, value in values.items():
            self._found.setdefault(key, []).append(value)

    def mean(self, key: str) -> float:
        return float(np.mean(self._found[key]))

    def ratio(self, above: str, below: str) -> float:
        return self.mean(above) / self.mean(below)


def likeness_rows(results: Results, of: str, found: Likeness) -> None:
    """The ratios, which have bars on held-out drawings asked for by name alone, and how far colours run."""
    barred = found.barred
    ratio = found.ratio("lpips", "lpips of filling")
    bars = ("< 0.5", "< 0.667") if barred else ("(no bar)", "(no bar)")
    row(results, f"{of}: LPIPS / best constant filling's", ratio, bars[0], ratio < 0.5 or not barred)
    if barred:
        row(results, f"{of}: the same, filling given the drawn lines", found.ratio("lpips", "lpips of inked"), "(no bar)", True)
    ratio = found.ratio("distance", "distance of filling")
    row(results, f"{of}: the same by SSIM and colour distance", ratio, "(no bar)", True)
    ratio = found.ratio("error", "mean_error")
    row(results, f"{of}: object colour error / its own mean colour's", ratio, bars[1], ratio < 2 / 3 or not barred)
    row(results, f"{of}: colours running within a part (Lab)", found.mean("unevenness"), "(no bar)", True)
