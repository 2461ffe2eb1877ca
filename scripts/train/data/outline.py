"""Traces the lines a person would draw: the visible borders of a drawing's shapes, as polylines."""

from dataclasses import dataclass

import cv2
import numpy as np

# Sizes in pixels of the 512 px shape map.
SHORTEST = 12
DOT_AREA = 1100
DOT_THICKNESS = 8.0
DARK = 95


@dataclass
class Stroke:
    """One line: points float32 [K, 2] as (x, y); `filled` for dots and thin marks, which are blacked in.

    `contrast` is how much colour changes across it (0..255); `silhouette` whether some of it borders on paper.
    """

    points: np.ndarray
    closed: bool
    filled: bool
    silhouette: bool
    contrast: float


def _smooth(points: np.ndarray, closed: bool, sigma: float = 2.0, step: int = 4) -> np.ndarray:
    """Takes the staircase out of a pixel chain and thins it to one point every `step` pixels."""
    radius = int(3 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(points, ((radius, radius), (0, 0)), mode="wrap" if closed else "edge")
    smooth = np.stack([np.convolve(padded[:, i], kernel, mode="valid") for i in (0, 1)], 1)
    thinned = smooth[::step]
    return thinned if closed else np.concatenate([thinned, smooth[-1:]])


def _runs(kept: np.ndarray) -> list[np.ndarray]:
    """Index runs of a circular mask that are true; short holes are bridged."""
    if kept.all():
        return [np.arange(len(kept))]
    bridged = cv2.dilate(kept.astype(np.uint8)[None], np.ones((1, 5), np.uint8))[0].astype(bool)
    if bridged.all():
        return [np.arange(len(kept))]
    start = int(np.argmin(bridged))
    rolled = np.roll(bridged, -start)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], rolled.astype(np.int8), [0]])))
    return [(np.arange(a, b) + start) % len(kept) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def trace(shapes: np.ndarray, picture: np.ndarray) -> list[Stroke]:
    """Strokes of a shape map uint8 [H, W] and its picture uint8 [H, W, 3], longest first.

    A border between two shapes is drawn once: by the upper of the two.
    """
    highest = cv2.dilate(shapes, np.ones((3, 3), np.uint8))
    lowest = cv2.erode(shapes, np.ones((5, 5), np.uint8))
    blurred = cv2.GaussianBlur(picture, (0, 0), 1.0)
    spread = (cv2.dilate(blurred, np.ones((9, 9), np.uint8)).astype(int) - cv2.erode(blurred, np.ones((9, 9), np.uint8))).max(2)
    grey = picture.mean(2)
    strokes: list[Stroke] = []
    for shape in np.unique(shapes):
        if shape == 0:
            continue
        mask = (shapes == shape).astype(np.uint8)
        contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        area = float(mask.sum())
        length = float(sum(len(c) for c in contours))
        thin = length > 0 and 2 * area / length < DOT_THICKNESS
        dark = grey[mask > 0].mean() < DARK if area else False
        filled = bool(thin or (area < DOT_AREA and dark))
        for contour in contours:
            chain = contour[:, 0, :]
            if len(chain) < SHORTEST:
                continue
            if filled:
                strokes.append(Stroke(_smooth(chain.astype(np.float32), True, 1.2, 3), True, True, False, 255.0))
                continue
            kept = highest[chain[:, 1], chain[:, 0]] <= shape
            for run in _runs(kept):
                if len(run) < SHORTEST:
                    continue
                piece = chain[run]
                closed = len(run) == len(chain)
                points = _smooth(piece.astype(np.float32), closed)
                if len(points) < 3:
                    continue
                # A tenth is enough: a line that is left out for its faint part would open the outline where it borders on paper.
                silhouette = (lowest[piece[:, 1], piece[:, 0]] == 0).mean() > 0.1
                contrast = float(np.median(spread[piece[:, 1], piece[:, 0]]))
                strokes.append(Stroke(points, closed, False, bool(silhouette), contrast))
    return sorted(strokes, key=lambda stroke: -len(stroke.points))[:160]
