"""Reads the emoji sets from their npm packages: which drawings we use, under which name, and which are held out.

The packages are fetched once with npm into the cache (`fetch`); they are data for training, not dependencies of the server.
"""

import hashlib
import json
import re
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from export.files import folder_aside

from ..paths import ICONS

PACKAGES = {
    "fluent-emoji-flat": "@iconify-json/fluent-emoji-flat@1.2.6",
    "noto": "@iconify-json/noto@1.2.9",
    "emojilib": "emojilib@4.0.3",
}
SETS = ("fluent-emoji-flat", "noto")

# Clock faces, letter buttons and flags teach nothing about drawing; skin tones and gendered twins are near copies.
_SKIN = re.compile(r"(?<!traffic)(?<!car)-(dark|medium|light|medium-dark|medium-light)(-|$)|skin-tone")
_TWINS = re.compile(r"^(man|men|woman|women|couple|kiss|family)-")
_CLOCK = re.compile(r"^(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)-(oclock|o-clock|thirty)$")
_LETTERS = re.compile(r"(button|letter|keycap|input-|antenna|sign$|arrow)")
_KEPT_SYMBOLS = re.compile(r"(heart|star|flower|fleur|recycling|trident|radioactive|warning|peace|yin|musical|infinity)")

# How often a category is drawn: what people sketch first comes most.
WEIGHTS = {
    "Animals & Nature": 3.0,
    "Food & Drink": 3.0,
    "Travel & Places": 2.0,
    "Objects": 1.6,
    "Activities": 1.5,
    "Smileys & Emotion": 1.2,
    "People & Body": 0.7,
    "Symbols": 0.8,
}

# Names a newcomer is likely to draw; they are drawn more often and never held out.
WELL_KNOWN = frozenset(
    """
    duck baby-chick cat cat-face dog dog-face rabbit rabbit-face bear fox pig-face cow-face horse camel elephant lion
    tiger-face monkey-face mouse-face frog turtle snake fish tropical-fish whale dolphin shark octopus crab snail
    butterfly honeybee lady-beetle bird penguin owl chicken house house-with-garden castle tent automobile bus
    sport-utility-vehicle delivery-truck locomotive bicycle airplane rocket sailboat helicopter evergreen-tree deciduous-tree
    palm-tree cactus sunflower rose tulip cherry-blossom mushroom red-apple green-apple banana grapes strawberry
    watermelon lemon tangerine pear peach cherries pineapple mango carrot tomato eggplant pizza hamburger ice-cream
    cupcake birthday-cake doughnut cookie hot-beverage teapot wine-glass balloon guitar soccer-ball basketball crown
    umbrella light-bulb candle open-book key locked backpack glasses top-hat t-shirt dress running-shoe star sun crescent-moon
    cloud snowman jack-o-lantern robot ghost alien unicorn dragon dragon-face teddy-bear wrapped-gift bell camera
    telephone television alarm-clock watch scissors hammer axe anchor grinning-face smiling-face-with-sunglasses red-heart
    fire rainbow sun-with-face
    """.split()  # noqa: SIM905 (a hundred quoted names are no easier to read)
)


@dataclass(frozen=True)
class Icon:
    """One drawing: its set, its name as in the package, and a whole SVG document."""

    source: str
    key: str
    category: str
    svg: str
    keywords: tuple[str, ...]

    @property
    def name(self) -> str:
        return spoken(self.key)

    @property
    def held_out(self) -> bool:
        return is_held_out(self.key)

    @property
    def weight(self) -> float:
        return WEIGHTS.get(self.category, 1.0) * (4.0 if self.key in WELL_KNOWN else 1.0)


def spoken(key: str) -> str:
    """The words of a name as a person would type them: `rabbit-face` → `rabbit face`."""
    words = key.replace("-facing-right", "").replace("-", " ")
    return re.sub(r"\s+", " ", words).strip()


def is_held_out(key: str) -> bool:
    """Whether this name (in every set) is kept away from training: 5 % of names, by a hash, so that it never changes."""
    if key in WELL_KNOWN:
        return False
    digest = hashlib.sha256(f"img2img-turbo-server held out 1:{key}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 < 0.055


def wanted(key: str, category: str) -> bool:
    """Whether a drawing is one we train on."""
    if category == "Flags" or _SKIN.search(key) or _TWINS.search(key) or _CLOCK.search(key):
        return False
    if category == "Symbols":
        return bool(_KEPT_SYMBOLS.search(key)) and not _LETTERS.search(key)
    return not _LETTERS.search(key) or category in ("Animals & Nature", "Food & Drink")


def fetch() -> None:
    """Fetches the packages with npm into the cache, where they are not there yet."""
    ICONS.mkdir(parents=True, exist_ok=True)
    for folder, package in PACKAGES.items():
        target = ICONS / folder
        if (target / "package").is_dir():
            continue
        packed = subprocess.run(
            ["npm", "pack", "--silent", package], cwd=ICONS, check=True, capture_output=True, text=True
        ).stdout.split()[-1]
        with folder_aside(target, replace=True) as aside, tarfile.open(ICONS / packed) as archive:
            archive.extractall(aside, filter="data")


def _keywords(root: Path) -> dict[str, tuple[str, ...]]:
    table = json.loads((root / "emojilib" / "package" / "dist" / "emoji-en-US.json").read_text())
    found = {}
    for words in table.values():
        key = words[0].replace("_", "-")
        found[key] = tuple(w.replace("_", " ") for w in words[1:8] if w.replace("_", "").isalpha())
    return found


def load(root: Path = ICONS) -> list[Icon]:
    """All drawings we use, of all sets, in a stable order. Raises FileNotFoundError before `fetch`."""
    keywords = _keywords(root)
    icons = []
    for source in SETS:
        package = root / source / "package"
        data = json.loads((package / "icons.json").read_text())
        categories = json.loads((package / "metadata.json").read_text())["categories"]
        side = data.get("width", 16)
        for category, keys in sorted(categories.items()):
            for key in sorted(keys):
                icon = data["icons"].get(key)
                if icon is None or not wanted(key, category):
                    continue
                width, height = icon.get("width", side), icon.get("height", side)
                square = max(width, height)
                left = icon.get("left", 0) - (square - width) / 2
                top = icon.get("top", 0) - (square - height) / 2
                svg = (
                    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
                    f'viewBox="{left} {top} {square} {square}">{icon["body"]}</svg>'
                )
                icons.append(Icon(source, key, category, svg, keywords.get(key, ())))
    if unknown := WELL_KNOWN - {icon.key for icon in icons}:
        raise ValueError(f"no drawing is called {', '.join(sorted(unknown))}")
    return icons
