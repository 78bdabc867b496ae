"""What of a page's ink is set aside when its leads are placed."""

import numpy as np
import pytest
from PIL import Image

from ecgapp.digitize.leads import cut_leads
from ecgapp.digitize.trace import digitize
from ecgapp.ecg import LAYOUTS, PX_PER_MM
from ecgapp.io.pages import PageImage
from ecgapp.sheet.detect.names import NAME_CLASSES, PrintedName
from ecgapp.sheet.layout import placing
from ecgapp.sheet.locate import locate
from ecgapp.synthesis.draw import draw_sheet
from ecgapp.synthesis.simulate import PatientModel, simulate


@pytest.mark.parametrize(("probability", "known"), [(0.4, False), (0.1, True)])
def test_a_beat_that_hides_what_may_be_a_name_is_not_known(
    monkeypatch, probability: float, known: bool
) -> None:
    drawn = draw_sheet(simulate(PatientModel(heart_rate_bpm=76, seed=5)), LAYOUTS["3x4"], ())
    page = np.asarray(drawn.image)
    sheet = locate(PageImage(page, np.asarray(Image.fromarray(page).convert("L")), "PNG"))
    box, signals = sheet.boxes["V3"], digitize(sheet, cut_leads(sheet))
    beat_s = float(np.nanargmax(signals.leads["V3"])) / 500
    x = sheet.start_px + beat_s * 25 * PX_PER_MM
    y = sheet.baselines_px["V3"] - 0.5 * 10 * PX_PER_MM
    by_class = np.zeros(len(NAME_CLASSES) + 1, np.float32)
    name = PrintedName("V3", x - 16, y - 12, x + 16, y + 12, probability, by_class)
    in_place = placing._names_in_place

    def with_hidden(*of: object) -> list[PrintedName]:
        return [*in_place(*of), name]

    monkeypatch.setattr(placing, "_names_in_place", with_hidden)
    again = locate(PageImage(page, np.asarray(Image.fromarray(page).convert("L")), "PNG"))
    assert again.boxes["V3"] == box
    at = round(beat_s * 500)
    found = digitize(again, cut_leads(again)).leads["V3"]
    assert bool(np.isfinite(found[at])) == known
    assert np.isfinite(found[at + 100 : at + 200]).all()
