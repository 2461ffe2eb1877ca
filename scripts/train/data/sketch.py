"""Turns clean outlines into what a person draws: wobble, gaps, doubled and missing lines, any pen width."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .outline import Stroke

FULL = 512  # the side that pen widths and wobble are measured at


@dataclass
class Warp:
    """Where a point of the 512 px drawing lands on a canvas of `side` pixels: an affine map and a smooth bend on top.

    Picture and sketch go through the same warp, so that colours stay inside the lines.
    """

    matrix: np.ndarray  # float64 [2, 3], drawing → 512 px canvas
    bend: np.ndarray  # float32 [N, N, 2], displacement in 512 px units on a coarse grid over the canvas
    side: int

    def points(self, points: np.ndarray) -> np.ndarray:
        """[K, 2] in the drawing → [K, 2] on the canvas."""
        moved = points @ self.matrix[:, :2].T.astype(np.float32) + self.matrix[:, 2].astype(np.float32)
        cells = self.bend.shape[0] - 1
        grid = np.clip(moved / FULL * cells, 0, cells - 1e-3)
        low = grid.astype(int)
        part = grid - low
        x, y = low[:, 0], low[:, 1]
        u, v = part[:, :1], part[:, 1:]
        b = self.bend
        shift = (b[y, x] * (1 - u) + b[y, x + 1] * u) * (1 - v) + (b[y + 1, x] * (1 - u) + b[y + 1, x + 1] * u) * v
        return (moved + shift) * (self.side / FULL)

    def maps(self, source: int) -> np.ndarray:
        """float32 [side, side, 2] for `cv2.remap` from a picture of `source` pixels a side."""
        side = self.side
        axis = ((np.arange(side) + 0.5) / side * FULL).astype(np.float32)
        grid = np.stack(np.meshgrid(axis, axis), -1)
        # First order inverse of the bend: it is small and smooth.
        cells = self.bend.shape[0] - 1
        at = (axis / FULL * cells).astype(np.float32)
        shift = cv2.remap(self.bend, *np.meshgrid(at, at), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        back = cv2.invertAffineTransform(self.matrix).astype(np.float32)
        origin = (grid - shift) @ back[:, :2].T + back[:, 2]
        return (origin * (source / FULL) - 0.5).astype(np.float32)


def random_warp(rng: np.random.Generator, side: int, flip: bool = True, strength: float = 1.0, anywhere: bool = False) -> Warp:
    """Shift, scale, rotation, mirror and a hand's bend. `strength` 0 leaves the drawing where it is, slightly smaller.

    `anywhere` makes it smaller still, down to a third, and puts it wherever it has room.
    """
    scale = 0.9 * np.exp(strength * rng.uniform(-0.28, 0.1))
    angle = np.radians(strength * rng.normal(0, 7))
    mirror = -1.0 if flip and rng.random() < 0.5 else 1.0
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    stretch = 1 + strength * rng.normal(0, 0.04)
    linear = rotation @ np.diag([mirror * scale * stretch, scale / stretch])
    centre = FULL / 2 + strength * rng.uniform(-0.05, 0.05, 2) * FULL
    if anywhere:
        smaller = rng.uniform(0.4, 1.0)
        linear *= smaller
        room = max(0.0, 1 - scale * smaller) / 2
        centre = FULL / 2 + rng.uniform(-room, room, 2) * FULL
    offset = centre - linear @ np.array([FULL / 2, FULL / 2])
    matrix = np.concatenate([linear, offset[:, None]], 1)
    bend = rng.normal(0, 1, (6, 6, 2)).astype(np.float32) * float(strength * rng.uniform(0, 9))
    return Warp(matrix, bend, side)


def _wobble(rng: np.random.Generator, count: int) -> np.ndarray:
    """Smooth noise along `count` points of a line, [count, 2] of about unit size; a new turn every seven points."""
    knots = rng.normal(0, 1, (count // 7 + 2, 2)).astype(np.float32)
    at = np.arange(count, dtype=np.float32) / 7
    low = at.astype(int)
    part = (at - low)[:, None]
    return knots[low] * (1 - part) + knots[low + 1] * part


def draw(rng: np.random.Generator, strokes: list[Stroke], warp: Warp, roughness: float = 1.0) -> np.ndarray:
    """Draws the strokes as a hand would: uint8 [side, side], 255 on ink, anti-aliased.

    `roughness` 0 traces exactly; 1 is a quick hand.
    """
    side = warp.side
    unit = side / FULL
    canvas = np.zeros((side, side), np.uint8)
    width = np.exp(rng.uniform(np.log(2.2), np.log(8.0)))
    faint = rng.uniform(14, 45)  # borders with less contrast than this are not drawn
    fill_dots = rng.random() < 0.75
    wobble = roughness * rng.uniform(0.2, 1.6) * unit
    # All points in one go: a drawing has up to 160 strokes, and numpy's calls cost more than its work.
    everything = warp.points(np.concatenate([stroke.points for stroke in strokes]))
    shaken = everything + _wobble(rng, len(everything)) * wobble
    start = 0
    for stroke in strokes:
        here = slice(start, start + len(stroke.points))
        start = here.stop
        if stroke.filled:
            if fill_dots:
                dot = np.round(everything[here] * 16).astype(np.int32)
                cv2.fillPoly(canvas, [dot], 255, cv2.LINE_AA, shift=4)
                continue
        elif not stroke.silhouette and (stroke.contrast < faint or rng.random() < 0.05 * roughness):
            continue
        pen = max(1, round(width * unit * np.exp(rng.normal(0, 0.12 * roughness))))
        line = shaken[here]
        for piece, closed in _gaps(rng, line, stroke.closed, roughness):
            cv2.polylines(canvas, [np.round(piece * 16).astype(np.int32)], closed, 255, pen, cv2.LINE_AA, shift=4)
        if rng.random() < 0.1 * roughness:
            again = everything[here] + _wobble(rng, len(line)) * wobble + rng.normal(0, 2.5 * unit, 2).astype(np.float32)
            cv2.polylines(canvas, [np.round(again * 16).astype(np.int32)], stroke.closed, 255, pen, cv2.LINE_AA, shift=4)
    return canvas


def _gaps(rng: np.random.Generator, line: np.ndarray, closed: bool, roughness: float) -> list[tuple[np.ndarray, bool]]:
    """Lifts the pen now and then: the line in pieces, each with whether it is closed."""
    if len(line) < 16 or rng.random() > 0.35 * roughness:
        return [(line, closed)]
    start = int(rng.integers(len(line)))
    hole = int(rng.integers(1, 6))
    if closed:
        rolled = np.roll(line, -start, axis=0)
        return [(rolled[hole:], False)]
    pieces = [line[:start], line[start + hole :]]
    return [(piece, False) for piece in pieces if len(piece) > 2]


def binarise(canvas: np.ndarray) -> np.ndarray:
    """What the graph sees: bool, true on ink."""
    return canvas > 127
