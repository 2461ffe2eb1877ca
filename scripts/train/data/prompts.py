"""Prompts as people write them: a name, maybe a colour word, maybe a style's template around it."""

from __future__ import annotations

import json
from functools import cache

import numpy as np

from ..paths import STYLES
from .colour import SYNONYMS, WORDS

PLAIN = (
    "{p}",
    "{p}",
    "{p}",
    "a {p}",
    "a {p}",
    "the {p}",
    "a drawing of a {p}",
    "a picture of a {p}",
    "cute {p}",
    "sketch of a {p}",
)
COLOURED = (
    "a {c} {p}",
    "a {c} {p}",
    "{c} {p}",
    "{c} {p}",
    "a cute {c} {p}",
    "{p} in {c}",
    "a drawing of a {c} {p}",
    "the {p} is {c}",
)
# What a prompt that says nothing useful looks like.
EMPTY = ("", "a drawing", "picture", "something nice", "my drawing", "a thing", "untitled")
_SPELLINGS = {word: [word] + [other for other, same in SYNONYMS.items() if same == word] for word in WORDS}


@cache
def templates() -> dict[str, str]:
    """Style id → template with {prompt}, from the server's own list."""
    return {style["id"]: style["template"] for style in json.loads(STYLES.read_text())}


def compose(rng: np.random.Generator, name: str, keywords: tuple[str, ...], colour: str | None, style: str | None) -> str:
    """One way of asking for this drawing."""
    chance = rng.random()
    if chance < 0.05:
        subject = str(rng.choice(EMPTY))
        words = f"{subject} in {colour}" if colour else subject
    else:
        subject = str(rng.choice(keywords)) if chance < 0.15 and keywords else name
        if chance > 0.9 and keywords:
            subject = f"{name}, {rng.choice(keywords)}"
        if colour:
            spelling = str(rng.choice(_SPELLINGS[colour]))
            words = str(rng.choice(COLOURED)).format(c=spelling, p=subject)
        else:
            words = str(rng.choice(PLAIN)).format(p=subject)
    return templates()[style].replace("{prompt}", words) if style else words
