"""The curve reader trains, goes on after a stop, and is served as it was trained."""

from pathlib import Path

import numpy as np
import pytest

from ecgapp.digitize.curve_reader import N_BINS, WIDTH_PX, load_curve_reader
from ecgapp.training import curve_reader
from ecgapp.training.curve_windows import draw_windows
from ecgapp.training.ship_reader import ship_reader

pytestmark = pytest.mark.training


def test_a_stopped_training_goes_on_and_what_it_learns_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("JUDGED_WINDOWS", 4), ("BATCH", 4), ("PASSES", 1), ("FILTERS", (2,) * 4)):
        monkeypatch.setattr(curve_reader, name, value)
    beats = np.zeros((4, 1000, 8), np.int16)
    beats[:, 50::90] = np.random.default_rng(3).integers(-150, 150, (4, 1, 8))
    unfinished = tmp_path / "unfinished.keras"
    stopped, _ = curve_reader.train(beats, 4, 1, unfinished)
    model, figures = curve_reader.train(beats, 4, 2, unfinished)
    assert int(model.optimizer.iterations) == 2 * int(stopped.optimizer.iterations)
    assert figures["p95_px"] < 2 * N_BINS * 4
    pictures = draw_windows(beats, 2, seed=1).pictures
    ship_reader(model, tmp_path / "curves", pictures, {"name": "curves"}, max_difference=1e-3)
    (served,) = load_curve_reader(tmp_path / "curves").session.run(None, {"window": pictures})
    assert served.shape == (2, N_BINS, WIDTH_PX, 2)
    assert np.allclose(served.sum(axis=1), 1, atol=1e-3)
