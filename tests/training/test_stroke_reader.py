"""The stroke reader learns from drawn machines' sheets, and is served as it was trained."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecgapp.datasets import reading_cache
from ecgapp.digitize.stroke_reader import N_FEATURES, load_stroke_reader
from ecgapp.training import stroke_reader
from ecgapp.training.ship_reader import ship_reader
from ecgapp.training.stroke_segments import LENGTH_PX, Segments, segments_of_machine

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def segments() -> Segments:
    steps = np.random.default_rng(2).integers(-8, 9, (1000, 8)).astype(np.int16)
    steps[50::90] += np.array([60, 90, 70, -80, -60, 90, 110, 80], np.int16)
    return segments_of_machine(3, steps)


def test_the_true_curve_lies_where_the_edges_leave_room(segments: Segments) -> None:
    n_segments = len(segments.features)
    assert n_segments >= 12
    assert segments.features.shape == (n_segments, LENGTH_PX, N_FEATURES)
    beyond = np.abs(segments.off_px) - segments.room_px
    assert np.median(beyond[segments.counts]) < 0.1


def test_what_the_reader_learns_is_served(
    segments: Segments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stroke_reader, "EPOCHS", 4)
    model, figures = stroke_reader.train(segments, segments)
    assert figures["error_db"] < figures["error_of_the_mean_reading_db"]
    seen = segments.features[:2]
    ship_reader(model, tmp_path / "strokes", seen, {"name": "strokes"}, max_difference=1e-4)
    (served,) = load_stroke_reader(tmp_path / "strokes").session.run(None, {"stroke": seen})
    assert np.abs(served).max() <= 1


class Inline:
    """A pool of processes that is none, which costs less."""

    def __enter__(self) -> "Inline":
        return self

    def __exit__(self, *_: object) -> None: ...

    def map(self, *given: Any) -> Any:
        return map(*given)


class Busy(Inline):
    def map(self, *given: Any) -> Any:
        raise InterruptedError


def test_machines_are_drawn_again_for_other_code_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stroke_reader, "CHUNK", 1)
    steps = np.zeros((1, 1000, 8), np.int16)
    monkeypatch.setattr(stroke_reader, "image_workers", Inline)
    (drawn,) = stroke_reader.draw_segments(steps, 1, tmp_path)
    monkeypatch.setattr(stroke_reader, "image_workers", Busy)
    (kept,) = stroke_reader.draw_segments(steps, 1, tmp_path)
    assert np.array_equal(kept.features, drawn.features)
    monkeypatch.setattr(reading_cache, "reading_digest", lambda _: "0" * 64)
    with pytest.raises(InterruptedError):
        list(stroke_reader.draw_segments(steps, 1, tmp_path))
