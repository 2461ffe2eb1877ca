"""One process of a training run: picks up where it was left, and says when to log, to save and to stop."""

from __future__ import annotations

import argparse
import contextlib
import math
import signal
import time
from collections.abc import Callable, Iterable, Iterator

import torch

from . import parallel, state

SEED = 20261123
LOG_SECONDS = 20


def add_arguments(parser: argparse.ArgumentParser, name: str, batch: int, save_minutes: float) -> None:
    """What every run is asked: where, how large, how long, how fast."""
    gpu = torch.cuda.is_available()
    parser.add_argument("--run", default=name)
    parser.add_argument("--side", type=int, default=256, help="pixels of a training picture's side")
    parser.add_argument("--batch", type=int, default=batch, help="samples of a step (of each kind), in each process")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--lr-end", type=float, default=1e-4)
    parser.add_argument("--device", default="cuda" if gpu else "cpu")
    parser.add_argument("--processes", type=int, default=1 if gpu else 2)
    parser.add_argument("--save-minutes", type=float, default=save_minutes)


def begin(args: argparse.Namespace) -> tuple[torch.device, contextlib.AbstractContextManager[object]]:
    """Seeds this process and gives it one thread: its device, and the precision in which the generator runs there."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    device = torch.device(args.device)
    return device, torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else contextlib.nullcontext()


class Run:
    """The frame around a training loop.

    `parts` are what is saved and resumed, by name; `about` is what a phase is remembered by; `preview` draws what the
    averaged weights do, after every save. Only rank 0 writes.
    """

    def __init__(
        self,
        args: argparse.Namespace,
        rank: int,
        parts: dict[str, object],
        sizes: dict[str, object],
        about: dict[str, object],
        preview: Callable[[], None],
        warm_up: int,
    ) -> None:
        self._args, self._rank, self._parts, self._preview, self._warm_up = args, rank, parts, preview, warm_up
        self.facts: dict[str, object] = {"step": 0, "samples": 0, "seconds": 0.0, "phases": []}
        if (saved := state.load(args.run)) is not None:
            for key, part in parts.items():
                part.load_state_dict(saved[key])
            self.facts = saved["facts"]
            if rank == 0:
                print(f"going on from step {self.facts['step']}", flush=True)
        self.step = int(self.facts["step"])
        self._before = float(self.facts["seconds"])
        self._phase = {"side": args.side, "batch": args.batch, "lr": [args.lr, args.lr_end], **about, "from_step": self.step}
        self.facts.update(sizes=sizes, phases=[*self.facts["phases"], self._phase])
        self.clock = state.Clock(args.steps, args.minutes)
        self._asked_to_stop = self._over = False
        self._running: dict[str, float] = {}
        self._last_save = self._last_log = time.monotonic()
        self._logged_samples = 0

    @property
    def rate(self) -> float:
        """The learning rate now: half a cosine from `--lr` to `--lr-end`, after a warm-up."""
        start, end = self._args.lr, self._args.lr_end
        cosine = end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(self.clock.progress, 1)))
        return cosine * min(1.0, (self.clock.done + 1) / self._warm_up)

    def steps(self) -> Iterator[int]:
        """Step numbers until the time is over or somebody says stop; saves at the end."""

        def stop(*_: object) -> None:
            self._asked_to_stop = True

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        while not self._over:
            yield self.step
        self._save()
        if self._rank == 0:
            print(f"stopped at step {self.step}", flush=True)

    def share(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Averages gradients over the processes, and learns whether one of them wants to stop."""
        self._over = parallel.share_gradients(parameters, float(self._asked_to_stop or self.clock.last))

    def done(self, losses: dict[str, float], samples: int) -> None:
        """After a step of `samples` samples in this process."""
        self.step += 1
        self.clock.tick()
        samples *= self._args.processes
        self.facts["samples"] = int(self.facts["samples"]) + samples
        self._logged_samples += samples
        for key, value in losses.items():
            self._running[key] = self._running.get(key, value) * 0.98 + value * 0.02
        now = time.monotonic()
        if self._rank == 0 and now - self._last_log > LOG_SECONDS:
            told = " ".join(f"{key} {value:.4f}" for key, value in self._running.items())
            speed = self._logged_samples / (now - self._last_log)
            percent = 100 * self.clock.progress
            print(f"step {self.step} {percent:.0f}% lr {self.rate:.1e} {told} {speed:.1f} samples/s", flush=True)
            self._last_log, self._logged_samples = now, 0
        if now - self._last_save > 60 * self._args.save_minutes:
            self._save()
            self._last_save = time.monotonic()

    def _save(self) -> None:
        if self._rank > 0:
            return
        self._phase["to_step"], self._phase["seconds"] = self.step, round(self.clock.elapsed)
        self.facts.update(step=self.step, seconds=self._before + self.clock.elapsed)
        state.save(self._args.run, self._parts, self.facts)
        self._preview()
