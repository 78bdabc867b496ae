"""A reading in HTML: what it says, for everyone."""

from types import SimpleNamespace

import pytest
from fakes import CLASSES

from ecgapp.ecg import LEADS
from ecgapp.inference.statements import Statement
from ecgapp.measure.measurements import Measurement
from ecgapp.measure.normal_ranges import NormalRange
from ecgapp.report import html, measurement_rows, words


def test_probability_bars_name_every_class_with_its_percentage():
    shown = html.probability_bars(dict(zip(CLASSES, [0.93, 0.05, 0.015, 0.005], strict=True)))
    assert "<b>93%</b>" in shown
    assert "<b>&lt;1%</b>" in shown
    assert all(words.CLASS_STYLES[name].name in shown for name in CLASSES)


def test_lead_tiles_list_leads_as_the_sheet_prints_them():
    shares = {"cnn": dict(zip(CLASSES, [0.9, 0.1, 0, 0], strict=True))}
    shown = html.lead_tiles(dict.fromkeys(("rhythm", *reversed(LEADS)), shares), "cnn")
    places = [shown.index(f">{lead}</th>") for lead in (*LEADS, "strip")]
    assert places == sorted(places)
    assert shown.count(">90%<") == 13
    assert "scope='col'" in shown
    assert "<caption" in shown


@pytest.mark.parametrize(
    ("value", "normal", "flag"),
    [
        (45, NormalRange(50, 100, ""), "low"),
        (50, NormalRange(50, 100, ""), "normal"),
        (101, NormalRange(50, 100, ""), "high"),
        (500, NormalRange(None, 450, ""), "high"),
        (7, None, ""),
    ],
)
def test_flags_say_in_a_word_where_a_value_lies(value, normal, flag):
    assert measurement_rows.flag(value, normal) == flag


def test_measurements_stand_beside_their_normal_ranges():
    measured = {"heart_rate_bpm": Measurement(118.4, "bpm"), "axis_deg": Measurement(59, "deg")}
    shown = html.measurement_table(measured)
    assert "118 bpm" in shown
    assert "50 to 100" in shown
    assert "high</td>" in shown
    assert "59\N{DEGREE SIGN}" in shown
    assert "PR" not in shown
    assert "Nothing could be measured" in html.measurement_table({})


def test_findings_are_said_with_their_leads_and_never_as_markup():
    shown = html.findings_list([SimpleNamespace(text="ST <b>", leads=("V2", "V3"))])
    assert "ST &lt;b&gt;" in shown
    assert ">V2</span>" in shown
    assert ">V3</span>" in shown


def test_statements_that_are_present_come_first_with_a_mark():
    shown = html.statements_list(
        {
            "AFIB": Statement("AFIB", "Atrial fibrillation", 0.02, False),
            "NORM": Statement("NORM", "Normal ECG", 0.9, True),
        }
    )
    assert shown.index("NORM") < shown.index("Not stated (1)") < shown.index("AFIB")
    assert "Normal ECG (NORM) 90%" in shown
    assert shown.count("&#10003;") == 1
