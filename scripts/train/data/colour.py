"""Colour words: which part of a drawing is its body, and how to paint that part in an asked colour."""

import cv2
import numpy as np

# sRGB of what each word means; hues are far enough apart to be told from each other by a simple test.
WORDS: dict[str, tuple[int, int, int]] = {
    "red": (222, 40, 40),
    "orange": (255, 135, 25),
    "yellow": (250, 210, 45),
    "green": (62, 170, 62),
    "blue": (45, 105, 225),
    "purple": (135, 65, 190),
    "pink": (248, 125, 180),
    "brown": (130, 80, 45),
    "black": (48, 48, 54),
    "white": (244, 244, 244),
    "gray": (150, 150, 155),
    "turquoise": (45, 195, 195),
}
SYNONYMS = {"grey": "gray", "violet": "purple", "cyan": "turquoise", "teal": "turquoise", "golden": "yellow"}
SAME_HUE = 32.0
GREY_CHROMA = 14.0


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """float32 RGB in 0..1 [..., 3] → CIE Lab (L 0..100)."""
    shape = rgb.shape
    return cv2.cvtColor(np.ascontiguousarray(rgb.reshape(1, -1, 3), np.float32), cv2.COLOR_RGB2LAB).reshape(shape)


def to_rgb(lab: np.ndarray) -> np.ndarray:
    """CIE Lab → float32 RGB in 0..1, clipped."""
    shape = lab.shape
    rgb = cv2.cvtColor(np.ascontiguousarray(lab.reshape(1, -1, 3), np.float32), cv2.COLOR_LAB2RGB).reshape(shape)
    return np.clip(rgb, 0, 1)


WORD_LAB = {word: to_lab(np.array([[rgb]], np.float32) / 255)[0, 0] for word, rgb in WORDS.items()}


def hue_difference(a: float, b: float) -> float:
    """Degrees between two hues, 0..180."""
    return abs((a - b + 180) % 360 - 180)


def body_shapes(shapes: np.ndarray, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which shapes form the body: the family of like colours with the largest area.

    Takes a shape map uint8 [H, W] and its picture uint8 [H, W, 3]; gives bool [256] by shape number and the body's
    mean Lab [3]. Eyes, beaks, wheels, leaves and flames are other families, and keep their colours.
    """
    flat = shapes.ravel()
    areas = np.bincount(flat, minlength=256).astype(float)
    means = np.zeros((256, 3), np.float32)
    for channel in range(3):
        sums = np.bincount(flat, weights=picture[..., channel].ravel(), minlength=256)
        means[:, channel] = sums / np.maximum(areas, 1) / 255
    lab = to_lab(means)
    numbers = [n for n in np.argsort(-areas) if n > 0 and areas[n] > 0]
    families: list[list[int]] = []
    for number in numbers:
        for family in families:
            if _alike(lab[family[0]], lab[number]):
                family.append(int(number))
                break
        else:
            families.append([int(number)])
    if not families:
        return np.zeros(256, bool), np.array([70, 0, 0], np.float32)

    def size(family: list[int]) -> float:
        total = areas[family].sum()
        # Black outlines and wheels are seldom the body, even where they cover most.
        return total * (0.5 if lab[family[0], 0] < 30 else 1.0)

    body = max(families, key=size)
    chosen = np.zeros(256, bool)
    chosen[body] = True
    weights = areas[body] / areas[body].sum()
    return chosen, (lab[body] * weights[:, None]).sum(0).astype(np.float32)


def _alike(a: np.ndarray, b: np.ndarray) -> bool:
    chroma_a, chroma_b = np.hypot(a[1], a[2]), np.hypot(b[1], b[2])
    if chroma_a < GREY_CHROMA or chroma_b < GREY_CHROMA:
        both = chroma_a < GREY_CHROMA * 1.3 and chroma_b < GREY_CHROMA * 1.3
        return bool(both and abs(a[0] - b[0]) < 32)
    hue_a, hue_b = np.degrees(np.arctan2(a[2], a[1])), np.degrees(np.arctan2(b[2], b[1]))
    # Brown and orange share a hue and are still two colours to the eye.
    return bool(hue_difference(float(hue_a), float(hue_b)) < SAME_HUE and abs(a[0] - b[0]) < 34)


def recolour(rgb: np.ndarray, body: np.ndarray, mean_lab: np.ndarray, word: str) -> np.ndarray:
    """Paints the body in the colour of `word`, keeping its shading.

    `rgb` float32 [H, W, 3] in 0..1; `body` float32 [H, W], 1 where the body is; `mean_lab` the body's mean colour.
    """
    target = WORD_LAB[word]
    lab = to_lab(rgb)
    base = 0.8 * target[0] + 0.2 * mean_lab[0]
    lightness = np.clip(base + 0.75 * (lab[..., 0] - mean_lab[0]), 4, 98)
    # Colours fade towards white and black, as paint does.
    room = np.clip(np.minimum(lightness / max(target[0], 1), (100 - lightness) / max(100 - target[0], 1)), 0.25, 1.0)
    painted = np.stack([lightness, target[1] * room, target[2] * room], -1)
    return rgb + (to_rgb(painted) - rgb) * body[..., None]
