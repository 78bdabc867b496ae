"""What changed from one reading to another."""

from dataclasses import replace

import numpy as np
import pytest
from fakes import install

from ecgapp.errors import Refusal
from ecgapp.pipeline import Diagnosis, diagnose
from ecgapp.report.comparison import average_beat_pairs, compare
from ecgapp.synthesis.samples import draw_sample
from ecgapp.synthesis.simulate import PatientModel, simulate


@pytest.fixture(scope="module")
def readings() -> tuple[Diagnosis, Diagnosis]:
    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        return diagnose(draw_sample("Normal rhythm")), diagnose(
            draw_sample("Raised ST in V1 to V4")
        )


def test_a_raised_st_is_a_new_finding_and_the_largest_change(readings):
    compared = compare(*readings)
    new = [row for row in compared.findings if row.later and not row.earlier]
    assert any("ST is raised" in row.later for row in new)
    assert compared.findings[: len(new)] == new
    titles = [row.title for row in compared.lead_measurements[:6]]
    assert {"ST at J+60 ms in V2", "ST at J+60 ms in V3"} <= set(titles)
    rate = next(row for row in compared.measurements if row.title == "Heart rate")
    assert int(rate.change) == pytest.approx(84 - 68, abs=3)
    assert compared.verdict == "The likeliest class is the same."


def test_what_was_found_before_only_is_gone_when_the_sheets_change_places(readings):
    compared = compare(*reversed(readings))
    assert any("ST is raised" in row.earlier and not row.later for row in compared.findings)


def test_a_sheet_compared_with_itself_has_not_changed(readings):
    compared = compare(readings[1], readings[1])
    assert all(row.earlier == row.later for row in (*compared.findings, *compared.statements))
    assert {float(row.change) for row in compared.measurements} == {0.0}
    for pair in compared.beats:
        np.testing.assert_array_equal(pair.earlier_mv, pair.later_mv)


def test_an_axis_turns_the_shorter_way(readings):
    measured = [
        replace(reading, measurements={"axis_deg": replace(axis, value=value)})
        for reading, value in zip(readings, (170.0, -170.0), strict=True)
        for axis in (reading.measurements["axis_deg"],)
    ]
    assert compare(*measured).measurements[0].change == "+20"


def test_beats_lie_over_each_other_at_r_whatever_the_rate():
    slow, fast = (simulate(PatientModel(heart_rate_bpm=rate, seed=2)) for rate in (60, 90))
    pairs = average_beat_pairs(slow, fast)
    assert len(pairs) == 12
    for pair in pairs:
        qrs = np.abs(pair.time_ms) <= 30
        assert np.abs(pair.earlier_mv - pair.later_mv)[qrs].max() < 0.12
        assert np.abs(pair.earlier_mv)[qrs].argmax() == pytest.approx(15, abs=3)


def test_a_refused_file_is_compared_as_far_as_it_was_read(readings):
    refused = Diagnosis(refusal=Refusal("not_an_ecg", "Finding the leads", "No leads were found."))
    compared = compare(refused, readings[0])
    assert compared.headlines[0] == "No verdict"
    assert compared.beats == []
    assert "no verdict" in compared.verdict
    assert all(row.change == "\u2013" for row in compared.measurements)
