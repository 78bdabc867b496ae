"""Scans of printed records whose signals are known are read truly."""

from statistics import median

import numpy as np
import pytest
from paths import DATA

from ecgapp.benchmark.reading import snr_db
from ecgapp.ecg import LEADS
from ecgapp.pipeline import trace_file

RECORDS = sorted((DATA / "real").glob("*.dat"))


@pytest.mark.skipif(not RECORDS, reason="needs the data")
@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_a_scanned_record_is_read_truly(record) -> None:
    raw = np.fromfile(record, np.int16).reshape(1000, 12) / 1000
    page = record.with_suffix(".png").read_bytes()
    signals = trace_file(page).signals
    assert signals is not None
    at_100_hz = np.arange(1000) / 100
    ratios = []
    for number, name in enumerate(LEADS):
        true = np.interp(np.arange(5000) / 500, at_100_hz, raw[:, number]).astype(np.float32)
        ratio = snr_db(true, signals.leads[name], 0.06)
        ratios += [ratio] if np.isfinite(ratio) else []
    assert len(ratios) == len(LEADS)
    assert median(ratios) > 16
    # The worst lead, lead I of 90053, is a tenth of a millivolt high on a grid as dark as it.
    assert min(ratios) > 8
