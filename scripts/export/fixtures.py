"""Writes the tiny random bundles that the server's tests use, into `test/fixtures/bundles/`.

python -m export.fixtures [--out DIR] [NAME …]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from .base import open_base
from .bundle import Order, write_bundle
from .checkpoint import read_checkpoint
from .description import Description, Direction
from .random_init import ARCHITECTURES, Kind, write_base, write_checkpoint
from .target import Target

_LICENCE = {"weights": "MIT (random numbers)"}
_ORIGIN = "random weights, made by scripts/export/fixtures.py"
_DEFAULT_OUT = Path(__file__).parents[2] / "test" / "fixtures" / "bundles"


def _description(name: str, kind: Kind) -> Description:
    common = {"id": name, "native": (64, 64), "licence": _LICENCE, "origin": _ORIGIN, "max_side": 1024}
    if kind == "cyclegan":
        return Description(
            title="Tiny day and night",
            family="cyclegan-turbo",
            conditioning="image",
            stochastic=False,
            directions=[
                Direction("day_to_night", "Day to night", "a2b", "driving in the night"),
                Direction("night_to_day", "Night to day", "b2a", "driving in the day"),
            ],
            **common,
        )
    return Description(
        title=f"Tiny {kind}",
        family="pix2pix-turbo",
        conditioning=kind,
        stochastic=kind == "sketch",
        directions=[Direction(f"{kind}_to_image", f"{kind.capitalize()} to image")],
        example="a picture of a bird",
        **common,
    )


FIXTURES: dict[str, tuple[Kind, str]] = {
    "tiny-sketch": ("sketch", "fused"),
    "tiny-sketch-staged": ("sketch", "staged"),
    "tiny-edge": ("edge", "fused"),
    "tiny-day-night": ("cyclegan", "fused"),
    "tiny-day-night-staged": ("cyclegan", "staged"),
}


def write_fixtures(out: Path, names: list[str]) -> None:
    """Makes a tiny base and its checkpoints in a temporary folder and exports the named bundles from them."""
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        write_base(work / "tiny", ARCHITECTURES["tiny"], seed=1)
        base = open_base(str(work / "tiny"))
        for name in names:
            kind, layout = FIXTURES[name]
            checkpoint = work / f"{kind}.pkl"
            if not checkpoint.exists():
                write_checkpoint(checkpoint, base.path, ARCHITECTURES["tiny"], kind, seed=2)
            order = Order(
                checkpoint=read_checkpoint(checkpoint),
                base=base,
                out=out / name,
                layout=layout,
                target=Target("cpu", "fp32"),
                description=_description(name, kind),
                replace=True,
            )
            report = write_bundle(order, log=lambda line, name=name: print(f"{name}: {line}", flush=True))
            for direction, result in report.closeness.items():
                print(f"{name}: {direction}: {result}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(FIXTURES), help="which bundles; all where none is named")
    parser.add_argument("--out", type=Path, default=_DEFAULT_OUT, help="folder for the bundles")
    options = parser.parse_args()
    write_fixtures(options.out, options.names)
