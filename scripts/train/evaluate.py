"""Measures bundles on what they were never shown, and writes their contact sheets and README numbers.

npm run evaluate                       (both shipped bundles, about six minutes on two cores)
npm run evaluate -- emoji-sketch --quick
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2

from export.command import from_here

from .evaluation.emoji import evaluate_emoji
from .evaluation.report import write_numbers, write_sheet
from .evaluation.street import evaluate_street
from .paths import MODELS

JUDGES = {"pix2pix-turbo": evaluate_emoji, "cyclegan-turbo": evaluate_street}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundles", nargs="*", default=["emoji-sketch", "day-night"])
    parser.add_argument("--models", type=Path, default=MODELS)
    parser.add_argument("--quick", action="store_true", help="a few pictures only; numbers are shown and not written")
    parser.add_argument("--strict", action="store_true", help="end with an error where a bar is missed")
    options = parser.parse_args()
    cv2.setNumThreads(2)
    folders = [from_here(options.models) / name for name in options.bundles]
    if absent := [str(folder) for folder in folders if not (folder / "manifest.json").is_file()]:
        raise SystemExit(f"there is no bundle in {', '.join(absent)}")
    missed = 0
    for folder in folders:
        print(folder.name, flush=True)
        judge = JUDGES[json.loads((folder / "manifest.json").read_text())["family"]]
        results, sheets = judge(folder, 16 if options.quick else None)
        if not options.quick:
            for name, (sheet, width) in sheets.items():
                write_sheet(folder / name, sheet, width)
            write_numbers(folder, results)
        missed += sum(not entry["met"] for entry in results.values())
    print(f"{missed} bars missed")
    if options.strict and missed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
