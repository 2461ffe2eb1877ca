"""Stopping and going on, on one weight that learns nothing."""

import argparse

import pytest
import torch
from torch import nn

from train import run, state


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "RUNS", tmp_path)
    monkeypatch.setattr(state, "RUNS", tmp_path)
    monkeypatch.setattr(run.signal, "signal", lambda *_: None)
    return tmp_path


def begin(steps: int, lr: float = 1e-3, width: int = 1) -> tuple[run.Run, nn.Linear]:
    parser = argparse.ArgumentParser()
    run.add_arguments(parser, "test", batch=2, save_minutes=60)
    args = parser.parse_args(["--steps", str(steps), "--lr", str(lr), "--processes", "1"])
    model = nn.Linear(width, 1)
    parts = {"model": model}
    return run.Run(args, 0, parts, {"width": width}, {"critic": False}, preview=lambda: None, warm_up=1), model


def go(training: run.Run, model: nn.Linear, stop_after: int | None = None) -> list[float]:
    """The learning rates of the steps made."""
    rates = []
    for _ in training.steps():
        rates.append(training.rate)
        if len(rates) == stop_after:
            training._asked_to_stop = True
        model.weight.grad = torch.ones_like(model.weight)
        training.share([model.weight])
        training.done({"loss": 1.0}, 2)
    return rates


def test_a_phase_that_was_stopped_goes_on_where_it_was() -> None:
    whole = go(*begin(10))
    (run.RUNS / "test" / "state.pt").unlink()

    training, model = begin(10)
    with torch.no_grad():
        model.weight.fill_(3)
    first = go(training, model, stop_after=4)
    training, model = begin(10)
    assert model.weight.item() == 3
    assert first + go(training, model) == pytest.approx(whole)
    assert len(whole) == 10
    assert (training.step, training.facts["samples"]) == (10, 20)
    assert [(phase["steps"], phase["over"]) for phase in training.facts["phases"]] == [(10, True)]


def test_one_that_is_over_or_asked_otherwise_begins_anew() -> None:
    go(*begin(3))
    go(*begin(3), stop_after=1)
    training, model = begin(3, lr=2e-3)
    assert len(go(training, model)) == 3
    assert [(phase["from_step"], phase["steps"]) for phase in training.facts["phases"]] == [(0, 3), (3, 1), (4, 3)]


def test_a_run_of_another_shape_is_refused() -> None:
    go(*begin(1))
    with pytest.raises(SystemExit, match=r"another shape \(width\)"):
        begin(1, width=2)


def test_a_second_process_may_not_train_the_same_run() -> None:
    args = argparse.Namespace(run="test", processes=1)
    with pytest.raises(SystemExit, match="being trained by another process"):
        run.launch(lambda _rank, _args: run.launch(lambda *_: None, args), args)


def test_gradients_that_stay_infinite_end_a_run() -> None:
    training, _ = begin(100)
    infinite = torch.tensor(float("inf"))
    assert not training.is_sound(infinite)
    assert training.is_sound(torch.tensor(1.0))
    for _ in range(run.LOST - 1):
        training.is_sound(infinite)
    with pytest.raises(FloatingPointError, match="in a row"):
        training.is_sound(infinite)
