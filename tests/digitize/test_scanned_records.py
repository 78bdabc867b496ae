"""Scans of printed records whose signals are known: read truly, or not at all."""

from statistics import median

import numpy as np
import pytest
from paths import DATA

from ecgapp.benchmark.reading import snr_db
from ecgapp.ecg import LEADS
from ecgapp.errors import Refusal
from ecgapp.pipeline import trace_file

# Its grid is as dark as its curves, which take square notches from it.
UNREADABLE: tuple[str, ...] = ()
RECORDS = sorted((DATA / "real").glob("*.dat"))


@pytest.mark.skipif(not RECORDS, reason="needs the data")
@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_a_scanned_record_is_read_truly_or_refused(record) -> None:
    raw = np.fromfile(record, np.int16).reshape(1000, 12) / 1000
    page = record.with_suffix(".png").read_bytes()
    if record.stem in UNREADABLE:
        with pytest.raises(Refusal, match="Checking the reading"):
            trace_file(page)
        return
    signals = trace_file(page).signals
    assert signals is not None
    at_100_hz = np.arange(1000) / 100
    ratios = []
    for number, name in enumerate(LEADS):
        true = np.interp(np.arange(5000) / 500, at_100_hz, raw[:, number]).astype(np.float32)
        ratio = snr_db(true, signals.leads[name], 0.06)
        ratios += [ratio] if np.isfinite(ratio) else []
    assert median(ratios) > 16
    assert min(ratios) > 10
