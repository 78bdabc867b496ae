"""What of a page's ink is set aside when its leads are placed."""

from dataclasses import replace

import numpy as np
import pytest
from as_printed import read

from ecgapp.digitize.leads import cut_leads
from ecgapp.digitize.trace import digitize
from ecgapp.ecg import LAYOUTS, PX_PER_MM
from ecgapp.sheet.detect.names import NAME_CLASSES, PrintedName
from ecgapp.sheet.layout import placing
from ecgapp.synthesis.draw import draw_sheet
from ecgapp.synthesis.simulate import PatientModel, simulate


@pytest.mark.parametrize("read_elsewhere", [False, True])
def test_a_beat_that_hides_what_may_be_a_name_is_not_known(
    monkeypatch, read_elsewhere: bool
) -> None:
    drawn = draw_sheet(simulate(PatientModel(heart_rate_bpm=76, seed=5)), LAYOUTS["3x4"], ())
    sheet = read(drawn.image)
    box, signals = sheet.boxes["V3"], digitize(sheet, cut_leads(sheet))
    beat_s = float(np.nanargmax(signals.leads["V3"])) / 500
    x = sheet.start_px + beat_s * 25 * PX_PER_MM
    y = sheet.baselines_px["V3"] - 0.5 * 10 * PX_PER_MM
    by_class = np.zeros(len(NAME_CLASSES) + 1, np.float32)
    hidden = PrintedName("V5", x - 16, y - 12, x + 16, y + 12, 0.4, by_class)
    placed_names = placing._placed_names

    def with_hidden(*of: object) -> list[tuple[PrintedName, tuple[int, int]]]:
        others = [(name, place) for name, place in placed_names(*of) if place != (2, 2)]
        surely = [(replace(hidden, name="V3", top=0, bottom=0, probability=0.9), (2, 2))]
        return [*others, (hidden, (2, 2)), *(surely if read_elsewhere else [])]

    monkeypatch.setattr(placing, "_placed_names", with_hidden)
    again = read(drawn.image)
    assert again.boxes["V3"] == box
    at = round(beat_s * 500)
    found = digitize(again, cut_leads(again)).leads["V3"]
    assert bool(np.isfinite(found[at])) == read_elsewhere
    assert np.isfinite(found[at + 100 : at + 200]).all()
