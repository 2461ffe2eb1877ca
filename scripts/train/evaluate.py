"""Measures the shipped bundles on what they were never shown, and writes their contact sheets and README numbers.

npm run evaluate                       (both bundles, about four minutes on two cores)
npm run evaluate -- emoji-sketch --quick
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from . import metrics
from .bundle import Bundle, conditioning
from .data.prompts import templates
from .data.sample import Drawings, Request, Sample, make
from .data.street import render
from .day_night import HELD_OUT, PROMPTS
from .paths import MODELS

SIDE = 512
COLOURS = ("red", "blue", "green")
Results = dict[str, dict[str, object]]


def row(results: Results, name: str, value: float, bar: str, met: bool, unit: str = "") -> None:
    """Notes one measure: its value, the bar it is held against, and whether it is over it."""
    results[name] = {"value": round(float(value), 4), "bar": bar, "met": bool(met), "unit": unit}
    print(f"{'ok  ' if met else 'MISS'} {name}: {value:.3f}{unit} (bar: {bar})", flush=True)


def speed(bundle: Bundle, runs: int = 12) -> float:
    """Milliseconds of the fastest of some runs for one 512×512 picture, text embedding included."""
    image = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    image[:, 100:400, 200:208] = 255
    best = np.inf
    for _ in range(runs):
        started = time.perf_counter()
        bundle.translate(image, ["a duck"])
        best = min(best, time.perf_counter() - started)
    return best * 1000


def draw(drawings: Drawings, rows: np.ndarray, colour: str | None = None) -> list[Sample]:
    """Drawings, roughly drawn, with the picture they should become: plain, or with their body in an asked colour."""
    samples = []
    for number in rows:
        request = Request(
            colour=colour,
            prompt=f"a {drawings.facts[number]['name']}",
            gamma=1.0,
            roughness=0.8,
            strength=0.6,
            flip=False,
        )
        samples.append(make(drawings, int(number), SIDE, np.random.default_rng([9, int(number)]), request))
    return samples


def some(rows: np.ndarray, count: int | None, chances: np.ndarray | None = None) -> np.ndarray:
    """`count` of the rows, always the same ones; all where it is None."""
    if count is None:
        return rows
    if chances is not None:
        chances = chances / chances.sum()
    return np.random.default_rng(5).choice(rows, count, replace=False, p=chances)


def pixels(target: np.ndarray) -> np.ndarray:
    return (target * 255).astype(np.uint8)


def ask(bundle: Bundle, sample: Sample, colour: str | None = None) -> np.ndarray:
    """The bundle's picture of a drawing: "a duck", "a red duck"."""
    name = sample.facts["name"]
    return bundle.translate(conditioning(sample.sketch)[None], [f"a {colour} {name}" if colour else f"a {name}"])[0]


class Likeness:
    """How near pictures come to their targets, against painting the object in the one colour that is its mean."""

    def __init__(self) -> None:
        self._found: dict[str, list[float]] = {}

    def add(self, picture: np.ndarray, sample: Sample) -> None:
        target, mask = pixels(sample.target), sample.mask > 0.5
        filled, inked = (metrics.constant_filling(target, mask, ink) for ink in (None, sample.sketch))
        for key, value in {
            "distance": metrics.perceptual(picture, target),
            "filling": metrics.perceptual(filled, target),
            "inked": metrics.perceptual(inked, target),
            "error": metrics.colour_error(picture, target, mask),
            "mean_error": metrics.colour_error(filled, target, mask),
        }.items():
            self._found.setdefault(key, []).append(value)

    def ratio(self, above: str, below: str) -> float:
        return float(np.mean(self._found[above]) / np.mean(self._found[below]))


def likeness_rows(results: Results, of: str, found: Likeness, barred: bool) -> None:
    """The two ratios, which have bars on held-out drawings asked for by name alone."""
    ratio = found.ratio("distance", "filling")
    bars = ("< 0.5", "< 0.667") if barred else ("(no bar)", "(no bar)")
    row(results, f"{of}: perceptual distance / best constant filling", ratio, bars[0], ratio < 0.5 or not barred)
    if barred:
        row(results, f"{of}: the same, filling given the drawn lines", found.ratio("distance", "inked"), "(no bar)", True)
    ratio = found.ratio("error", "mean_error")
    row(results, f"{of}: object colour error / its own mean colour's", ratio, bars[1], ratio < 2 / 3 or not barred)


def evaluate_emoji(folder: Path, count: int | None) -> tuple[Results, np.ndarray]:
    """All measures of emoji-sketch and its contact sheet."""
    bundle, drawings, results = Bundle(folder), Drawings(), {}
    numbers = some(drawings.rows(held_out=True), count)
    samples, reds = draw(drawings, numbers), draw(drawings, numbers, "red")
    coverage, leaks, spoiled = [], [], []
    named, painted = Likeness(), Likeness()
    obeyed: dict[str, list[bool]] = {word: [] for word in COLOURS}
    sheet: list[np.ndarray] = []
    for index, (sample, red) in enumerate(zip(samples, reds, strict=True)):
        plain, *coloured = (ask(bundle, sample, word) for word in (None, *COLOURS))
        mask = sample.mask > 0.5
        area = mask & ~sample.sketch
        coverage.append(metrics.stroke_coverage(sample.sketch, plain))
        leaks.append(metrics.leak(plain, mask, sample.sketch))
        named.add(plain, sample)
        painted.add(coloured[0], red)
        for word, picture in zip(COLOURS, coloured, strict=True):
            obeyed[word].append(metrics.obeys(picture, area, word))
        parts = cv2.erode((mask & (sample.body < 0.1)).astype(np.uint8), np.ones((5, 5))) > 0
        if (share := metrics.painted_over(coloured[0], pixels(red.target), parts & ~sample.sketch, "red")) is not None:
            spoiled.append(share)
        if len(sheet) < 14 and index % max(1, len(samples) // 14) == 0:
            sheet.append(np.hstack([255 - conditioning(sample.sketch), pixels(sample.target), plain, *coloured]))
    covered, leaked = float(np.mean(coverage)), float(np.mean(leaks))
    row(results, "strokes covered by edges", covered, ">= 0.90", covered >= 0.9)
    likeness_rows(results, '"a X"', named, barred=True)
    likeness_rows(results, '"a red X", target painted red', painted, barred=False)
    for word in COLOURS:
        share = float(np.mean(obeyed[word]))
        row(results, f'"a {word} X" is {word}', share, ">= 0.90", share >= 0.9)
    over = float(np.mean(spoiled or [0.0]))
    row(results, 'other parts painted over by "a red X"', over, "(first trial: 0.83)", over < 0.83)
    row(results, "colour outside the object / its area", leaked, "< 0.02", leaked < 0.02)
    row(results, "names held out", len({s.facts["name"] for s in samples}), "(no bar)", True)
    write_sheet(folder / "taught.webp", familiar(bundle, drawings, results, 60 if count is None else 12), 1400)
    vivid = [s for s in samples if s.mask.mean() > 0.03]
    style_rows(bundle, vivid[: 40 if count is None else 16], results, sheet_rows := [])
    guidance(bundle, samples[:8], results)
    millis = speed(bundle)
    row(results, "fastest 512×512 picture", millis, "<= 150 ms", millis <= 150, " ms")
    row(results, "size on disk", bundle.size_on_disk / 1e6, "<= 25 MB", bundle.size_on_disk <= 25e6, " MB")
    write_sheet(folder / "styles.webp", np.vstack(sheet_rows), 1400)
    return results, np.vstack(sheet)


def familiar(bundle: Bundle, drawings: Drawings, results: Results, count: int) -> np.ndarray:
    """The same of names that were taught, drawn as they never were before; gives their contact sheet."""
    rows = drawings.rows(held_out=False)
    chances = np.array([drawings.facts[row]["weight"] for row in rows])
    found, leaks, sheet = Likeness(), [], []
    for sample in draw(drawings, some(rows, count, chances)):
        plain = ask(bundle, sample)
        found.add(plain, sample)
        leaks.append(metrics.leak(plain, sample.mask > 0.5, sample.sketch))
        sheet.append(np.hstack([255 - conditioning(sample.sketch), pixels(sample.target), plain]))
    likeness_rows(results, '"a X", taught names drawn anew', found, barred=False)
    row(results, "taught names drawn anew: colour outside the object / its area", float(np.mean(leaks)), "(no bar)", True)
    columns = zip(sheet[0:12:3], sheet[1:12:3], sheet[2:12:3], strict=True)
    return np.vstack([np.hstack(column) for column in columns])


def style_rows(bundle: Bundle, samples: list[Sample], results: Results, sheet: list[np.ndarray]) -> None:
    """Tells the nine styles apart by statistics: learned on one half of the drawings, asked on the other."""
    features, labels, groups = [], [], []
    for index, sample in enumerate(samples):
        image = conditioning(sample.sketch)[None]
        pictures = [255 - image[0]]
        for style, template in templates().items():
            picture = bundle.translate(image, [template.replace("{prompt}", f"a {sample.facts['name']}")])[0]
            features.append(metrics.style_statistics(picture))
            labels.append(style)
            groups.append(index % 2)
            pictures.append(picture)
        if len(sheet) < 6:
            sheet.append(np.hstack(pictures))
    features, labels, groups = np.stack(features), np.array(labels), np.array(groups)
    right = []
    for held in (0, 1):
        known = groups != held
        right.append((metrics.classify(features[known], labels[known], features[~known]) == labels[~known]).mean())
    share = float(np.mean(right))
    row(results, "styles told apart", share, ">= 0.90", share >= 0.9)


def guidance(bundle: Bundle, samples: list[Sample], results: Results) -> None:
    """How much a picture changes with the seed, at full guidance and at little of it, in grey levels."""
    changes = {}
    for gamma in (1.0, 0.4, 0.1):
        found = []
        for sample in samples:
            image = conditioning(sample.sketch)[None]
            a, b = (bundle.translate(image, [f"a {sample.facts['name']}"], gamma, seed)[0].astype(float) for seed in (1, 2))
            found.append(np.abs(a - b).mean())
        changes[gamma] = float(np.mean(found))
        row(results, f"change by seed at gamma {gamma:g}", changes[gamma], "(no bar)", True, " grey levels")
    row(
        results,
        "the seed matters more as gamma falls",
        float(changes[0.1] > changes[0.4] > changes[1.0]),
        "1",
        changes[0.1] > changes[0.4] > changes[1.0],
    )


def evaluate_street(folder: Path, count: int | None) -> tuple[Results, np.ndarray]:
    """All measures of day-night and its contact sheet."""
    bundle, results, sheet = Bundle(folder), {}, []
    total = count or 40
    for direction, half, night in (("day_to_night", "a2b", False), ("night_to_day", "b2a", True)):
        right, recall, gain = [], [], []
        pairs = []
        for index in range(total):
            source = render(HELD_OUT + 100 + index, night, SIDE)
            result = bundle.translate(source[None], [PROMPTS[half]], direction=direction)[0]
            change = metrics.lab(result)[..., 0].mean() - metrics.lab(source)[..., 0].mean()
            right.append(change > 5 if night else change < -5)
            gain.append(change)
            recall.append(metrics.edge_recall(source, result))
            if index < 5:
                pairs.append((source, result))
        sheet += [np.hstack([s for s, _ in pairs]), np.hstack([r for _, r in pairs])]
        words = direction.replace("_", " ")
        row(results, f"{words}: luminance moves the right way", float(np.mean(right)), "1.00", bool(np.all(right)))
        row(results, f"{words}: edges survive", float(np.mean(recall)), ">= 0.85", float(np.mean(recall)) >= 0.85)
        row(results, f"{words}: change of lightness (L of 100)", float(np.mean(gain)), "(no bar)", True)
    millis = speed(bundle)
    row(results, "fastest 512×512 picture", millis, "<= 150 ms", millis <= 150, " ms")
    row(results, "size on disk", bundle.size_on_disk / 1e6, "<= 15 MB", bundle.size_on_disk <= 15e6, " MB")
    return results, np.vstack(sheet)


def write_sheet(path: Path, picture: np.ndarray, width: int) -> None:
    """A contact sheet under 400 kB."""
    height = round(picture.shape[0] * width / picture.shape[1])
    image = Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS)
    for quality in (88, 80, 70, 55):
        image.save(path, quality=quality, method=6)
        if path.stat().st_size < 400_000:
            return


def write_numbers(folder: Path, results: Results, quick: bool) -> None:
    """Puts the numbers as a table between the marks in the bundle's README, and beside it as evaluation.json."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    manifest = json.loads((folder / "manifest.json").read_text())
    lines = [
        f"Measured {today} with `npm run evaluate{' -- --quick' if quick else ''}` on these weights ({manifest['origin']}):",
        "",
    ]
    lines += ["| measure | value | bar | |", "|---|---|---|---|"]
    for name, entry in results.items():
        state = "" if entry["bar"].startswith("(") else ("met" if entry["met"] else "**missed**")
        lines.append(f"| {name} | {entry['value']:g}{entry['unit']} | {entry['bar']} | {state} |")
    readme = folder / "README.md"
    text = readme.read_text() if readme.is_file() else f"# {manifest['title']}\n\n<!-- numbers -->\n<!-- /numbers -->\n"
    block = "<!-- numbers -->\n" + "\n".join(lines) + "\n<!-- /numbers -->"
    readme.write_text(re.sub(r"<!-- numbers -->.*?<!-- /numbers -->", lambda _: block, text, flags=re.S))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundles", nargs="*", default=["emoji-sketch", "day-night"])
    parser.add_argument("--models", type=Path, default=MODELS)
    parser.add_argument("--quick", action="store_true", help="a few pictures only; the README says so")
    parser.add_argument("--strict", action="store_true", help="end with an error where a bar is missed")
    options = parser.parse_args()
    cv2.setNumThreads(2)
    missed = 0
    for name in options.bundles:
        folder = options.models / name
        print(name, flush=True)
        judge = evaluate_street if name == "day-night" else evaluate_emoji
        results, sheet = judge(folder, 16 if options.quick else None)
        write_sheet(folder / "held-out.webp", sheet, 1100)
        write_numbers(folder, results, options.quick)
        missed += sum(not entry["met"] for entry in results.values())
    print(f"{missed} bars missed")
    if options.strict and missed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
