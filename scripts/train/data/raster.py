"""Rasterises one drawing: the picture, and the map that says which shape owns each pixel."""

import io
import xml.etree.ElementTree as ET

import numpy as np
import resvg_py
from PIL import Image

SVG = "{http://www.w3.org/2000/svg}"
XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
SHAPES = {SVG + tag for tag in ("path", "ellipse", "circle", "rect", "polygon", "polyline", "line", "use")}
# Shapes inside these are definitions, not paint.
DEFINITIONS = {SVG + tag for tag in ("defs", "clipPath", "mask", "symbol", "linearGradient", "radialGradient", "filter")}
# A shape that lets this much of what is below through is shading on that shape, not a part of the object.
OPAQUE = 0.65


def _render(svg: str, side: int, crisp: bool) -> np.ndarray:
    """RGBA uint8 [side, side, 4]."""
    png = resvg_py.svg_to_bytes(
        svg_string=svg,
        width=side,
        height=side,
        skip_system_fonts=True,
        shape_rendering="crisp_edges" if crisp else "geometric_precision",
    )
    return np.asarray(Image.open(io.BytesIO(bytes(png))).convert("RGBA"))


def picture(svg: str, side: int) -> np.ndarray:
    """The drawing on white paper: RGB uint8 [side, side, 3]."""
    rgba = _render(svg, side, crisp=False).astype(np.float32)
    alpha = rgba[..., 3:] / 255
    return np.clip(rgba[..., :3] * alpha + 255 * (1 - alpha) + 0.5, 0, 255).astype(np.uint8)


def _fading(root: ET.Element) -> set[str]:
    """Ids of gradients that fade to transparent: what they fill is a highlight or a shadow."""
    ids = set()
    for gradient in root.iter():
        is_gradient = gradient.tag in (SVG + "linearGradient", SVG + "radialGradient")
        if is_gradient and any(float(stop.get("stop-opacity", "1")) < OPAQUE for stop in gradient):
            ids.add(gradient.get("id", ""))
    return ids


def shape_map(svg: str, side: int) -> np.ndarray:
    """Which shape is on top at each pixel, counted from 1 in painting order, 0 for paper: uint8 [side, side]."""
    root = ET.fromstring(svg)
    fading = _fading(root)
    count = 0

    def is_shading(paint: str) -> bool:
        return paint.startswith("url(#") and paint[5:-1] in fading

    def walk(element: ET.Element, fill: str, stroke: str, opacity: float) -> None:
        nonlocal count
        for child in list(element):
            if child.tag in DEFINITIONS:
                continue
            own_fill, own_stroke = child.get("fill", fill), child.get("stroke", stroke)
            own_opacity = opacity * float(child.get("opacity", "1")) * float(child.get("fill-opacity", "1"))
            for name in ("opacity", "fill-opacity", "filter", "style"):
                child.attrib.pop(name, None)
            if child.tag not in SHAPES:
                child.attrib.pop("fill", None)
                child.attrib.pop("stroke", None)
                walk(child, own_fill, own_stroke, own_opacity)
                continue
            filled, stroked = own_fill != "none", own_stroke != "none"
            shading = (filled and is_shading(own_fill)) or (not filled and stroked and is_shading(own_stroke))
            if own_opacity < OPAQUE or shading or not (filled or stroked):
                element.remove(child)
                continue
            count += 1
            colour = f"#{count & 255:02x}{count >> 8:02x}00"
            child.set("fill", colour if filled else "none")
            child.set("stroke", colour if stroked else "none")

    walk(root, "#000000", "none", 1.0)
    # A definition that paints itself would win over the colour its <use> asks for.
    for definitions in root.iter(SVG + "defs"):
        for shape in definitions.iter():
            if shape.tag in SHAPES:
                shape.attrib.pop("fill", None)
                shape.attrib.pop("stroke", None)
    rgba = _render(ET.tostring(root, encoding="unicode"), side, crisp=True)
    index = rgba[..., 0].astype(np.int32) + 256 * rgba[..., 1].astype(np.int32)
    index[rgba[..., 3] < 128] = 0
    used = np.unique(index)
    used = used[used > 0]
    if len(used) > 254:  # so that it fits a byte: the smallest shapes give way to what surrounds them
        areas = np.bincount(index.ravel(), minlength=index.max() + 1)[used]
        used = np.sort(used[np.argsort(-areas)[:254]])
    table = np.zeros(index.max() + 1, np.uint8)
    table[used] = np.arange(1, len(used) + 1)
    return table[index]
