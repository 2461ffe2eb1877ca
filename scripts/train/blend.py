"""Blends two runs of one origin: the mean of their averaged weights, as a run to publish or to go on from.

npm run train:blend -- emoji-base emoji-sketch --run emoji-blend

A run that went on from another to learn something new loses a little of what that one knew; half-way between them most of
both is kept (Wortsman et al., arXiv 2109.01903).
"""

from __future__ import annotations

import argparse
import shutil
from types import SimpleNamespace

import torch
from torch import Tensor

from . import state
from .paths import RUNS

Weights = dict[str, Tensor]


def blend(first: Weights, second: Weights, share: float) -> Weights:
    """`share` of the second's weights and the rest of the first's. Raises ValueError where they are of different shapes."""
    if {key: value.shape for key, value in first.items()} != {key: value.shape for key, value in second.items()}:
        raise ValueError("the runs have different shapes: they are not of one origin")
    return {key: torch.lerp(value.float(), second[key].float(), share).to(value.dtype) for key, value in first.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("first")
    parser.add_argument("second", help="the run whose tokenizer and facts the blend takes")
    parser.add_argument("--run", required=True, help="the run that is written")
    parser.add_argument("--share", type=float, default=0.5, help="how much of the second")
    options = parser.parse_args()
    if (RUNS / options.run).exists():
        parser.error(f"there is a run {options.run} already")
    runs = [state.load(name) or parser.error(f"there is no run {name}") for name in (options.first, options.second)]
    # Of a run that was begun on a bundle the averaged weights are the bundle's.
    weights = blend(*(run["average"] for run in runs), options.share)
    shutil.copytree(RUNS / options.second / "tokenizer", RUNS / options.run / "tokenizer")
    held = SimpleNamespace(state_dict=lambda: weights)
    state.save(options.run, {"model": held, "average": held}, runs[1]["facts"])
    print(f"{RUNS / options.run} is {options.share:g} of {options.second} and the rest of {options.first}")


if __name__ == "__main__":
    main()
