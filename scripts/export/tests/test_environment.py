"""scripts/python.mjs makes its environment whole; the Python here is a script that writes down what it is asked to do."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_NODE = shutil.which("node")
_PYTHON_MJS = Path(__file__).parents[2] / "python.mjs"
_STUB = """#!/bin/sh
PATH=/usr/bin:/bin
echo "$@" >> "$CALLS"
case "$1 $2" in
-c*) echo "3 $MINOR" ;;
"-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; exit "$VENV_STATUS" ;;
esac
"""


@pytest.fixture
def run(tmp_path: Path):
    """Runs `python.mjs module` with the stub as the only Python there is → the calls of it, and what was finished."""
    assert _NODE, "npm run test:python runs this by Node"
    stub = tmp_path / "bin" / "python3"
    stub.parent.mkdir()
    stub.write_text(_STUB)
    stub.chmod(0o755)

    def run_once(minor: int = 12, venv_status: int = 0, times: int = 1) -> tuple[list[str], subprocess.CompletedProcess]:
        calls = tmp_path / "calls"
        calls.write_text("")
        environment = {
            "PATH": str(stub.parent),
            "HOME": os.environ["HOME"],
            "IMG2IMG_VENV": str(tmp_path / "venv"),
            "CALLS": str(calls),
            "MINOR": str(minor),
            "VENV_STATUS": str(venv_status),
        }
        command = [_NODE, str(_PYTHON_MJS), "module"]
        beside = [subprocess.Popen(command, env=environment) for _ in range(times - 1)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert [process.wait(60) for process in beside] == [0] * len(beside)
        return [line.rsplit(" /", 1)[0] for line in calls.read_text().splitlines() if not line.startswith("-c")], done

    return run_once


_MADE, _INSTALLED, _RAN = "-m venv", "-m pip install --disable-pip-version-check --requirement", "-m module"


def test_an_environment_that_failed_half_way_is_made_again(run) -> None:
    calls, done = run(venv_status=1)
    assert (calls, done.returncode) == ([_MADE], 1)
    assert "failed" in done.stderr
    calls, done = run()
    assert (calls, done.returncode) == ([_MADE, _INSTALLED, _RAN], 0), done.stderr
    calls, done = run()
    assert (calls, done.returncode) == ([_RAN], 0)


def test_commands_at_once_make_it_once(run, tmp_path: Path) -> None:
    calls, done = run(times=3)
    assert done.returncode == 0, done.stderr
    assert sorted(calls) == sorted([_MADE, _INSTALLED, _RAN, _RAN, _RAN])
    assert not (tmp_path / "venv.lock").exists()


def test_a_lock_whose_holder_was_killed_holds_nobody_up(run, tmp_path: Path) -> None:
    killed = subprocess.Popen(["true"])
    killed.wait()
    (tmp_path / "venv.lock").write_text(str(killed.pid))
    calls, done = run()
    assert (calls, done.returncode) == ([_MADE, _INSTALLED, _RAN], 0), done.stderr


def test_a_python_that_is_too_old_is_refused(run) -> None:
    calls, done = run(minor=10)
    assert (calls, done.returncode) == ([], 1)
    assert "Python 3.11 or newer" in done.stderr
