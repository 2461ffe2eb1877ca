"""A long step tells that it goes on, and stops telling when it ends, well or not."""

from __future__ import annotations

import time

import pytest

from export.progress import told_while


def test_a_long_step_tells_how_long_it_takes() -> None:
    lines: list[str] = []
    with pytest.raises(ValueError), told_while(lines.append, "exporting", every_s=0.01):
        time.sleep(0.2)
        raise ValueError
    told = len(lines)
    assert lines[0] == "exporting" and told > 1
    assert lines[1] == "exporting: 0 s so far"
    time.sleep(0.05)
    assert len(lines) == told
