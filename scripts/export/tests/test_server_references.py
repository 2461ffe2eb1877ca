"""The pictures and ids that the server's own tests compare with are what cv2, Pillow and transformers make today.

The server's tests need no Python; this ties their fixtures to the libraries, so that nobody can edit them into agreement.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps
from transformers import PreTrainedTokenizerFast

FIXTURES = Path(__file__).parents[3] / "test" / "fixtures"
CONDITIONING = FIXTURES / "conditioning"
CASES = json.loads((CONDITIONING / "cases.json").read_text())


def picture(name: str) -> Image.Image:
    return Image.open(CONDITIONING / name).convert("RGB")


def same(made: np.ndarray, name: str) -> bool:
    stored = np.asarray(picture(name))
    return np.array_equal(made if made.ndim == 3 else np.repeat(made[:, :, None], 3, axis=2), stored)


def test_resized_pictures_are_pillows() -> None:
    wrong = []
    for case in CASES["resizes"]:
        source, size = picture(case["source"]), (case["width"], case["height"])
        made = {
            "fill": lambda source=source, size=size: source.resize(size, Image.Resampling.LANCZOS),
            "cover": lambda source=source, size=size: ImageOps.fit(source, size, Image.Resampling.LANCZOS),
            "contain": lambda source=source, size=size: ImageOps.pad(source, size, Image.Resampling.LANCZOS),
        }[case["fit"]]()
        if not same(np.asarray(made), case["expected"]):
            wrong.append(case["expected"])
    assert not wrong


def test_edges_are_cv2s() -> None:
    wrong = []
    for case in CASES["edges"]:
        # As the reference prepares them: the RGB picture straight into Canny.
        made = cv2.Canny(np.asarray(picture(case["source"])), case["low"], case["high"])
        if not same(made, case["expected"]):
            wrong.append(case["expected"])
    assert not wrong


@pytest.mark.parametrize("case", CASES["sketches"], ids=lambda case: case["source"])
def test_sketches_are_the_references_threshold(case: dict) -> None:
    grey = np.asarray(picture(case["source"]).convert("L"))
    strokes = (255 - grey if case["inverted"] else grey) / 255 < 0.5
    assert same(strokes.astype(np.uint8) * 255, case["expected"])


def test_token_ids_are_transformers() -> None:
    content = json.loads((FIXTURES / "tokenizer" / "cases.json").read_text())
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(FIXTURES / "tokenizer" / "tokenizer.json"))
    length, pad = content["made_with"]["max_length"], content["made_with"]["pad_id"]
    assert len(content["cases"]) == 200
    wrong = []
    for case in content["cases"]:
        ids = tokenizer(case["prompt"], truncation=True, max_length=length).input_ids
        if ids + [pad] * (length - len(ids)) != case["ids"]:
            wrong.append(case["prompt"])
    assert not wrong
