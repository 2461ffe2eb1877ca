"""A bundle's measures as a table in its README, and its pictures as a contact sheet."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path

import numpy as np
from PIL import Image

Results = dict[str, dict[str, object]]
# Contact sheets by file name: the picture, and the width it is kept at.
Sheets = dict[str, tuple[np.ndarray, int]]


def row(results: Results, name: str, value: float, bar: str, met: bool, unit: str = "") -> None:
    """Notes one measure: its value, the bar it is held against, and whether it is over it."""
    results[name] = {"value": round(float(value), 4), "bar": bar, "met": bool(met), "unit": unit}
    print(f"{'ok  ' if met else 'MISS'} {name}: {value:.3f}{unit} (bar: {bar})", flush=True)


def write_sheet(path: Path, picture: np.ndarray, width: int) -> None:
    """A contact sheet under 400 kB."""
    height = round(picture.shape[0] * width / picture.shape[1])
    image = Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS)
    for quality in (88, 80, 70, 55):
        image.save(path, quality=quality, method=6)
        if path.stat().st_size < 400_000:
            return


def write_numbers(folder: Path, results: Results) -> None:
    """Puts the numbers as a table between the marks in the bundle's README, or at its end where it has none."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    manifest = json.loads((folder / "manifest.json").read_text())
    lines = [f"Measured {today} with `npm run evaluate` on these weights ({manifest['origin']}):", ""]
    lines += ["| measure | value | bar | |", "|---|---|---|---|"]
    for name, entry in results.items():
        state = "" if entry["bar"].startswith("(") else ("met" if entry["met"] else "**missed**")
        lines.append(f"| {name} | {entry['value']:g}{entry['unit']} | {entry['bar']} | {state} |")
    readme = folder / "README.md"
    text = readme.read_text() if readme.is_file() else f"# {manifest['title']}\n"
    if "<!-- numbers -->" not in text:
        text = f"{text.rstrip()}\n\n<!-- numbers -->\n<!-- /numbers -->\n"
    block = "<!-- numbers -->\n" + "\n".join(lines) + "\n<!-- /numbers -->"
    readme.write_text(re.sub(r"<!-- numbers -->.*?<!-- /numbers -->", lambda _: block, text, flags=re.S))
