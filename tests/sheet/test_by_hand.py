"""What a person says about single leads, from the upload's pixels to signals and outputs."""

import io
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from fakes import install

from ecgapp import Diagnosis, diagnose
from ecgapp.ecg import LAYOUTS, LEADS, PX_PER_MV, PX_PER_S
from ecgapp.report.json_and_csv import to_json_object
from ecgapp.sheet.located import Correction, LeadPlacement, LocatedSheet, Stroke
from ecgapp.synthesis.degrade import photograph
from ecgapp.synthesis.draw import draw_sheet
from ecgapp.synthesis.samples import draw_sample
from ecgapp.synthesis.simulate import PatientModel, simulate

pytestmark = pytest.mark.slow

SIGNALS = simulate(PatientModel(heart_rate_bpm=76, st_level_mv={"V2": 0.2}, seed=5))


@pytest.fixture(autouse=True)
def fake_models(monkeypatch):
    install(monkeypatch)


@cache
def upload(kind: str) -> bytes:
    if kind == "scan":
        return draw_sample("Normal rhythm")
    file = io.BytesIO()
    drawn = draw_sheet(SIGNALS, LAYOUTS["3x4"], ("II",))
    (photograph(drawn, seed=4) if kind == "photograph" else drawn).image.save(file, "PNG")
    return file.getvalue()


@cache
def read(kind: str) -> Diagnosis:
    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        return diagnose(upload(kind))


def on_upload(sheet: LocatedSheet, *points: tuple[float, float]) -> tuple:
    mapped = np.column_stack([points, np.ones(len(points))]) @ sheet.to_upload.T
    return tuple((x / w, y / w) for x, y, w in mapped.tolist())


def placed_at(sheet: LocatedSheet, lead: str, of: str) -> LeadPlacement:
    box, y = sheet.boxes[of], sheet.baselines_px[of]
    return LeadPlacement(lead, on_upload(sheet, (box.left, y), (box.right, y)))


def known_difference(one: Diagnosis, other: Diagnosis, lead: str, of: str = "") -> float:
    first, second = one.signals.leads[lead], other.signals.leads[of or lead]
    both = np.isfinite(first) & np.isfinite(second)
    assert both.sum() > 1000
    return float(np.abs(first - second)[both].mean())


@pytest.mark.parametrize("kind", ["scan", "photograph"])
def test_a_lead_placed_where_it_was_found_is_read_as_before(kind):
    before = read(kind)
    placements = tuple(placed_at(before.sheet, name, name) for name in before.sheet.boxes)
    after = diagnose(upload(kind), Correction(placements=placements[:1]))
    assert after.refusal is None
    assert known_difference(after, before, "I") < 0.02
    # And so where every lead and the strip is placed by hand.
    after = diagnose(upload(kind), Correction(placements=placements))
    assert after.refusal is None
    assert set(after.leads) == set(before.leads)
    for lead in LEADS:
        assert known_difference(after, before, lead) < 0.02, lead


def test_a_lead_that_was_placed_elsewhere_shows_what_is_printed_there():
    before = read("sheet")
    sheet = before.sheet
    moved = LeadPlacement(
        "V2",
        on_upload(
            sheet,
            (sheet.boxes["V2"].left + 0.5 * PX_PER_S, sheet.baselines_px["V2"] - 0.1 * PX_PER_MV),
            (sheet.boxes["V2"].right, sheet.baselines_px["V2"] - 0.1 * PX_PER_MV),
        ),
    )
    after = diagnose(upload("sheet"), Correction(placements=(moved,)))
    assert after.refusal is None
    first, second = after.signals.leads["V2"], before.signals.leads["V2"]
    both = np.isfinite(first) & np.isfinite(second)
    # The line of 0 mV was set higher, so that all lies lower.
    assert np.median((first - second)[both]) == pytest.approx(-0.1, abs=0.02)
    assert np.isfinite(second).sum() - np.isfinite(first).sum() == pytest.approx(250, abs=30)
    assert to_json_object(after, "a.png")["set_by_hand"] == ["place of V2"]


def test_names_are_exchanged_and_everything_downstream_with_them():
    before = read("sheet")
    after = diagnose(upload("sheet"), Correction(swaps=(("V1", "V6"),)))
    assert after.refusal is None
    assert (
        known_difference(after, before, "V1", of="V6") < 0.01
        or after.sheet.boxes["V1"] == before.sheet.boxes["V6"]
    )
    assert after.measurements["r_mv_V1"].value == pytest.approx(
        before.measurements["r_mv_V6"].value, abs=0.02
    )
    assert to_json_object(after, "a.png")["set_by_hand"] == ["names of V1 and V6 exchanged"]


@pytest.mark.parametrize("kind", ["scan", "sheet"])
def test_an_erased_stretch_is_not_known_and_a_drawn_one_is_what_was_drawn(kind):
    before = read(kind)
    sheet = before.sheet
    left, y = sheet.boxes["V5"].left, sheet.baselines_px["V5"]
    start, end = left + 0.5 * PX_PER_S, left + 1.5 * PX_PER_S
    ends = on_upload(sheet, (start, y), (end, y))
    first = round((0.5 + (left - sheet.start_px) / PX_PER_S) * 500)
    stretch = slice(first + 10, first + 490)
    erased = diagnose(upload(kind), Correction(strokes=(Stroke("V5", ends, erased=True),)))
    assert erased.refusal is None
    assert not np.isfinite(erased.signals.leads["V5"][stretch]).any()
    assert np.isfinite(before.signals.leads["V5"][stretch]).mean() > 0.9
    raised = on_upload(sheet, (start, y - 0.5 * PX_PER_MV), (end, y - 0.5 * PX_PER_MV))
    drawn = diagnose(upload(kind), Correction(strokes=(Stroke("V5", raised),)))
    assert drawn.signals.leads["V5"][stretch] == pytest.approx(0.5, abs=0.03)
    assert known_difference(drawn, before, "V4") == 0
    said = to_json_object(drawn, "a.png")["set_by_hand"]
    assert said == ["a part of V5 drawn"]
    # What the networks see has changed with it.
    assert np.asarray(drawn.leads["V5"].image).tobytes() != before.leads["V5"].image.tobytes()


def test_a_curve_drawn_higher_than_the_lead_was_is_shown_whole():
    before = read("sheet")
    sheet = before.sheet
    left, y = sheet.boxes["V5"].left, sheet.baselines_px["V5"]
    ends = on_upload(sheet, (left + 200, y), (left + 220, y - 4 * PX_PER_MV), (left + 240, y))
    drawn = diagnose(upload("sheet"), Correction(strokes=(Stroke("V5", ends),)))
    assert np.nanmax(drawn.signals.leads["V5"]) == pytest.approx(4, abs=0.3)


@pytest.mark.parametrize(
    "correction",
    [
        Correction(placements=(LeadPlacement("V1", ((100.0, 500.0), (110.0, 500.0))),)),
        Correction(placements=(LeadPlacement("V1", ((-9e9, -9e9), (-8e9, -9e9))),)),
        Correction(placements=(LeadPlacement("rhythm_3", ((100.0, 500.0), (900.0, 500.0))),)),
        Correction(swaps=(("V1", "V7"),)),
    ],
    ids=["too narrow", "off the sheet", "no such strip", "no such lead"],
)
def test_a_correction_that_makes_no_sense_is_refused_in_words(correction):
    refusal = diagnose(upload("scan"), correction).refusal
    assert refusal.code == "bad_correction"
    assert "undo the correction" in refusal.message


def test_a_lead_that_was_left_out_can_be_given_back():
    before = read("sheet")
    sheet = before.sheet
    correction = Correction(placements=(placed_at(sheet, "V3", "V3"),))
    boxes = {name: box for name, box in sheet.boxes.items() if name != "V3"}
    lines = {name: y for name, y in sheet.baselines_px.items() if name != "V3"}
    from ecgapp.sheet.by_hand import place_by_hand

    without = replace(sheet, boxes=boxes, baselines_px=lines, missing=("V3",))
    after = place_by_hand(without, correction)
    assert after.missing == ()
    assert list(after.boxes) == list(sheet.boxes)
