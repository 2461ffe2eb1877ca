"""A blend lies between its runs and can be published and gone on from as they can."""

import sys
from types import SimpleNamespace

import pytest
import torch

from train import blend, state


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.setattr(blend, "RUNS", tmp_path)
    monkeypatch.setattr(state, "RUNS", tmp_path)
    for name, value, step in (("a", 1.0, 10), ("b", 2.0, 20)):
        part = SimpleNamespace(state_dict=lambda value=value: {"weight": torch.full((2,), value), "count": torch.tensor(3)})
        state.save(name, {"model": part, "average": part}, {"step": step})
        (tmp_path / name / "tokenizer").mkdir()
    return tmp_path


def call(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["blend", *arguments])
    blend.main()


def test_a_quarter_of_the_second(runs, monkeypatch) -> None:
    call(monkeypatch, "a", "b", "--run", "c", "--share", "0.25")
    made = state.load("c")
    assert made["average"]["weight"].tolist() == [1.25, 1.25]
    assert made["model"]["count"] == 3
    assert made["facts"] == {"step": 20}
    assert (runs / "c" / "tokenizer").is_dir()


def test_nothing_is_written_over_and_nothing_made_of_what_is_not_there(monkeypatch) -> None:
    for arguments in (("a", "b", "--run", "b"), ("a", "x", "--run", "c")):
        with pytest.raises(SystemExit):
            call(monkeypatch, *arguments)
    assert state.load("c") is None


def test_runs_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="one origin"):
        blend.blend({"weight": torch.zeros(2)}, {"weight": torch.zeros(3)}, 0.5)
