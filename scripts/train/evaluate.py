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


def held_out_sketches(drawings: Drawings, count: int | None) -> list[Sample]:
    """Held-out drawings, roughly drawn, with the plain picture they should become."""
    rows = drawings.rows(held_out=True)
    if count is not None:
        rows = np.random.default_rng(5).permutation(rows)[:count]
    samples = []
    for number in rows:
        name = drawings.facts[number]["name"]
        request = Request(prompt=f"a {name}", gamma=1.0, roughness=0.8, strength=0.6, flip=False)
        samples.append(make(drawings, int(number), SIDE, np.random.default_rng([9, int(number)]), request))
    return samples


def coloured_target(drawings: Drawings, sample: Sample, number: int, word: str) -> np.ndarray:
    request = Request(colour=word, prompt="-", gamma=1.0, roughness=0.8, strength=0.6, flip=False)
    again = make(drawings, number, SIDE, np.random.default_rng([9, number]), request)
    return (again.target * 255).astype(np.uint8)


def evaluate_emoji(folder: Path, count: int | None) -> tuple[Results, np.ndarray]:
    """All measures of emoji-sketch and its contact sheet."""
    bundle, drawings, results = Bundle(folder), Drawings(), {}
    samples = held_out_sketches(drawings, count)
    numbers = {id(fact): index for index, fact in enumerate(drawings.facts)}
    coverage, distance, filling, inked_filling, errors, mean_errors, leaks = [], [], [], [], [], [], []
    obeyed, spoiled = {word: [] for word in COLOURS}, []
    vivid = [s for s in samples if s.mask.mean() > 0.03]
    sheet: list[np.ndarray] = []
    for index, sample in enumerate(samples):
        name = sample.facts["name"]
        image = conditioning(sample.sketch)[None]
        prompts = [f"a {name}", *(f"a {word} {name}" for word in COLOURS)]
        plain, *coloured = (bundle.translate(image, [prompt])[0] for prompt in prompts)
        target = (sample.target * 255).astype(np.uint8)
        mask = sample.mask > 0.5
        coverage.append(metrics.stroke_coverage(sample.sketch, plain))
        distance.append(metrics.perceptual(plain, target))
        filling.append(metrics.perceptual(metrics.constant_filling(target, mask, None), target))
        inked_filling.append(metrics.perceptual(metrics.constant_filling(target, mask, sample.sketch), target))
        errors.append(metrics.colour_error(plain, target, mask))
        mean_errors.append(metrics.colour_error(metrics.constant_filling(target, mask, None), target, mask))
        leaks.append(metrics.leak(plain, mask, sample.sketch))
        area = mask & ~sample.sketch
        for word, picture in zip(COLOURS, coloured, strict=True):
            obeyed[word].append(metrics.obeys(picture, area, word))
        parts = cv2.erode((mask & (sample.body < 0.1)).astype(np.uint8), np.ones((5, 5))) > 0
        part_target = coloured_target(drawings, sample, numbers[id(sample.facts)], "red")
        if (kept := metrics.painted_over(coloured[0], part_target, parts & ~sample.sketch, "red")) is not None:
            spoiled.append(kept)
        if len(sheet) < 14 and index % max(1, len(samples) // 14) == 0:
            sheet.append(np.hstack([255 - image[0], target, plain, *coloured]))
    mean = {key: float(np.mean(value)) for key, value in {
        "coverage": coverage, "distance": distance, "filling": filling, "inked": inked_filling,
        "error": errors, "mean_error": mean_errors, "leak": leaks, "spoiled": spoiled or [0.0],
    }.items()}  # fmt: skip
    row(results, "strokes covered by edges", mean["coverage"], ">= 0.90", mean["coverage"] >= 0.9)
    ratio = mean["distance"] / mean["filling"]
    row(results, "perceptual distance / best constant filling", ratio, "< 0.5", ratio < 0.5)
    ratio = mean["distance"] / mean["inked"]
    row(results, "the same, filling given the drawn lines", ratio, "(no bar)", True)
    for word in COLOURS:
        share = float(np.mean(obeyed[word]))
        row(results, f'"a {word} X" is {word}', share, ">= 0.90", share >= 0.9)
    row(results, 'other parts painted over by "a red X"', mean["spoiled"], "(first trial: 0.83)", mean["spoiled"] < 0.83)
    ratio = mean["error"] / mean["mean_error"]
    row(results, "object colour error / its own mean colour's", ratio, "< 0.667", ratio < 2 / 3)
    row(results, "colour outside the object / its area", mean["leak"], "< 0.02", mean["leak"] < 0.02)
    row(results, "names held out", len({s.facts["name"] for s in samples}), "(no bar)", True)
    style_rows(bundle, vivid[: 40 if count is None else 16], results, sheet_rows := [])
    guidance(bundle, samples[:8], results)
    millis = speed(bundle)
    row(results, "fastest 512×512 picture", millis, "<= 150 ms", millis <= 150, " ms")
    row(results, "size on disk", bundle.size_on_disk / 1e6, "<= 25 MB", bundle.size_on_disk <= 25e6, " MB")
    write_sheet(folder / "styles.webp", np.vstack(sheet_rows), 1400)
    return results, np.vstack(sheet)


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
