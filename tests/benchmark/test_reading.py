"""A small part of ``bench trace``: drawn sheets are read back, and what is no ECG is refused."""

import io
import time
from statistics import median

import numpy as np
import pytest
from fakes import install
from PIL import Image

from ecgapp import diagnose
from ecgapp.benchmark import not_ecg, reading
from ecgapp.benchmark.reading import CLEAN, Recording, read_drawn, snr_db, summarize
from ecgapp.errors import MAX_READING_S
from ecgapp.synthesis.simulate import PatientModel, simulate

pytestmark = pytest.mark.slow


def test_other_machines_layouts_are_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    few = ("3x4 + II", "6x2 + II", "12x1")
    monkeypatch.setattr(reading, "ARRANGEMENTS", {name: reading.ARRANGEMENTS[name] for name in few})
    readings = read_drawn(Recording("simulated", simulate(PatientModel())), [CLEAN])
    assert {one.refusal for one in readings} == {""}
    assert all(one.layout_right for one in readings)
    assert median(one.snr_db for one in readings) > 16
    figures = {figure.quantity: figure for figure in summarize(readings)}
    assert figures["Layout found, clean"].reached
    assert figures["Same verdict as 3x4 and as 6x2, clean"].found == "100.0% (1 of 1)"


@pytest.mark.parametrize("kind", ["empty grid", "pulse wave", "brain waves", "monitor strip"])
def test_what_is_no_ecg_gets_no_verdict(kind: str) -> None:
    _, rgb = not_ecg.picture(list(not_ecg.KINDS).index(kind), seed=7)
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG", compress_level=1)
    diagnosis = diagnose(file.getvalue())
    assert diagnosis.verdict is None
    assert diagnosis.refusal is not None
    assert diagnosis.refusal.step in diagnosis.refusal.message


def test_ruled_lines_that_fit_together_are_no_leads() -> None:
    # This table's boxes look like calibration pulses, and all of its lines are alike.
    _, rgb = not_ecg.picture(353)
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG", compress_level=1)
    refusal = diagnose(file.getvalue()).refusal
    assert refusal is not None
    assert refusal.code in ("unknown_layout", "not_an_ecg")


def test_a_table_is_refused_within_half_the_time_of_one_file() -> None:
    # Its upright lines may all be flanks of pulses: it took 12 s where it takes 2.5 now.
    _, rgb = not_ecg.picture(1)
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG", compress_level=1)
    start_s = time.thread_time()
    refusal = diagnose(file.getvalue()).refusal
    assert time.thread_time() - start_s < MAX_READING_S / 2
    assert refusal is not None
    assert refusal.code == "not_an_ecg"


def test_a_shift_and_an_offset_cost_nothing_unless_they_are_counted() -> None:
    true = np.sin(np.arange(5000) / 20).astype(np.float32)
    assert snr_db(true, np.roll(true, 3) + 0.2) > 60
    assert snr_db(true, np.roll(true, 3), max_shift_s=0) < 20
    assert snr_db(true, true + np.float32(0.1) * np.cos(np.arange(5000) / 3)) == pytest.approx(
        20, abs=0.5
    )
