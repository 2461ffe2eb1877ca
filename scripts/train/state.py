"""A training run's state on disk: enough to stop at any time and go on with the same weights, averages and moments."""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path

import torch
from torch import nn

from .paths import RUNS


class Average:
    """Exponential moving average of a module's weights: what is exported."""

    def __init__(self, module: nn.Module, decay: float = 0.995) -> None:
        self.module = copy.deepcopy(module).requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (20 + step))
        own, new = list(self.module.parameters()), list(module.parameters())
        torch._foreach_lerp_(own, new, 1 - decay)


def save(name: str, parts: dict[str, object], facts: dict[str, object]) -> Path:
    """Writes the parts' state dicts and facts to the run's folder, in one move, so that a crash leaves the old one."""
    folder = RUNS / name
    folder.mkdir(parents=True, exist_ok=True)
    state = {key: part.state_dict() for key, part in parts.items()}
    torch.save({**state, "facts": facts}, folder / "state.pt.part")
    (folder / "state.pt.part").replace(folder / "state.pt")
    (folder / "facts.json").write_text(json.dumps(facts, indent=2, default=str) + "\n")
    return folder / "state.pt"


def load(name: str) -> dict[str, object] | None:
    """The state saved last, or None."""
    path = RUNS / name / "state.pt"
    return torch.load(path, map_location="cpu", weights_only=True) if path.is_file() else None


class Clock:
    """How far a phase has come: by steps or by minutes, whichever was asked. `done` and `elapsed` (seconds) are behind it."""

    def __init__(self, steps: int | None, minutes: float | None, done: int = 0, elapsed: float = 0.0) -> None:
        self.steps, self.minutes = steps, minutes
        self.started = time.monotonic() - elapsed
        self.done = done

    def tick(self) -> None:
        self.done += 1

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.started

    @property
    def progress(self) -> float:
        """0 at the start, 1 when the phase is over."""
        return self.done / self.steps if self.steps else self.elapsed / 60 / (self.minutes or 1)

    @property
    def last(self) -> bool:
        """Whether the step under way is the phase's last."""
        return self.done + 1 >= self.steps if self.steps else self.progress >= 1
