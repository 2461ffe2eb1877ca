"""All measures of a sketch bundle."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from .. import metrics
from ..bundle import Bundle, conditioning
from ..data.prompts import templates
from ..data.sample import Drawings, Sample
from .drawings import ask, draw, pixels, some
from .likeness import Likeness, likeness_rows
from .report import Results, Sheets, row
from .speed import speed

COLOURS = ("red", "blue", "green")


def evaluate_emoji(folder: Path, count: int | None) -> tuple[Results, Sheets]:
    """All measures of emoji-sketch and its contact sheets."""
    bundle, drawings, results = Bundle(folder), Drawings(), {}
    numbers = some(drawings.rows(held_out=True), count)
    samples, reds = draw(drawings, numbers), draw(drawings, numbers, "red")
    coverage, leaks, spoiled, red_anyway = [], [], [], []
    named, painted = Likeness(barred=True), Likeness()
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
        red_anyway.append(metrics.obeys(plain, area, "red"))
        for word, picture in zip(COLOURS, coloured, strict=True):
            obeyed[word].append(metrics.obeys(picture, area, word))
        spoiled.append(painted_over(coloured[0], sample, red))
        if len(sheet) < 14 and index % max(1, len(samples) // 14) == 0:
            sheet.append(np.hstack([255 - conditioning(sample.sketch), pixels(sample.target), plain, *coloured]))
    covered, leaked = float(np.mean(coverage)), float(np.mean(leaks))
    row(results, "strokes covered by edges", covered, ">= 0.90", covered >= 0.9)
    likeness_rows(results, '"a X"', named)
    likeness_rows(results, '"a red X", target painted red', painted)
    for word in COLOURS:
        share = float(np.mean(obeyed[word]))
        row(results, f'"a {word} X" is {word}', share, ">= 0.90", share >= 0.9)
    row(results, '"a X" is red', float(np.mean(red_anyway)), "(no bar)", True)
    row(results, 'other parts painted over by "a red X"', mean_of_known(spoiled), "(first trial: 0.83)", True)
    row(results, "colour outside the object / its area", leaked, "< 0.02", leaked < 0.02)
    small = draw(drawings, some(drawings.rows(held_out=True), 40 if count is None else 8), anywhere=True)
    wandering = [metrics.leak(ask(bundle, sample), sample.mask > 0.5, sample.sketch) for sample in small]
    row(results, "the same, drawn small and off the middle", float(np.mean(wandering)), "(no bar)", True)
    row(results, "names held out", len({s.facts["name"] for s in samples}), "(no bar)", True)
    taught = familiar(bundle, drawings, results, 60 if count is None else 12)
    vivid = [s for s in samples if s.mask.mean() > 0.03]
    style_rows(bundle, drawings, spread(vivid, 40 if count is None else 16), results, sheet_rows := [])
    guidance(bundle, spread(samples, 8), results)
    millis = speed(bundle)
    row(results, "fastest 512×512 picture", millis, "<= 150 ms", millis <= 150, " ms")
    row(results, "size on disk", bundle.size_on_disk / 1e6, "<= 25 MB", bundle.size_on_disk <= 25e6, " MB")
    sheets = {"held-out.webp": (sheet, 1100), "taught.webp": ([taught], 1400), "styles.webp": (sheet_rows, 1400)}
    return results, {name: (np.vstack(rows), width) for name, (rows, width) in sheets.items()}


def painted_over(picture: np.ndarray, sample: Sample, red: Sample) -> float | None:
    """The share of the parts beside the body that "a red X" painted over; None where there are none."""
    parts = cv2.erode(((sample.mask > 0.5) & (sample.body < 0.1)).astype(np.uint8), np.ones((5, 5))) > 0
    return metrics.painted_over(picture, pixels(red.target), parts & ~sample.sketch, "red")


def mean_of_known(shares: list[float | None]) -> float:
    known = [share for share in shares if share is not None]
    return float(np.mean(known)) if known else float("nan")


def familiar(bundle: Bundle, drawings: Drawings, results: Results, count: int) -> np.ndarray:
    """The same of names that were taught, well-known ones more often, drawn as they never were; gives their contact sheet."""
    rows = drawings.rows(held_out=False)
    chances = np.array([drawings.facts[row]["weight"] for row in rows])
    rows = some(rows, count, chances)
    found, leaks, spoiled, sheet = Likeness(), [], [], []
    for sample, red in zip(draw(drawings, rows), draw(drawings, rows, "red"), strict=True):
        plain = ask(bundle, sample)
        found.add(plain, sample)
        leaks.append(metrics.leak(plain, sample.mask > 0.5, sample.sketch))
        spoiled.append(painted_over(ask(bundle, sample, "red"), sample, red))
        sheet.append(np.hstack([255 - conditioning(sample.sketch), pixels(sample.target), plain]))
    likeness_rows(results, '"a X", taught names drawn anew', found)
    name = 'taught names drawn anew: other parts painted over by "a red X"'
    row(results, name, mean_of_known(spoiled), "(no bar)", True)
    row(results, "taught names drawn anew: colour outside the object / its area", float(np.mean(leaks)), "(no bar)", True)
    columns = zip(sheet[0:12:3], sheet[1:12:3], sheet[2:12:3], strict=True)
    return np.vstack([np.hstack(column) for column in columns])


def spread(samples: list[Sample], count: int) -> list[Sample]:
    """`count` of the samples, from all over the list: it is sorted by set and category."""
    return [samples[i] for i in np.linspace(0, len(samples) - 1, min(count, len(samples))).astype(int)]


def style_rows(bundle: Bundle, drawings: Drawings, samples: list[Sample], results: Results, sheet: list[np.ndarray]) -> None:
    """Tells the nine styles apart by statistics: learned on one half of the drawings, asked on the other.

    Learned on the bundle's own pictures, the share says whether styles differ; on the pictures that were taught, whether
    they are the right ones.
    """
    shown, taught, labels, groups = [], [], [], []
    for index, sample in enumerate(samples):
        image = conditioning(sample.sketch)[None]
        pictures = [255 - image[0]]
        for style, template in templates().items():
            picture = bundle.translate(image, [template.replace("{prompt}", f"a {sample.facts['name']}")])[0]
            shown.append(metrics.style_statistics(picture))
            taught.append(metrics.style_statistics(pixels(draw(drawings, [sample.row], style=style)[0].target)))
            labels.append(style)
            groups.append(index % 2)
            pictures.append(picture)
        if len(sheet) < 6:
            sheet.append(np.hstack(pictures))
    shown, taught, labels, groups = np.stack(shown), np.stack(taught), np.array(labels), np.array(groups)

    def told(examples: np.ndarray) -> float:
        right = []
        for held in (0, 1):
            known = groups != held
            right.append((metrics.classify(examples[known], labels[known], shown[~known]) == labels[~known]).mean())
        return float(np.mean(right))

    apart = told(shown)
    row(results, "styles told apart", apart, ">= 0.90", apart >= 0.9)
    row(results, "styles recognised by who has seen the targets only", told(taught), "(no bar)", True)


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
