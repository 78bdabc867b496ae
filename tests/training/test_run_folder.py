"""What a training has cost."""

import time
from pathlib import Path

import pytest

from ecgapp.training import run_folder
from ecgapp.training.run_folder import Stopwatch, spent_seconds


def test_a_training_that_is_killed_has_cost_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_folder, "_NOTE_EVERY_S", 0.01)
    with Stopwatch(tmp_path / "fold0"):
        deadline = time.monotonic() + 10
        while not spent_seconds(tmp_path / "fold0") and time.monotonic() < deadline:
            time.sleep(0.01)
        assert spent_seconds(tmp_path / "fold0") > 0


def test_what_was_spent_before_an_interruption_counts(tmp_path: Path) -> None:
    for _ in range(2):
        with Stopwatch(tmp_path):
            time.sleep(0.06)
    assert spent_seconds(tmp_path) >= 0.1
    assert not list(tmp_path.glob("*.tmp"))
