"""What the browser is given to draw a sheet to work on, and what is said of one lead."""

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest
from fakes import install

from ecgapp import Diagnosis, diagnose
from ecgapp.ecg import LEADS, PX_PER_S, RHYTHM_STRIP
from ecgapp.measure.lead_beat import lead_beat
from ecgapp.report import lead_details
from ecgapp.report.language import speaking
from ecgapp.report.overlays import jpeg
from ecgapp.report.sheet_view import upload_picture, view_data
from ecgapp.synthesis.samples import draw_sample


@pytest.fixture(scope="module")
def reading() -> Diagnosis:
    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        return diagnose(draw_sample("Normal rhythm"))


def data_of(diagnosis: Diagnosis) -> dict:
    picture = jpeg(upload_picture(diagnosis.page))
    # As the browser gets it.
    return json.loads(json.dumps(view_data(diagnosis, picture, "a"), allow_nan=False))


def test_the_view_has_every_lead_with_place_class_and_curve(reading: Diagnosis) -> None:
    data = data_of(reading)
    leads = {lead["name"]: lead for lead in data["leads"]}
    assert set(leads) == {*LEADS, RHYTHM_STRIP}
    assert leads["V3"]["said"] == "V3, likeliest myocardial infarction"
    assert leads["V3"]["right"] - leads["V3"]["left"] == pytest.approx(2.5 * PX_PER_S, abs=2)
    assert sum(y is not None for y in leads["V3"]["curve"]) > 400
    assert data["picture"].startswith("data:image/jpeg;base64,")


def test_leads_that_were_not_found_are_proposed_where_their_row_and_column_cross(
    reading: Diagnosis,
) -> None:
    sheet = reading.sheet
    boxes = {name: box for name, box in sheet.boxes.items() if name != "V3"}
    data = data_of(replace(reading, sheet=replace(sheet, boxes=boxes, missing=("V3",))))
    (absent,) = [lead for lead in data["leads"] if lead["absent"]]
    assert absent["name"] == "V3"
    assert absent["left"] == pytest.approx(sheet.boxes["V3"].left, abs=8)
    assert absent["baseline"] == pytest.approx(sheet.baselines_px["V3"], abs=8)


def test_a_sheet_that_was_not_found_has_a_picture_with_corners_and_no_leads(
    reading: Diagnosis,
) -> None:
    data = data_of(replace(reading, sheet=None, verdict=None))
    assert data["toPicture"] is None
    assert data["leads"] == []
    assert len(data["corners"]) == 4


def test_a_lead_is_drawn_at_scale_with_the_ends_of_its_waves(reading: Diagnosis) -> None:
    beat = lead_beat(reading.signals, "II")
    assert list(beat.fiducials_s) == ["P begins", "P ends", "QRS begins", "QRS ends", "T ends"]
    values = list(beat.fiducials_s.values())
    assert values == sorted(values)
    qrs_ms = 1000 * (beat.fiducials_s["QRS ends"] - beat.fiducials_s["QRS begins"])
    assert qrs_ms == pytest.approx(reading.measurements["qrs_ms"].value, abs=30)
    drawing = ElementTree.fromstring(lead_details.beat_drawing(beat))
    said = [one.text for one in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert said == list(beat.fiducials_s) == list(lead_details.MARKS)
    with speaking("de"):
        assert "P beginnt" in lead_details.beat_drawing(beat)
    curve = ElementTree.fromstring(lead_details.curve_drawing(reading.signals, "V3"))
    # 2.5 s at 25 mm/s, in whole squares.
    assert float(curve.get("viewBox").split()[2]) == 65


def test_a_lead_that_is_not_known_is_not_drawn(reading: Diagnosis) -> None:
    leads = reading.signals.leads
    unknown = replace(reading.signals, leads={**leads, "V3": np.full_like(leads["V3"], np.nan)})
    assert lead_details.curve_drawing(unknown, "V3") == ""
    assert lead_beat(unknown, "V3") is None


def test_the_verdict_without_a_lead_is_said(reading: Diagnosis) -> None:
    verdict = reading.verdict
    other = replace(verdict, label="normal", probabilities={**verdict.probabilities, "normal": 0.7})
    said = lead_details.without_sentence(verdict, other, "V3")
    assert said.startswith("Without V3 the networks would say normal (70%) instead of myocardial")
    same = lead_details.without_sentence(verdict, verdict, "V3")
    assert same.startswith("Without V3 the networks would still say myocardial infarction")
