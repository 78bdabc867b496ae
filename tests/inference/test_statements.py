import math

import pytest

from ecgapp.inference.statements import (
    Calibration,
    Measured,
    calibrated,
    make_statements,
    read_calibrations,
)
from ecgapp.measure.finding import Finding

PLAIN = Calibration(scale=1.0, offset=0.0, threshold=0.4)
BY_RATE = Calibration(1.0, 0.0, 0.5, Measured("heart_rate_bpm", 100, 6, weight=3.0))


def test_an_unscaled_probability_stays_itself_and_stays_within_bounds() -> None:
    assert calibrated(0.3, PLAIN, {}) == pytest.approx(0.3)
    assert 0 < calibrated(0.0, PLAIN, {}) < 0.001
    assert 0.999 < calibrated(1.0, PLAIN, {}) < 1


def test_a_scale_and_an_offset_act_on_the_log_odds() -> None:
    found = calibrated(0.3, Calibration(2.0, 1.0, 0.5), {})
    assert math.log(found / (1 - found)) == pytest.approx(2 * math.log(0.3 / 0.7) + 1)


def test_a_measurement_that_defines_a_statement_has_its_say() -> None:
    unsure = calibrated(0.5, BY_RATE, {})
    assert unsure == pytest.approx(0.5), "what is not measurable says nothing"
    assert calibrated(0.5, BY_RATE, {"heart_rate_bpm": 130}) > 0.9
    assert calibrated(0.5, BY_RATE, {"heart_rate_bpm": 100}) == pytest.approx(0.82, abs=0.01)
    assert calibrated(0.5, BY_RATE, {"heart_rate_bpm": 70}) == pytest.approx(0.5, abs=0.01)
    slow = Calibration(1.0, 0.0, 0.5, Measured("heart_rate_bpm", 60, 6, weight=-4.0))
    assert calibrated(0.5, slow, {"heart_rate_bpm": 90}) < 0.05


def test_what_reaches_its_threshold_is_present() -> None:
    made = make_statements(
        {"NORM": 0.39, "STACH": 0.5, "other": 1.0}, {"NORM": PLAIN, "STACH": BY_RATE}, {}
    )
    assert list(made) == ["NORM", "STACH"]
    assert not made["NORM"].present
    assert made["STACH"].present
    assert made["NORM"].title == "Normal ECG"


def test_calibrations_are_read_from_the_metadata() -> None:
    entry = {"scale": 1.0, "offset": 0.5, "threshold": 0.3, "fold_9": {"auroc": 0.9}}
    measured = {"name": "pr_ms", "limit": 200, "width": 25, "weight": 1.5}
    found = read_calibrations({"shipped": {"NORM": entry, "1AVB": entry | {"measured": measured}}})
    assert found["NORM"] == Calibration(1.0, 0.5, 0.3)
    assert found["1AVB"].measured == Measured("pr_ms", 200, 25, 1.5)


def test_what_was_measured_rules_a_normal_ecg_out() -> None:
    fast = Finding("TACHYCARDIA", "", (), 120.0, "bpm", 100, "")
    made = make_statements({"NORM": 0.9, "LVH": 0.9}, {"NORM": PLAIN, "LVH": PLAIN}, {}, [fast])
    assert not made["NORM"].present
    assert made["NORM"].probability == pytest.approx(0.9)
    assert made["LVH"].present


def test_a_measurement_that_says_the_same_bears_a_statement_out() -> None:
    irregular = Finding("IRREGULAR_RHYTHM", "", (), 0.2, "", 0.12, "")
    raw, plain = {"AFIB": 0.3}, {"AFIB": PLAIN}
    assert not make_statements(raw, plain, {})["AFIB"].present
    assert make_statements(raw, plain, {}, [irregular])["AFIB"].present
    assert not make_statements({"AFIB": 0.1}, plain, {}, [irregular])["AFIB"].present


def test_a_right_bundle_branch_block_is_complete_where_qrs_is_wide() -> None:
    raw, plain = {"CRBBB": 0.1, "IRBBB": 0.6}, {"CRBBB": PLAIN, "IRBBB": PLAIN}
    wide = Finding("WIDE_QRS_RBBB", "", (), 150.0, "ms", 120, "")
    narrow, complete = make_statements(raw, plain, {}), make_statements(raw, plain, {}, [wide])
    assert [code for code, one in narrow.items() if one.present] == ["IRBBB"]
    assert [code for code, one in complete.items() if one.present] == ["CRBBB"]


def test_a_strongly_raised_st_states_an_infarction_as_often_as_one_is_there() -> None:
    weak = Finding("ST_ELEVATION", "", ("V2", "V3"), 0.22, "mV", 0.2, "")
    strong = Finding("ST_ELEVATION", "", ("V2", "V3"), 0.4, "mV", 0.2, "", strong=True)
    assert not make_statements({"MI": 0.05}, {"MI": PLAIN}, {}, [weak])["MI"].present
    stated = make_statements({"MI": 0.05}, {"MI": PLAIN}, {}, [strong])["MI"]
    assert stated.present
    assert 0.5 < stated.probability < 0.7
