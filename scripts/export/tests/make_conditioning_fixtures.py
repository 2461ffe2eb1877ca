"""Writes test/fixtures/conditioning: what Pillow and cv2 make of procedural pictures, for the server's tests to equal.

Run from scripts/ as `python -m export.tests.make_conditioning_fixtures`; the files are committed, so that `npm test`
needs no Python. Every picture is seeded: a second run writes the same pixels.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import PIL
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

_FOLDER = Path(__file__).parents[3] / "test" / "fixtures" / "conditioning"


def _gradient(width: int, height: int) -> Image.Image:
    """Smooth ramps, a different one in each channel."""
    y, x = np.mgrid[0:height, 0:width]
    wave = 127.5 + 127.5 * np.sin(x / 9.0) * np.cos(y / 7.0)
    return Image.fromarray(np.stack([x * 255 / width, y * 255 / height, wave], axis=-1).astype(np.uint8))


def _shapes(width: int, height: int) -> Image.Image:
    """Hard-edged coloured shapes, some on top of others."""
    random = np.random.default_rng(3)
    image = Image.new("RGB", (width, height), (250, 240, 220))
    draw = ImageDraw.Draw(image)
    for index in range(14):
        x, y = int(random.integers(0, width)), int(random.integers(0, height))
        w, h = (int(side) for side in random.integers(8, max(width, height) // 2, 2))
        colour = tuple(int(value) for value in random.integers(0, 256, 3))
        (draw.ellipse if index % 2 else draw.rectangle)((x, y, x + w, y + h), fill=colour)
    return image


def _noise(width: int, height: int) -> Image.Image:
    """White noise: the hardest case for a filter's rounding and clipping."""
    return Image.fromarray(np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint8))


def _drawing(width: int, height: int, paper: int = 255, ink: int = 0) -> Image.Image:
    """Pen strokes and letters on paper."""
    image = Image.new("L", (width, height), paper)
    draw = ImageDraw.Draw(image)
    draw.ellipse((width * 0.2, height * 0.2, width * 0.7, height * 0.8), outline=ink, width=3)
    points = [(width * t / 20, height * (0.5 + 0.3 * np.sin(t))) for t in range(21)]
    draw.line(points, fill=ink, width=2, joint="curve")
    draw.text(
        (width * 0.1, height * 0.1),
        "sketch 42",
        fill=ink,
        font=ImageFont.load_default(18),
    )
    return image.filter(ImageFilter.GaussianBlur(0.6)).convert("RGB")


def _scene(width: int, height: int) -> Image.Image:
    """Near to a photo: ramps, soft and hard shapes, grain."""
    base = Image.blend(
        _gradient(width, height),
        _shapes(width, height).filter(ImageFilter.GaussianBlur(1.5)),
        0.6,
    )
    grain = np.random.default_rng(7).normal(0, 6, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(base) + grain, 0, 255).astype(np.uint8))


def _resizes() -> list[dict]:
    """Pillow's LANCZOS: up, down, by odd factors, one side only, and the crops and pads of ImageOps."""
    small = {
        "gradient": _gradient(61, 47),
        "shapes": _shapes(120, 90),
        "noise": _noise(75, 75),
        "drawing": _drawing(128, 128),
        "scene": _scene(150, 100),
    }
    cases = []
    for name, image in small.items():
        image.save(_FOLDER / f"{name}.png", optimize=True)
        for width, height in (
            (64, 64),
            (96, 48),
            (40, 104),
            (image.width, 32),
            (24, image.height),
            (16, 16),
        ):
            for fit in ("fill", "cover", "contain"):
                if fit == "fill":
                    expected = image.resize((width, height), Image.Resampling.LANCZOS)
                elif fit == "cover":
                    expected = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
                else:
                    expected = ImageOps.pad(image, (width, height), Image.Resampling.LANCZOS, color="black")
                file = f"{name}-{fit}-{width}x{height}.png"
                expected.save(_FOLDER / file, optimize=True)
                cases.append(
                    {
                        "source": f"{name}.png",
                        "fit": fit,
                        "width": width,
                        "height": height,
                        "expected": file,
                    }
                )
    return cases


def _edges() -> list[dict]:
    """cv2.Canny of the RGB array, as the reference calls it (cv2 takes the strongest channel at each pixel)."""
    cases = []
    pictures = {
        "edge-gradient": _gradient(160, 120),
        "edge-shapes": _shapes(256, 192),
        "edge-noise": _noise(96, 96),
        "edge-drawing": _drawing(200, 200),
        "edge-scene": _scene(256, 256),
    }
    for name, image in pictures.items():
        image.save(_FOLDER / f"{name}.png", optimize=True)
        for low, high in ((100, 200), (30, 90), (50.5, 400.25), (200, 100)):
            file = f"{name}-{low}-{high}.png"
            Image.fromarray(cv2.Canny(np.asarray(image), low, high)).save(_FOLDER / file, optimize=True)
            cases.append({"source": f"{name}.png", "low": low, "high": high, "expected": file})
    return cases


def _sketches() -> list[dict]:
    """The reference's `value / 255 < 0.5` of the grey picture; for light strokes on dark, of its negative."""
    cases = []
    pictures = {
        "dark-on-light": (_drawing(160, 160), False),
        "light-on-dark": (_drawing(160, 160, paper=10, ink=240), True),
        "grey-on-beige": (_drawing(160, 160, paper=210, ink=90), False),
        "scene-as-sketch": (_scene(128, 96), False),
    }
    for name, (image, inverted) in pictures.items():
        source = f"sketch-{name}.png"
        image.save(_FOLDER / source, optimize=True)
        grey = np.asarray((ImageOps.invert(image) if inverted else image).convert("L"))
        file = f"sketch-{name}-expected.png"
        Image.fromarray(((grey / 255 < 0.5) * 255).astype(np.uint8)).save(_FOLDER / file, optimize=True)
        cases.append({"source": source, "inverted": inverted, "expected": file})
    return cases


def main() -> None:
    _FOLDER.mkdir(parents=True, exist_ok=True)
    for old in _FOLDER.glob("*.png"):
        old.unlink()
    cases = {
        "made_with": {"pillow": PIL.__version__, "cv2": cv2.__version__},
        "resizes": _resizes(),
        "edges": _edges(),
        "sketches": _sketches(),
    }
    (_FOLDER / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")
    files = list(_FOLDER.glob("*.png"))
    sys.stdout.write(f"wrote {len(files)} pictures, {sum(file.stat().st_size for file in files)} bytes, to {_FOLDER}\n")


if __name__ == "__main__":
    main()
