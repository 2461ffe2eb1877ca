"""A command that is stopped clears up after itself and says so in its exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPTS = Path(__file__).parents[2]
#: The signal comes while a folder is being written, and again while it is being removed, as npm and python.mjs send it on.
_COMMAND = """
import os, shutil, signal, sys, time
from pathlib import Path
from export.command import run_command
from export.files import folder_aside

number, remove = getattr(signal, sys.argv[2]), shutil.rmtree

def removed_under_signals(*arguments, **options):
    os.kill(os.getpid(), number)
    remove(*arguments, **options)

def write():
    with folder_aside(Path(sys.argv[1]), replace=False) as aside:
        (aside / "half.onnx").touch()
        shutil.rmtree = removed_under_signals
        os.kill(os.getpid(), number)
        time.sleep(60)

sys.exit(run_command("export", write))
"""


@pytest.mark.parametrize("number, code", [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_sent_twice_leaves_nothing_behind(number: str, code: int, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _COMMAND, str(tmp_path / "bundle"), number],
        cwd=_SCRIPTS,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
