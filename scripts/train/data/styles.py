"""The nine styles as renderings of a drawing: what the style words of a prompt teach the network to do.

Each takes the coloured drawing and gives a picture in [0, 1]. All are pure functions of their input, so that the
network can learn them; film grain and scattered sparkles, which are not, were left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

FULL = 512


@dataclass
class Scene:
    """One drawing on its canvas. `rgb` float32 [S,S,3] on white paper, `ink` and `mask` float32 [S,S] (strokes; object)."""

    rgb: np.ndarray
    ink: np.ndarray
    mask: np.ndarray

    @property
    def side(self) -> int:
        return self.rgb.shape[0]

    @property
    def unit(self) -> float:
        """Canvas pixels per pixel at 512."""
        return self.side / FULL


def _blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur; wide ones on a smaller copy, which looks the same and takes no time."""
    shrink = int(sigma // 4)
    if shrink < 2:
        return cv2.GaussianBlur(image, (0, 0), max(sigma, 0.3))
    side = image.shape[0]
    small = cv2.resize(image, (max(side // shrink, 4),) * 2, interpolation=cv2.INTER_AREA)
    return cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma / shrink), (side, side), interpolation=cv2.INTER_LINEAR)


def _mix(a: np.ndarray, b: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return a + (b - a) * weight[..., None]


def _axes(side: int) -> tuple[np.ndarray, np.ndarray]:
    """x and y in −1..1, each [side, side]."""
    axis = (np.arange(side, dtype=np.float32) + 0.5) / side * 2 - 1
    return np.meshgrid(axis, axis)


def _vertical(side: int, top: tuple, bottom: tuple) -> np.ndarray:
    t = np.linspace(0, 1, side, dtype=np.float32)[:, None, None]
    row = np.array(top, np.float32) * (1 - t) + np.array(bottom, np.float32) * t
    return np.broadcast_to(row, (side, side, 3)).copy()


def _grey(rgb: np.ndarray) -> np.ndarray:
    return rgb @ np.array([0.299, 0.587, 0.114], np.float32)


def _saturate(rgb: np.ndarray, amount: float) -> np.ndarray:
    grey = _grey(rgb)[..., None]
    return np.clip(grey + (rgb - grey) * amount, 0, 1)


def _relief(scene: Scene, width: float) -> np.ndarray:
    """Light from the upper left on an object blown up like a balloon: about −1 (shade) to 1 (light), [S,S]."""
    height = _blur(scene.mask, width * scene.unit) + 0.5 * _blur(scene.mask, 2.5 * width * scene.unit)
    dx = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3)
    dy = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3)
    light = (dx + 1.2 * dy) * (width * scene.unit) * 0.5
    return np.clip(light, -1, 1) * scene.mask


def _shadow(scene: Scene, shift: float, softness: float) -> np.ndarray:
    """The object's soft shadow on the ground behind it, [S,S]."""
    d = round(shift * scene.unit)
    moved = np.zeros_like(scene.mask)
    side = scene.side
    moved[d:, d // 2 :] = scene.mask[: side - d, : side - d // 2]
    return _blur(moved, softness * scene.unit) * (1 - scene.mask)


def _inked(rgb: np.ndarray, ink: np.ndarray, strength: float = 0.92, tone: float = 0.22) -> np.ndarray:
    """Lines in a dark shade of the colour they lie on."""
    dark = np.clip(cv2.blur(rgb, (5, 5)) * tone, 0, 1)
    return _mix(rgb, dark, ink * strength)


def plain(scene: Scene) -> np.ndarray:
    """Coloured, softly shaded, on white paper with the drawn lines kept."""
    light = _relief(scene, 26)
    rgb = np.clip(scene.rgb * (1 + 0.16 * light[..., None]) + 0.05 * np.maximum(light, 0)[..., None], 0, 1)
    return _inked(_mix(np.ones_like(rgb), rgb, scene.mask), scene.ink)


def cinematic(scene: Scene) -> np.ndarray:
    """Dark teal room, one warm lamp from the left, deep shadows."""
    x, y = _axes(scene.side)
    lamp = np.exp(-((x + 0.7) ** 2 + (y + 0.6) ** 2) / 1.5)
    room = np.array([0.02, 0.07, 0.10], np.float32) + lamp[..., None] * np.array([0.34, 0.20, 0.09], np.float32)
    light = np.clip(0.50 - 0.33 * x - 0.12 * y + 0.5 * _relief(scene, 30), 0.1, 1.1)[..., None]
    tint = np.array([1.10, 0.92, 0.72], np.float32) * light + np.array([0.0, 0.03, 0.06], np.float32) * (1 - light)
    return _inked(_mix(room, np.clip(scene.rgb * tint, 0, 1), scene.mask), scene.ink, 0.8, 0.1)


def model_3d(scene: Scene) -> np.ndarray:
    """Rounded plastic in a grey studio: shading, a highlight, a soft shadow; lines hardly seen."""
    studio = _vertical(scene.side, (0.86, 0.87, 0.90), (0.70, 0.71, 0.75))
    studio = studio * (1 - 0.45 * _shadow(scene, 26, 14))[..., None]
    relief = _relief(scene, 30)
    shaded = scene.rgb * (0.86 + 0.42 * relief)[..., None] + 0.45 * np.clip(relief - 0.35, 0, 1)[..., None]
    return _inked(_mix(studio, np.clip(shaded, 0, 1), scene.mask), scene.ink, 0.45, 0.45)


def anime(scene: Scene) -> np.ndarray:
    """Vivid flat cels with one hard shadow, black lines, a summer sky."""
    sky = _vertical(scene.side, (0.36, 0.68, 0.98), (0.88, 0.96, 1.0))
    vivid = _saturate(scene.rgb, 1.45)
    shade = np.clip((-_relief(scene, 34) - 0.16) * 14, 0, 1)
    cel = vivid * (1 - shade[..., None] * np.array([0.34, 0.36, 0.20], np.float32))
    return _mix(_mix(sky, cel, scene.mask), np.full_like(sky, 0.05), scene.ink * 0.97)


def digital_art(scene: Scene) -> np.ndarray:
    """Glowing gradients: sunset behind, the object's own light around it, coloured lines."""
    x, y = _axes(scene.side)
    t = np.clip((x + y) / 4 + 0.5, 0, 1)[..., None]
    back = np.array([1.0, 0.62, 0.35], np.float32) * (1 - t) + np.array([0.42, 0.20, 0.62], np.float32) * t
    glow = _blur(scene.rgb * scene.mask[..., None], 22 * scene.unit)
    back = 1 - (1 - back) * (1 - 0.45 * glow)
    body = _saturate(scene.rgb, 1.2) * (0.88 + 0.24 * (1 - t)) + 0.14 * _relief(scene, 36)[..., None]
    return _inked(_mix(back, np.clip(body, 0, 1), scene.mask), scene.ink, 0.75, 0.4)


def photographic(scene: Scene) -> np.ndarray:
    """Daylight on a table: muted colours, a green blur behind, a shadow, lines almost gone."""
    _, y = _axes(scene.side)
    wood = np.array([0.72, 0.58, 0.44], np.float32)
    garden = np.array([0.56, 0.66, 0.46], np.float32)
    back = garden + (wood - garden) / (1 + np.exp(-(y - 0.35) * 9))[..., None]
    back = back * (1 - 0.55 * _shadow(scene, 20, 12))[..., None]
    body = _saturate(scene.rgb, 0.72) * (0.82 + 0.34 * _relief(scene, 40))[..., None]
    return _inked(_mix(back, np.clip(body, 0, 1), scene.mask), scene.ink, 0.35, 0.4)


def pixel_art(scene: Scene) -> np.ndarray:
    """Large blocks in few tones on pale paper."""
    block = max(8, round(16 * scene.unit))
    count = scene.side // block
    picture = _mix(np.full_like(scene.rgb, (0.90, 0.90, 0.82)), _saturate(scene.rgb, 1.25), scene.mask)
    small = cv2.resize(picture, (count, count), interpolation=cv2.INTER_AREA)
    ink = cv2.resize(scene.ink, (count, count), interpolation=cv2.INTER_AREA)
    small = np.round(small * 6) / 6
    small = _mix(small, small * 0.25, np.clip(ink * 2.6 - 0.45, 0, 1))
    return cv2.resize(small, (scene.side, scene.side), interpolation=cv2.INTER_NEAREST)


def fantasy_art(scene: Scene) -> np.ndarray:
    """A storybook in violet mist: pale light around the object, pastel colours."""
    x, y = _axes(scene.side)
    mist = np.exp(-(x**2 + (y - 0.1) ** 2) / 0.9)[..., None]
    back = np.array([0.24, 0.12, 0.42], np.float32) * (1 - mist) + np.array([0.80, 0.62, 0.92], np.float32) * mist
    halo = _blur(scene.mask, 18 * scene.unit)[..., None]
    back = back + (1 - back) * 0.5 * halo
    body = 0.70 * scene.rgb + np.array([0.24, 0.16, 0.30], np.float32) + 0.12 * _relief(scene, 30)[..., None]
    violet = np.broadcast_to(np.array([0.24, 0.08, 0.36], np.float32), back.shape)
    return _mix(_mix(back, np.clip(body, 0, 1), scene.mask), violet, scene.ink * 0.85)


def neonpunk(scene: Scene) -> np.ndarray:
    """Tubes of magenta and cyan light along the lines, night everywhere else."""
    x, y = _axes(scene.side)
    t = np.clip((x - y) / 3 + 0.5, 0, 1)[..., None]
    tube = np.array([1.0, 0.12, 0.78], np.float32) * (1 - t) + np.array([0.10, 0.92, 1.0], np.float32) * t
    night = np.array([0.03, 0.02, 0.09], np.float32)
    body = night + 0.22 * scene.rgb * scene.mask[..., None]
    glow = _blur(scene.ink, 9 * scene.unit) * 1.5 + _blur(scene.ink, 3 * scene.unit)
    lit = body + tube * np.clip(glow, 0, 1)[..., None] * 0.75
    return np.clip(_mix(lit, 0.45 + 0.55 * tube, scene.ink), 0, 1)


def manga(scene: Scene) -> np.ndarray:
    """Black ink, white paper, dots for the middle tones."""
    side = scene.side
    period = 8  # one latent cell, at every size: the screen is the paper's, not the drawing's
    axis = np.arange(side, dtype=np.float32) * (2 * np.pi / period)
    screen = 0.25 * (np.cos(axis)[None, :] + np.cos(axis)[:, None]) + 0.5
    tone = _grey(scene.rgb) * 0.92 + 0.08 * _relief(scene, 30)
    dotted = np.clip((tone * 1.15 - screen * 0.9) * 5 + 0.5, 0, 1)
    flat = np.where(tone > 0.86, 1.0, np.where(tone < 0.22, 0.06, dotted))
    paper = np.where(scene.mask > 0.5, flat, 1.0) * (1 - scene.ink)
    return np.repeat(paper[..., None].astype(np.float32), 3, 2)


RENDERINGS: dict[str, Callable[[Scene], np.ndarray]] = {
    "cinematic": cinematic,
    "3d-model": model_3d,
    "anime": anime,
    "digital-art": digital_art,
    "photographic": photographic,
    "pixel-art": pixel_art,
    "fantasy-art": fantasy_art,
    "neonpunk": neonpunk,
    "manga": manga,
}
