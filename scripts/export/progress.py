"""Says that a long step is still going on: tracing a full-size model takes minutes, and tells nothing itself."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

_EVERY_S = 20.0


@contextlib.contextmanager
def told_while(log: Callable[[str], None], step: str, every_s: float = _EVERY_S) -> Iterator[None]:
    """Logs a line now, and every so often how long the block has been running."""
    started, ended = time.monotonic(), threading.Event()

    def tell() -> None:
        while not ended.wait(every_s):
            log(f"{step}: {time.monotonic() - started:.0f} s so far")

    log(step)
    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
