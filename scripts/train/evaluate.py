"""Measures the shipped bundles on what they were never shown, and writes their contact sheets and README numbers.

npm run evaluate                       (both bundles, about four minutes on two cores)
npm run evaluate -- emoji-sketch --quick
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2

from .evaluation.emoji import evaluate_emoji
from .evaluation.report import write_numbers, write_sheet
from .evaluation.street import evaluate_street
from .paths import MODELS


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
