"""One training sample from one drawing: sketch, prompt, noise, gamma and the picture asked for."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field

import cv2
import numpy as np

from ..paths import PREPARED
from .colour import WORDS, recolour, to_lab, to_rgb
from .prompts import compose
from .sketch import Warp, binarise, draw, random_warp
from .styles import RENDERINGS, Scene, plain

ANYWHERE = 0.4
STYLED = 0.2
COLOURED = 0.3
GUIDED_FULLY = 0.75
# The shape of the noise map, as the generator has it.
LATENT = 16
DOWNSCALE = 16


@dataclass
class Request:
    """What a sample shall be; None leaves it to chance."""

    colour: str | None = None
    style: str | None = None
    prompt: str | None = None
    gamma: float | None = None
    roughness: float | None = None
    #: 0 keeps the drawing where it is.
    strength: float = 1.0
    flip: bool = True
    #: Smaller, and not in the middle; by chance where neither this nor the prompt is set.
    anywhere: bool | None = None


@dataclass
class Sample:
    """`row` among the drawings; `sketch` bool [S,S]; `target` float32 [S,S,3] in 0..1; `noise` float32 [16,S/16,S/16].

    `mask` (object), `body` (the part a colour word paints) and `weight` (for the loss) are float32 [S,S].
    """

    row: int
    sketch: np.ndarray
    target: np.ndarray
    prompt: str
    noise: np.ndarray
    gamma: float
    mask: np.ndarray
    body: np.ndarray
    shapes: np.ndarray
    weight: np.ndarray
    facts: dict = field(repr=False)


class Drawings:
    """The prepared cache, opened for reading."""

    def __init__(self) -> None:
        if not (PREPARED / "facts.pkl").is_file():
            raise SystemExit(f"there are no drawings in {PREPARED}: run npm run train:data first")
        with (PREPARED / "facts.pkl").open("rb") as file:
            self.facts: list[dict] = pickle.load(file)
        self.pictures = {side: np.load(PREPARED / f"pictures{side}.npy", mmap_mode="r") for side in (256, 512)}
        self.shapes = {side: np.load(PREPARED / f"shapes{side}.npy", mmap_mode="r") for side in (256, 512)}

    def rows(self, held_out: bool) -> np.ndarray:
        return np.array([i for i, fact in enumerate(self.facts) if fact["held_out"] == held_out])


def noise_field(noise: np.ndarray) -> np.ndarray:
    """The slow part of a noise map [C,h,w], as two fields of about unit size [h,w,2]: what a seed may change."""
    slow = cv2.GaussianBlur(np.ascontiguousarray(noise[:2].transpose(1, 2, 0)), (0, 0), 1.2, borderType=cv2.BORDER_REFLECT)
    return np.clip(slow * 4.2, -2.5, 2.5)


def tint(rgb: np.ndarray, noise: np.ndarray, amount: float, hue: float) -> np.ndarray:
    """Lets the noise wash over the colours: hue turned by up to about 40°·hue and lightness by 9, times `amount`."""
    if amount <= 0:
        return rgb
    fields = cv2.resize(noise_field(noise), rgb.shape[:2][::-1], interpolation=cv2.INTER_LINEAR) * amount
    lab = to_lab(rgb)
    turn = np.radians(22.0 * hue) * fields[..., 0]
    cos, sin = np.cos(turn), np.sin(turn)
    a, b = lab[..., 1], lab[..., 2]
    turned = np.stack([lab[..., 0] + 5.0 * fields[..., 1], a * cos - b * sin, a * sin + b * cos], -1)
    return to_rgb(turned)


def _weight(shapes: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """More for small shapes and for paper that the object encloses or that lies close to it: mean about 1."""
    side = shapes.shape[0]
    areas = np.bincount(shapes.ravel(), minlength=256) / shapes.size
    gain = np.clip((0.02 / np.maximum(areas, 1e-5)) ** 0.35, 0.8, 3.0)
    gain[0] = 0.55
    weight = gain[shapes].astype(np.float32)
    near = cv2.blur(mask, (side // 8, side // 8))
    return weight + 5.0 * np.minimum(near * 2, 1) * (1 - mask)


def make(drawings: Drawings, row: int, side: int, rng: np.random.Generator, request: Request | None = None) -> Sample:
    """Draws one sample of `side` pixels from drawing `row`."""
    request = request or Request()
    facts = drawings.facts[row]
    source = 256 if side <= 256 else 512
    anywhere = request.anywhere
    if anywhere is None:
        anywhere = request.prompt is None and rng.random() < ANYWHERE
    warp: Warp = random_warp(rng, side, request.flip, request.strength, anywhere)
    roughness = request.roughness if request.roughness is not None else float(rng.choice([0.15, 0.6, 1.0, 1.4]))
    ink = draw(rng, facts["strokes"], warp, roughness)
    maps = warp.maps(source)
    blank = {"borderMode": cv2.BORDER_CONSTANT}
    rgb = np.asarray(drawings.pictures[source][row])
    if side * 2 <= source:
        rgb = cv2.blur(rgb, (2, 2))
    rgb = cv2.remap(rgb, maps, None, cv2.INTER_LINEAR, borderValue=(255, 255, 255), **blank).astype(np.float32) / 255
    shapes = cv2.remap(np.asarray(drawings.shapes[source][row]), maps, None, cv2.INTER_NEAREST, borderValue=0, **blank)
    soft = np.stack([(shapes > 0), facts["body"][shapes]], -1).astype(np.float32)
    soft = cv2.GaussianBlur(soft, (3, 3), 0.6)
    mask, body = soft[..., 0], soft[..., 1]

    style = request.style
    colour = request.colour
    if request.prompt is None and style is None and rng.random() < STYLED:
        style = str(rng.choice(list(RENDERINGS)))
    if request.prompt is None and colour is None and rng.random() < COLOURED:
        colour = str(rng.choice(list(WORDS)))
    prompt = request.prompt or compose(rng, facts["name"], facts["keywords"], colour, style)
    gamma = request.gamma
    if gamma is None:
        gamma = 1.0 if rng.random() < GUIDED_FULLY else float(rng.uniform(0.0, 1.0))
    noise = rng.normal(0, 1, (LATENT, side // DOWNSCALE, side // DOWNSCALE)).astype(np.float32)

    if colour:
        rgb = recolour(rgb, body, facts["body_lab"], colour)
    # An asked colour stays what it is; only its lightness plays.
    tinted = tint(rgb, noise, 1.0 - gamma, 0.15 if colour else 1.0)
    rgb = rgb + (tinted - rgb) * mask[..., None]
    scene = Scene(rgb.astype(np.float32), ink.astype(np.float32) / 255, mask)
    target = (RENDERINGS[style] if style else plain)(scene)
    weight = _weight(shapes, mask)
    return Sample(row, binarise(ink), target.astype(np.float32), prompt, noise, gamma, mask, body, shapes, weight, facts)
