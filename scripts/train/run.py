"""One process of a training run: picks up where it was left, and says when to log, to save and to stop."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import math
import signal
import time
from collections.abc import Callable, Iterable, Iterator

import torch

from . import parallel, state
from .paths import RUNS

SEED = 20261123
LOG_SECONDS = 20
# So many gradients in a row that are not finite: the weights are lost, and what was saved is better than what is there.
LOST = 20


def add_arguments(parser: argparse.ArgumentParser, name: str, batch: int, save_minutes: float) -> None:
    """What every run is asked: where, how large, how long, how fast."""
    gpu = torch.cuda.is_available()
    parser.add_argument("--run", default=name)
    parser.add_argument("--side", type=int, choices=(128, 256, 512), default=256, help="pixels of a training picture's side")
    parser.add_argument("--batch", type=int, default=batch, help="samples of a step (of each kind), in each process")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=int)
    length.add_argument("--minutes", type=float)
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


def launch(train: Callable[[int, argparse.Namespace], None], args: argparse.Namespace) -> None:
    """Calls `train(rank, args)` in as many processes as asked, unless another command trains this run already."""
    folder = RUNS / args.run
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"{folder} is being trained by another process") from None
        parallel.run(train, args.processes, args)


class Run:
    """The frame around a training loop.

    A phase (one command) that was stopped goes on where it was when the same is asked again: its time, its learning rate.
    Anything else asked begins a phase on the same weights.

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
            self.facts = saved["facts"]
            of_run = self.facts["sizes"]
            # What a run from before there was such a thing does not name, it has not.
            if differing := sorted(key for key in sizes | of_run if (sizes.get(key) or 0) != (of_run.get(key) or 0)):
                raise SystemExit(f"the run {args.run} has another shape ({', '.join(differing)}): begin one with --run NAME")
            for key, part in parts.items():
                # A run that was begun on a bundle (`train.from_bundle`) has its weights and nothing else.
                if key in saved:
                    part.load_state_dict(saved[key])
            if rank == 0:
                print(f"going on from step {self.facts['step']}", flush=True)
        self.step = int(self.facts["step"])
        self._phase = _phase(self.facts["phases"], args, about, self.step)
        self.facts["sizes"] = sizes
        self.clock = state.Clock(args.steps, args.minutes, self._phase["steps"], self._phase["seconds"])
        self._before = float(self.facts["seconds"]) - self.clock.elapsed
        self._lost = 0
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

    def is_sound(self, norm: torch.Tensor) -> bool:
        """Whether a gradient of this norm may be applied. Raises FloatingPointError where too many in a row may not."""
        if torch.isfinite(norm):
            self._lost = 0
            return True
        self._lost += 1
        if self._rank == 0:
            print(f"step {self.step}: gradient is not finite, skipped", flush=True)
        if self._lost == LOST:
            raise FloatingPointError(f"{LOST} gradients in a row were not finite; {RUNS / self._args.run} holds what was before")
        return False

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
        self._phase["steps"], self._phase["seconds"] = self.clock.done, round(self.clock.elapsed)
        self._phase["over"] = self.clock.progress >= 1
        self.facts.update(step=self.step, seconds=self._before + self.clock.elapsed)
        state.save(self._args.run, self._parts, self.facts)
        self._preview()


def _phase(phases: list[dict[str, object]], args: argparse.Namespace, about: dict[str, object], step: int) -> dict[str, object]:
    """The last phase where it was stopped early and the same is asked; else a new one, put behind the others."""
    length = f"{args.steps} steps" if args.steps else f"{args.minutes:g} minutes"
    asked = {
        "side": args.side,
        "batch": args.batch,
        "lr": [args.lr, args.lr_end],
        "length": length,
        "device": args.device,
        **about,
    }
    last = phases[-1] if phases else {}
    if last.get("over", True) or any(last.get(key) != value for key, value in asked.items()):
        phases.append({**asked, "from_step": step, "steps": 0, "seconds": 0})
    return phases[-1]
