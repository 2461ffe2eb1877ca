"""What the commands have in common: how they end, what a path means, and the export itself."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from .base import open_base
from .bundle import Order, write_bundle
from .checkpoint import Checkpoint
from .description import Description
from .errors import ExportError
from .summary import print_summary
from .target import Target


def run_command(name: str, action: Callable[[], None]) -> int:
    """Does a command's work; 0 when it is done, 1 with a sentence on standard error when it cannot be, 130 after Ctrl-C.

    A SIGTERM raises SystemExit(143).
    """
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _stop)
    try:
        action()
    except (ExportError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130
    return 0


def _stop(number: int, _frame: object) -> None:
    """Unwinds like an error, so that nothing half-written is left.

    Once only: a terminal sends Ctrl-C to all its processes, scripts/python.mjs sends it on, and the second one would end
    the clearing-up.
    """
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(143)


def export_bundle(options: argparse.Namespace, checkpoint: Checkpoint, description: Description, out: Path) -> None:
    """Opens the base that the options name, writes the bundle and prints its summary."""
    local = from_here(Path(options.base))
    base = open_base(str(local) if local.is_dir() else options.base, options.base_name)
    order = Order(
        checkpoint=checkpoint,
        base=base,
        out=out,
        layout=options.layout,
        target=Target(options.target, options.precision),
        description=description,
        replace=options.force,
    )
    print_summary(write_bundle(order, log), order)


def from_here(path: Path) -> Path:
    """A path as the user means it: npm and scripts/python.mjs change the folder before Python starts."""
    path = path.expanduser()
    return path if path.is_absolute() else Path(os.environ.get("IMG2IMG_CWD", ".")) / path


def log(line: str) -> None:
    """Progress goes to standard error, the summary to standard output."""
    print(line, file=sys.stderr, flush=True)
