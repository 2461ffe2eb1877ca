"""Measures of a picture against what was asked: coverage, leak, hue, perceptual distance, style statistics."""

from __future__ import annotations

import cv2
import numpy as np

from .data.colour import WORD_LAB, hue_difference, to_lab

# Half of the widest pen at 512 px: an edge lies on a stroke's border, not on its middle.
REACH = 4


def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def edges(picture: np.ndarray, low: int = 40, high: int = 100) -> np.ndarray:
    """Canny edges of an RGB picture uint8: bool [H,W], of any of its channels."""
    return np.any([cv2.Canny(np.ascontiguousarray(picture[..., c]), low, high) > 0 for c in range(3)], axis=0)


def stroke_coverage(sketch: np.ndarray, picture: np.ndarray) -> float:
    """Share of a sketch's ink (bool [H,W]) that has an edge of the picture within `REACH` pixels."""
    near = cv2.dilate(edges(picture).astype(np.uint8), _disc(REACH)) > 0
    return float(near[sketch].mean())


def edge_recall(source: np.ndarray, result: np.ndarray, reach: int = 3) -> float:
    """Share of a picture's edges that its translation still has within `reach` pixels."""
    wanted = edges(source, 60, 140)
    near = cv2.dilate(edges(result, 20, 50).astype(np.uint8), _disc(reach)) > 0
    return float(near[wanted].mean())


def lab(picture: np.ndarray) -> np.ndarray:
    """uint8 RGB → Lab."""
    return to_lab(picture.astype(np.float32) / 255)


def leak(picture: np.ndarray, mask: np.ndarray, ink: np.ndarray) -> float:
    """Coloured area outside the object over the object's area. Three pixels around object and ink do not count."""
    keep_off = cv2.dilate((mask | ink).astype(np.uint8), _disc(3)) > 0
    values = lab(picture)
    distance = np.sqrt((100 - values[..., 0]) ** 2 + values[..., 1] ** 2 + values[..., 2] ** 2)
    return float(((distance > 12) & ~keep_off).sum() / max(mask.sum(), 1))


def dominant_hue(picture: np.ndarray, area: np.ndarray) -> float | None:
    """Degrees of the fullest 20° of hue in an area, or None where it has next to no colour."""
    values = lab(picture)[area]
    chroma = np.hypot(values[:, 1], values[:, 2])
    coloured = chroma > 15
    if coloured.mean() < 0.05:
        return None
    hue = np.degrees(np.arctan2(values[coloured, 2], values[coloured, 1])) % 360
    histogram = np.bincount((hue // 5).astype(int), minlength=72).astype(float)
    window = sum(np.roll(histogram, shift) for shift in (-1, 0, 1, 2))
    return float(np.argmax(window) * 5 + 2.5)


def obeys(picture: np.ndarray, area: np.ndarray, word: str, tolerance: float = 32.0) -> bool:
    """Whether the dominant hue of an area is that of a colour word."""
    hue = dominant_hue(picture, area)
    wanted = WORD_LAB[word]
    return hue is not None and hue_difference(hue, float(np.degrees(np.arctan2(wanted[2], wanted[1])))) < tolerance


def painted_over(picture: np.ndarray, target: np.ndarray, area: np.ndarray, word: str) -> float | None:
    """Share of an area that should have kept its own colour and is nearer to the asked one instead; None if too small."""
    if area.sum() < 200:
        return None
    values, own, asked = lab(picture)[area], lab(target)[area], WORD_LAB[word]
    to_own = np.linalg.norm((values - own)[:, 1:], axis=1)
    to_asked = np.linalg.norm((values - asked)[:, 1:], axis=1)
    differ = np.linalg.norm((own - asked)[:, 1:], axis=1) > 25
    return float(((to_asked < to_own) & differ).sum() / max(differ.sum(), 1)) if differ.sum() > 200 else None


def colour_error(picture: np.ndarray, target: np.ndarray, mask: np.ndarray) -> float:
    """Mean Lab distance inside an object, at an eighth of the size: colours, not lines."""
    size = (picture.shape[1] // 8, picture.shape[0] // 8)
    small = [lab(cv2.resize(image, size, interpolation=cv2.INTER_AREA)) for image in (picture, target)]
    inside = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.7
    if not inside.any():
        return 0.0
    return float(np.linalg.norm(small[0] - small[1], axis=-1)[inside].mean())


def unevenness(picture: np.ndarray, target: np.ndarray, shapes: np.ndarray, ink: np.ndarray) -> float:
    """Mean Lab distance, within each part of an object, of the error from its mean over that part; lines do not count.

    0 where each part has its colour or another, but one: what is left are colours that run within a part. `shapes` numbers
    the parts, 0 is no part.
    """
    inside = (shapes > 0) & ~(cv2.dilate(ink.astype(np.uint8), _disc(2)) > 0)
    if not inside.any():
        return 0.0
    error, part = (lab(picture) - lab(target))[inside], shapes[inside]
    count = np.maximum(np.bincount(part, minlength=256), 1)
    mean = np.stack([np.bincount(part, error[:, c], 256) / count for c in range(3)], 1)
    return float(np.linalg.norm(error - mean[part], axis=1).mean())


def _structure(a: np.ndarray, b: np.ndarray) -> float:
    """1 − SSIM of two single-channel pictures in 0..100, 0 where equal."""

    def mean(x: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(x, (0, 0), 1.5)

    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    both = mean(a * b) - mean_a * mean_b
    c1, c2 = 1.0, 9.0
    similar = (2 * mean_a * mean_b + c1) * (2 * both + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    return float(1 - similar.mean())


def perceptual(a: np.ndarray, b: np.ndarray) -> float:
    """Distance of two uint8 RGB pictures: 1 − SSIM of lightness and colour distance, over four scales; 0 where equal.

    Beside LPIPS, since it weighs a wrong colour more.
    """
    values_a, values_b = lab(a), lab(b)
    total = 0.0
    for _ in range(4):
        colour = np.linalg.norm((values_a - values_b)[..., 1:], axis=-1).mean() / 60
        total += _structure(values_a[..., 0], values_b[..., 0]) + float(colour)
        values_a, values_b = (cv2.resize(v, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for v in (values_a, values_b))
    return total / 4


def constant_filling(mask: np.ndarray, colour: np.ndarray, ink: np.ndarray | None) -> np.ndarray:
    """The object in one colour (RGB, 0..255) on white, with the drawn lines where `ink` is given: uint8 [H,W,3]."""
    filled = np.full((*mask.shape, 3), 255, np.uint8)
    filled[mask] = colour
    if ink is not None:
        filled[ink] = 40
    return filled


def points_of_light(picture: np.ndarray, area: np.ndarray) -> int:
    """How many small bright dots, up to 6 pixels wide, lie in the area: stars, or what is left of them."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    dots = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, np.ones((7, 7), np.uint8))
    return cv2.connectedComponents(((dots > 30) & area).astype(np.uint8))[0] - 1


def style_statistics(picture: np.ndarray) -> np.ndarray:
    """A few dozen numbers that tell styles apart without seeing what is drawn."""
    small = cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA)
    values = lab(small).reshape(-1, 3)
    border = lab(
        np.concatenate(
            [small[:6].reshape(-1, 3), small[-6:].reshape(-1, 3), small[:, :6].reshape(-1, 3), small[:, -6:].reshape(-1, 3)]
        )[None]
    )[0]
    grey = picture.astype(np.float32).mean(2)
    fine = np.abs(np.diff(grey, axis=1))
    blocks = fine[:, 15::16].mean() / (fine.mean() + 1e-3)
    spectrum = np.abs(np.fft.rfft(grey - grey.mean(), axis=1)).mean(0)
    dots = spectrum[60:68].max() / (spectrum[40:90].mean() + 1e-3)
    return np.concatenate(
        [
            values.mean(0), values.std(0), np.percentile(values[:, 0], [5, 25, 75, 95]),
            border.mean(0), border.std(0), np.hypot(values[:, 1], values[:, 2]).mean(keepdims=True),
            [fine.mean(), (fine > 40).mean() * 100, blocks * 10, dots],
        ]
    )  # fmt: skip


def classify(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Linear discriminant analysis: features [N,F] and labels [N] → labels of `test` [M,F]."""
    mean, spread = train.mean(0), train.std(0) + 1e-6
    train, test = (train - mean) / spread, (test - mean) / spread
    kinds = np.unique(labels)
    centres = np.stack([train[labels == kind].mean(0) for kind in kinds])
    within = sum(np.cov(train[labels == kind].T, bias=True) for kind in kinds) / len(kinds) + 0.1 * np.eye(train.shape[1])
    weights = np.linalg.solve(within, centres.T)
    scores = test @ weights - 0.5 * (centres.T * weights).sum(0)
    return kinds[np.argmax(scores, 1)]
