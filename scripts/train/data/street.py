"""Draws street scenes as seen from a car, by day or by night: road, houses, trees, lamps, cars, signs, sky.

A scene is decided by its seed alone; `render` draws it in either light. Training takes day pictures from one set of
scenes and night pictures from another, so that no scene is ever seen in both. `render_with_parts` also tells what is where.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

Colour = tuple[float, float, float]

WALLS: list[Colour] = [
    (0.93, 0.80, 0.62), (0.86, 0.56, 0.45), (0.72, 0.80, 0.84), (0.95, 0.90, 0.80), (0.80, 0.72, 0.88),
    (0.70, 0.82, 0.66), (0.96, 0.76, 0.50), (0.78, 0.42, 0.38), (0.90, 0.90, 0.92), (0.60, 0.70, 0.80),
]  # fmt: skip
ROOFS: list[Colour] = [(0.70, 0.28, 0.22), (0.42, 0.30, 0.28), (0.32, 0.36, 0.42), (0.60, 0.40, 0.26), (0.25, 0.42, 0.44)]
CARS: list[Colour] = [
    (0.85, 0.15, 0.15),
    (0.15, 0.35, 0.80),
    (0.95, 0.80, 0.15),
    (0.92, 0.92, 0.94),
    (0.20, 0.60, 0.40),
    (0.22, 0.22, 0.26),
]
LEAVES: list[Colour] = [(0.30, 0.58, 0.25), (0.42, 0.65, 0.25), (0.22, 0.48, 0.30), (0.80, 0.55, 0.20)]
WARM: Colour = (1.0, 0.84, 0.45)
# What a pixel can show. Stars and clouds are the sky's, the sun and the moon one thing: a part is what both lights have.
PARTS = (
    "sky", "orb", "hills", "grass", "pavement", "road", "marking", "wall", "roof", "frame", "pane", "door", "trunk", "leaves",
    "post", "lamp", "sign", "car", "glass", "light",
)  # fmt: skip


@dataclass
class _Canvas:
    """Draws in units of the picture's side; keeps light sources, and which part is drawn where, on layers of their own."""

    side: int
    night: bool

    def __post_init__(self) -> None:
        self.paint = np.zeros((self.side, self.side, 3), np.float32)
        self.light = np.zeros((self.side, self.side, 3), np.float32)
        self.parts = np.zeros((self.side, self.side), np.uint8)
        self.part = "sky"

    def shade(self, colour: Colour) -> Colour:
        """A surface's colour in this light: blue and dark at night."""
        if not self.night:
            return colour
        r, g, b = colour
        return (0.05 + r * 0.26, 0.06 + g * 0.28, 0.13 + b * 0.36)

    def _points(self, points: list[tuple[float, float]]) -> np.ndarray:
        return np.round(np.array(points) * self.side * 16).astype(np.int32)

    def polygon(self, points: list[tuple[float, float]], colour: Colour, lit: bool = False) -> None:
        cv2.fillPoly(self.paint, [self._points(points)], colour if lit else self.shade(colour), cv2.LINE_AA, shift=4)
        cv2.fillPoly(self.light, [self._points(points)], colour if lit else (0, 0, 0), cv2.LINE_AA, shift=4)
        cv2.fillPoly(self.parts, [self._points(points)], PARTS.index(self.part), cv2.LINE_8, shift=4)

    def mark(self, x: float, y: float, radius: float, part: str) -> None:
        """A disc of a part, drawn or not."""
        centre = (round(x * self.side * 16), round(y * self.side * 16))
        cv2.circle(self.parts, centre, round(radius * self.side * 16), PARTS.index(part), -1, cv2.LINE_8, shift=4)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Colour, lit: bool = False) -> None:
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour, lit)

    def disc(self, x: float, y: float, radius: float, colour: Colour, lit: bool = False, squash: float = 1.0) -> None:
        angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        self.polygon([(x + radius * np.cos(a), y + radius * squash * np.sin(a)) for a in angles], colour, lit)

    def finished(self) -> np.ndarray:
        """uint8 [side, side, 3]."""
        picture = self.paint
        if self.night:
            unit = self.side / 512
            glow = cv2.GaussianBlur(self.light, (0, 0), 5 * unit) * 0.5
            small = cv2.resize(self.light, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
            wide = cv2.GaussianBlur(small, (0, 0), max(22 * unit / 4, 0.5)) * 0.7
            picture = picture + glow + cv2.resize(wide, (self.side, self.side), interpolation=cv2.INTER_LINEAR)
        return np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)


def render(seed: int, night: bool, side: int) -> np.ndarray:
    """Scene `seed` by day or night: RGB uint8 [side, side, 3]."""
    return render_with_parts(seed, night, side)[0]


def render_with_parts(seed: int, night: bool, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Scene `seed` by day or night, RGB uint8 [side, side, 3], and what is where: index in `PARTS`, uint8 [side, side]."""
    rng = np.random.default_rng([seed, 77])
    canvas = _Canvas(side, night)
    horizon = rng.uniform(0.38, 0.5)
    vanish = rng.uniform(0.4, 0.6)
    _sky(canvas, rng, horizon)
    _ground(canvas, rng, horizon, vanish)
    for depth in np.sort(rng.uniform(1.15, 5.0, 9))[::-1]:
        for flank in (-1, 1):
            kind = rng.random()
            if kind < 0.58:
                _house(canvas, rng, horizon, vanish, depth, flank)
            elif kind < 0.85:
                _tree(canvas, rng, horizon, vanish, depth, flank)
        if rng.random() < 0.55:
            _lamp(canvas, rng, horizon, vanish, depth, int(rng.choice([-1, 1])))
        if rng.random() < 0.3:
            _sign(canvas, rng, horizon, vanish, depth)
        if rng.random() < 0.42:
            _car(canvas, rng, horizon, vanish, depth)
    return canvas.finished(), canvas.parts


def _sky(canvas: _Canvas, rng: np.random.Generator, horizon: float) -> None:
    t = np.linspace(0, 1, canvas.side, dtype=np.float32)[:, None, None]
    cloudy = rng.random()
    top = (0.04, 0.05, 0.16) if canvas.night else (0.28, 0.55 + 0.1 * cloudy, 0.92)
    low = (0.16, 0.15, 0.33) if canvas.night else (0.80, 0.90, 0.98)
    t = np.clip(t / horizon, 0, 1)
    canvas.paint[:] = np.array(top, np.float32) * (1 - t) + np.array(low, np.float32) * t
    x, y = rng.uniform(0.1, 0.9), rng.uniform(0.06, 0.2)
    stars = rng.uniform(0, 1, (40, 3))
    clouds = [(rng.uniform(0, 1), rng.uniform(0.05, 0.28), rng.uniform(0.03, 0.06)) for _ in range(int(cloudy * 5))]
    if canvas.night:
        for star in stars:
            canvas.disc(star[0], star[1] * horizon * 0.9, 0.0015 + 0.002 * star[2], (0.9, 0.9, 0.85), True)
        canvas.disc(x, y, 0.042, (0.96, 0.95, 0.82), True)
        canvas.disc(x + 0.018, y - 0.008, 0.036, (0.055, 0.06, 0.18))
        cv2.circle(
            canvas.light,
            (int((x + 0.018) * canvas.side), int((y - 0.008) * canvas.side)),
            int(0.036 * canvas.side),
            (0, 0, 0),
            -1,
        )
    else:
        canvas.disc(x, y, 0.045, (1.0, 0.92, 0.55))
        for cx, cy, r in clouds:
            for dx, dy, k in ((-1.2, 0.2, 0.7), (0, 0, 1.0), (1.2, 0.2, 0.75), (0.5, -0.4, 0.7)):
                canvas.disc(cx + dx * r, cy + dy * r, r * k, (0.98, 0.98, 1.0), squash=0.7)
    canvas.mark(x, y, 0.045, "orb")
    canvas.part = "hills"
    hills = rng.uniform(0.02, 0.09, 9)
    points = [(i / 8, horizon - hills[i]) for i in range(9)]
    canvas.polygon([(0, horizon + 0.01), *points, (1, horizon + 0.01)], (0.45, 0.62, 0.52))


def _ground(canvas: _Canvas, rng: np.random.Generator, horizon: float, vanish: float) -> None:
    canvas.part = "grass"
    canvas.box(0, horizon, 1, 1, [(0.48, 0.70, 0.36), (0.62, 0.68, 0.40)][int(rng.integers(2))])
    for part, half, colour in (("pavement", 0.70, (0.76, 0.74, 0.70)), ("road", 0.52, (0.42, 0.43, 0.46))):
        canvas.part = part
        canvas.polygon([(vanish - 0.012, horizon), (vanish + 0.012, horizon), (0.5 + half, 1.02), (0.5 - half, 1.02)], colour)
    canvas.part = "marking"
    for k in range(7):
        near, far = 1.02 / (1 + k * 0.55), 1.02 / (1 + k * 0.55 + 0.25)
        quad = []
        for t, width in ((near, 0.018), (far, 0.018)):
            y = horizon + (1.02 - horizon) * t * t
            middle = vanish + (0.5 - vanish) * t * t
            quad.append((middle, y, width * t * t))
        (xa, ya, wa), (xb, yb, wb) = quad
        canvas.polygon([(xa - wa, ya), (xa + wa, ya), (xb + wb, yb), (xb - wb, yb)], (0.93, 0.92, 0.86))


def _at(horizon: float, vanish: float, depth: float, across: float) -> tuple[float, float, float]:
    """Where a point of the ground is seen: x, y and the scale there. `across` 1 is the road's edge."""
    scale = 1 / depth
    return vanish + (0.5 - vanish + across * 0.52) * scale, horizon + (1.02 - horizon) * scale, scale


def _house(canvas: _Canvas, rng: np.random.Generator, horizon: float, vanish: float, depth: float, flank: int) -> None:
    wall, roof = WALLS[int(rng.integers(len(WALLS)))], ROOFS[int(rng.integers(len(ROOFS)))]
    x, y, s = _at(horizon, vanish, depth, flank * rng.uniform(1.35, 1.6))
    width, height = s * rng.uniform(0.42, 0.6), s * rng.uniform(0.40, 0.85)
    x0, x1 = (x - width, x) if flank < 0 else (x, x + width)
    top = y - height
    canvas.part = "wall"
    canvas.box(x0, top, x1, y, wall)
    canvas.part = "roof"
    if rng.random() < 0.7:
        canvas.polygon([(x0 - 0.03 * s, top), ((x0 + x1) / 2, top - 0.24 * s), (x1 + 0.03 * s, top)], roof)
    else:
        canvas.box(x0 - 0.02 * s, top - 0.05 * s, x1 + 0.02 * s, top, roof)
    columns, floors = int(rng.integers(2, 4)), max(1, int(height / s / 0.26))
    cell_x, cell_y = width / columns, height / floors
    for floor in range(floors):
        for column in range(columns):
            wx, wy = x0 + (column + 0.5) * cell_x, top + (floor + 0.5) * cell_y
            half_x, half_y = cell_x * 0.24, cell_y * 0.27
            lit, frame = rng.random() < 0.62, (0.97, 0.97, 0.95)
            door = floor == floors - 1 and column == columns // 2
            if door:
                canvas.part = "door"
                canvas.box(wx - half_x, wy - half_y, wx + half_x, y, tuple(c * 0.55 for c in roof))
                continue
            canvas.part = "frame"
            canvas.box(wx - half_x * 1.25, wy - half_y * 1.2, wx + half_x * 1.25, wy + half_y * 1.2, frame)
            canvas.part = "pane"
            if canvas.night and lit:
                canvas.box(wx - half_x, wy - half_y, wx + half_x, wy + half_y, WARM, True)
            else:
                canvas.box(wx - half_x, wy - half_y, wx + half_x, wy + half_y, (0.45, 0.62, 0.78))
            canvas.part = "frame"
            canvas.box(wx - half_x * 0.1, wy - half_y, wx + half_x * 0.1, wy + half_y, frame)


def _tree(canvas: _Canvas, rng: np.random.Generator, horizon: float, vanish: float, depth: float, flank: int) -> None:
    x, y, s = _at(horizon, vanish, depth, flank * rng.uniform(1.1, 1.9))
    leaf, size, fir = LEAVES[int(rng.integers(len(LEAVES)))], s * rng.uniform(0.11, 0.19), rng.random() < 0.3
    canvas.part = "trunk"
    canvas.box(x - 0.02 * s, y - 1.6 * size, x + 0.02 * s, y, (0.42, 0.28, 0.18))
    canvas.part = "leaves"
    if fir:
        for k in range(3):
            w, base = size * (1.1 - 0.25 * k), y - size * (0.9 + 0.8 * k)
            canvas.polygon([(x - w, base), (x + w, base), (x, base - size * 1.3)], tuple(c * 0.8 for c in leaf))
    else:
        for dx, dy, k in ((-0.6, 0.2, 0.75), (0.6, 0.2, 0.75), (0, -0.4, 0.95), (0, 0.2, 0.85)):
            tone = tuple(c * (1.08 if dy < 0 else 0.95) for c in leaf)
            canvas.disc(x + dx * size, y - 2.1 * size + dy * size, size * k, tone)


def _lamp(canvas: _Canvas, rng: np.random.Generator, horizon: float, vanish: float, depth: float, flank: int) -> None:
    x, y, s = _at(horizon, vanish, depth, flank * 1.08)
    top = y - 0.62 * s
    canvas.part = "post"
    canvas.box(x - 0.008 * s, top, x + 0.008 * s, y, (0.30, 0.32, 0.34))
    arm = x - flank * 0.12 * s
    canvas.box(min(x, arm), top, max(x, arm), top + 0.014 * s, (0.30, 0.32, 0.34))
    canvas.part = "lamp"
    if canvas.night:
        canvas.disc(arm, top + 0.03 * s, 0.03 * s, (1.0, 0.88, 0.55), True)
    else:
        canvas.disc(arm, top + 0.03 * s, 0.03 * s, (0.92, 0.90, 0.84))


def _sign(canvas: _Canvas, rng: np.random.Generator, horizon: float, vanish: float, depth: float) -> None:
    x, y, s = _at(horizon, vanish, depth, 1.04)
    canvas.part = "post"
    canvas.box(x - 0.008 * s, y - 0.36 * s, x + 0.008 * s, y, (0.55, 0.56, 0.58))
    canvas.part = "sign"
    kind, cy, r = int(rng.integers(3)), y - 0.38 * s, 0.062 * s
    if kind == 0:
        canvas.disc(x, cy, r, (0.85, 0.12, 0.12))
        canvas.disc(x, cy, r * 0.68, (0.96, 0.96, 0.95))
    elif kind == 1:
        canvas.polygon([(x, cy - r * 1.1), (x + r * 1.1, cy + r * 0.8), (x - r * 1.1, cy + r * 0.8)], (0.85, 0.12, 0.12))
        canvas.polygon([(x, cy - r * 0.5), (x + r * 0.6, cy + r * 0.5), (x - r * 0.6, cy + r * 0.5)], (0.96, 0.96, 0.95))
    else:
        canvas.box(x - r, cy - r, x + r, cy + r, (0.12, 0.35, 0.75))
        canvas.polygon([(x - r * 0.5, cy + r * 0.4), (x, cy - r * 0.6), (x + r * 0.5, cy + r * 0.4)], (0.96, 0.96, 0.95))


def _car(canvas: _Canvas, rng: np.random.Generator, horizon: float, vanish: float, depth: float) -> None:
    oncoming = rng.random() < 0.5
    x, y, s = _at(horizon, vanish, depth, -0.46 if oncoming else 0.46)
    body, w = CARS[int(rng.integers(len(CARS)))], 0.16 * s
    canvas.part = "car"
    canvas.box(x - w * 0.9, y - 0.03 * s, x - w * 0.55, y + 0.035 * s, (0.10, 0.10, 0.12))
    canvas.box(x + w * 0.55, y - 0.03 * s, x + w * 0.9, y + 0.035 * s, (0.10, 0.10, 0.12))
    roof = y - 0.235 * s
    canvas.polygon([(x - w * 0.62, roof), (x + w * 0.62, roof), (x + w * 0.88, y - 0.13 * s), (x - w * 0.88, y - 0.13 * s)], body)
    canvas.box(x - w, y - 0.14 * s, x + w, y, body)
    canvas.part, glass = "glass", (0.30, 0.40, 0.50)
    canvas.polygon(
        [
            (x - w * 0.52, roof + 0.02 * s),
            (x + w * 0.52, roof + 0.02 * s),
            (x + w * 0.74, y - 0.13 * s),
            (x - w * 0.74, y - 0.13 * s),
        ],
        glass,
    )
    canvas.part = "car"
    canvas.box(x - w * 0.3, y - 0.055 * s, x + w * 0.3, y - 0.02 * s, (0.95, 0.95, 0.92))
    on: Colour = (1.0, 0.98, 0.80) if oncoming else (1.0, 0.16, 0.10)
    off: Colour = (0.93, 0.93, 0.88) if oncoming else (0.66, 0.10, 0.10)
    canvas.part = "light"
    for flank in (-1, 1):
        canvas.disc(x + flank * w * 0.76, y - 0.09 * s, 0.026 * s, on if canvas.night else off, canvas.night)
