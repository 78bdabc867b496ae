"""What was measured and does not fit a normal ECG."""

import io

import numpy as np
import pytest
from fakes import install

from ecgapp import diagnose
from ecgapp.ecg import CHEST_LEADS, LEADS, LIMB_LEADS
from ecgapp.measure.findings import Finding, against_normal, find_findings
from ecgapp.measure.measurements import Measurement, measure
from ecgapp.synthesis.edan import render
from ecgapp.synthesis.samples import SAMPLES, draw_sample
from ecgapp.synthesis.simulate import PatientModel, Rhythm, simulate

NORMAL: dict[str, float] = {
    "heart_rate_bpm": 72,
    "rr_irregularity_otherwise": 0.03,
    "rr_longest_ms": 870,
    "premature_beats": 0,
    "premature_atrial_beats": 0,
    "pr_ms": 160,
    "qrs_ms": 92,
    "qtc_fridericia_ms": 410,
    "axis_deg": 50,
    "paced_part": 0,
    **{f"r_mv_{lead}": 0.9 for lead in LEADS},
    **{f"s_mv_{lead}": 0.3 for lead in LEADS},
    **{f"q_mv_{lead}": 0.0 for lead in LEADS},
    **{f"q_ms_{lead}": 0 for lead in LEADS},
    **{f"st_j_mv_{lead}": 0.01 for lead in LEADS},
    **{f"st_j60_mv_{lead}": 0.02 for lead in LEADS},
    **{f"t_mv_{lead}": 0.3 for lead in LEADS},
    "r_mv_V1": 0.2,
    "s_mv_V1": 1.0,
    "r_mv_V2": 0.4,
    "s_mv_V2": 1.2,
    "r_mv_aVR": 0.1,
    "s_mv_aVR": 0.9,
    "t_mv_aVR": -0.3,
    "p_mv_I": 0.08,
    "p_mv_II": 0.12,
    "p_mv_aVR": -0.1,
}


def findings(
    sex: str | None = None, age_years: float | None = None, **changed: float
) -> dict[str, Finding]:
    """Findings of a normal ECG in which some measurements are others, by code."""
    measured = {name: Measurement(value, "") for name, value in (NORMAL | changed).items()}
    return {finding.code: finding for finding in find_findings(measured, sex, age_years)}


def st(leads: tuple[str, ...], level_mv: float) -> dict[str, float]:
    return {f"{name}_{lead}": level_mv for name in ("st_j_mv", "st_j60_mv") for lead in leads}


def of_leads(name: str, leads: tuple[str, ...], value: float) -> dict[str, float]:
    return {f"{name}_{lead}": value for lead in leads}


def test_a_normal_ecg_has_no_finding_and_what_was_not_measured_is_none() -> None:
    assert findings() == {}
    assert find_findings({}) == []


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"heart_rate_bpm": 49}, "BRADYCARDIA", "slowly, 49 times a minute"),
        ({"heart_rate_bpm": 112.4}, "TACHYCARDIA", "fast, 112 times a minute"),
        ({"rr_longest_ms": 3400}, "PAUSE", "3.4 seconds"),
        ({"rr_irregularity_otherwise": 0.2}, "IRREGULAR_RHYTHM", "irregular"),
        ({"premature_beats": 1}, "PREMATURE_VENTRICULAR", "One beat comes early"),
        ({"premature_atrial_beats": 3}, "PREMATURE_ATRIAL", "3 beats come early"),
        ({"pr_ms": 230}, "LONG_PR", "230 ms"),
        ({"pr_ms": 90}, "SHORT_PR", "90 ms"),
        ({"qtc_fridericia_ms": 492}, "LONG_QTC", "492 ms"),
        ({"axis_deg": -50}, "LEFT_AXIS", "left"),
        ({"axis_deg": 120}, "RIGHT_AXIS", "right"),
        ({"axis_deg": -160}, "RIGHT_AXIS", "right"),
        ({"paced_part": 0.9, "qrs_ms": 150}, "PACED", "pacemaker"),
        ({"qrs_ms": 140}, "WIDE_QRS_LBBB", "left bundle branch block"),
        ({"qrs_ms": 140, "r_mv_V1": 0.9, "s_mv_V1": 0.4}, "WIDE_QRS_RBBB", "right bundle"),
        ({"s_mv_V1": 2.0, "r_mv_V5": 2.0}, "LVH_VOLTAGE", "Sokolow-Lyon"),
        ({"r_mv_V2": 0.1, "r_mv_V3": 0.12}, "POOR_R_PROGRESSION", "0.12 mV in V3"),
    ],
)
def test_each_measurement_beyond_its_limit_is_a_finding(
    changed: dict[str, float], code: str, said: str
) -> None:
    found = findings(**changed)
    assert code in found
    assert said in found[code].text
    assert found[code].source


def test_st_counts_in_neighbouring_leads_and_more_in_v2_and_v3() -> None:
    raised = findings(**st(("V3", "V4"), 0.3))["ST_ELEVATION"]
    assert raised.leads == ("V3", "V4")
    assert raised.value == pytest.approx(0.3)
    assert "ST_ELEVATION" not in findings(**st(("V4",), 0.3))
    assert "ST_ELEVATION" not in findings(**st(("I", "V1"), 0.3)), "no neighbours"
    assert "ST_ELEVATION" not in findings(**st(("V2", "V3"), 0.18)), "as in healthy men"
    assert "ST_ELEVATION" in findings("female", **st(("V2", "V3"), 0.18))
    assert "ST_ELEVATION" in findings("male", 60, **st(("V2", "V3"), 0.23))
    assert "ST_ELEVATION" not in findings("male", 30, **st(("V2", "V3"), 0.23))
    assert findings(**st(("V5", "V6"), -0.1))["ST_DEPRESSION"].leads == ("V5", "V6")


def test_st_is_not_judged_where_qrs_is_wide() -> None:
    assert "ST_ELEVATION" not in findings(qrs_ms=150, **st(("V2", "V3"), 0.4))


def test_q_waves_need_depth_width_and_a_neighbour() -> None:
    deep = of_leads("q_mv", ("II", "III", "aVF"), 0.4)
    wide = of_leads("q_ms", ("II", "III", "aVF"), 44)
    assert findings(**deep, **wide)["Q_WAVES"].leads == ("II", "III", "aVF")
    assert "Q_WAVES" not in findings(**deep, **of_leads("q_ms", ("II", "III", "aVF"), 20))
    assert "Q_WAVES" not in findings(q_mv_aVF=0.4, q_ms_aVF=44)
    in_front = of_leads("q_mv", ("V2", "V3"), 0.9) | of_leads("q_ms", ("V2", "V3"), 80)
    assert findings(**in_front)["Q_WAVES"].leads == ("V2", "V3")


def test_a_finding_is_strong_where_hardly_any_healthy_heart_has_it() -> None:
    assert findings(**st(("V2", "V3"), 0.25))["ST_ELEVATION"].strong
    assert not findings(**st(("V5", "V6"), 0.15))["ST_ELEVATION"].strong
    inferior = ("II", "III", "aVF")
    wide = of_leads("q_ms", inferior, 44)
    assert findings(**of_leads("q_mv", inferior, 0.5), **wide)["Q_WAVES"].strong
    assert not findings(**of_leads("q_mv", inferior, 0.3), **wide)["Q_WAVES"].strong
    two = of_leads("q_mv", inferior[1:], 0.5) | of_leads("q_ms", inferior[1:], 44)
    assert not findings(**two)["Q_WAVES"].strong, "two leads of three"
    assert findings(premature_beats=2)["PREMATURE_VENTRICULAR"].strong
    assert not findings(premature_beats=1)["PREMATURE_VENTRICULAR"].strong
    wide_qrs = {"r_mv_V1": 0.9, "s_mv_V1": 0.1, "s_mv_V6": 0.4}
    assert findings(qrs_ms=152, **wide_qrs)["WIDE_QRS_RBBB"].strong
    assert not findings(qrs_ms=130, **wide_qrs)["WIDE_QRS_RBBB"].strong


def test_t_inversion_and_low_voltage_name_their_leads() -> None:
    assert findings(**of_leads("t_mv", ("V5", "V6"), -0.2))["T_INVERSION"].leads == ("V5", "V6")
    low = of_leads("r_mv", LIMB_LEADS, 0.2) | of_leads("s_mv", LIMB_LEADS, 0.1)
    assert findings(**low)["LOW_VOLTAGE"].leads == LIMB_LEADS
    low |= of_leads("r_mv", CHEST_LEADS, 0.3) | of_leads("s_mv", CHEST_LEADS, 0.2)
    assert findings(**low)["LOW_VOLTAGE"].leads == LEADS


def test_a_finding_speaks_against_normal_unless_healthy_hearts_have_it_too() -> None:
    against = against_normal(list(findings(heart_rate_bpm=45).values()))
    assert against is not None
    assert "45 times a minute" in against
    assert against_normal(list(findings(axis_deg=-50).values())) is None
    assert against_normal([]) is None


@pytest.mark.parametrize(
    ("patient", "code"),
    [
        (PatientModel(72, "premature_ventricular_beats", seed=2), "PREMATURE_VENTRICULAR"),
        (PatientModel(72, "premature_atrial_beats", seed=2), "PREMATURE_ATRIAL"),
        (PatientModel(72, "atrial_fibrillation", seed=2), "IRREGULAR_RHYTHM"),
        (PatientModel(72, bundle_branch_block="left", seed=2), "WIDE_QRS_LBBB"),
        (PatientModel(72, bundle_branch_block="right", seed=2), "WIDE_QRS_RBBB"),
        (PatientModel(72, "ventricular_pacing", seed=2), "PACED"),
        (PatientModel(72, "first_degree_av_block", seed=2), "LONG_PR"),
        (PatientModel(72, hypertrophy="left", seed=2), "LVH_VOLTAGE"),
        (PatientModel(72, hypertrophy="right", seed=2), "TALL_R_V1_V2"),
        (PatientModel(72, axis_turn_deg=-115, seed=2), "LEFT_AXIS"),
        (PatientModel(72, axis_turn_deg=80, seed=2), "RIGHT_AXIS"),
    ],
)
def test_what_was_simulated_is_found(patient: PatientModel, code: str) -> None:
    found = find_findings(measure(simulate(patient)))
    assert code in {finding.code for finding in found}


# In the few beats of a column the waves of these hearts' fibrillation look like P.
@pytest.mark.parametrize(("rate_bpm", "seed"), [(64.6, 7), (71.6, 26), (75.2, 36), (78.9, 46)])
def test_fibrillation_is_found_in_two_halves_of_a_recording(rate_bpm: float, seed: int) -> None:
    signals = simulate(PatientModel(rate_bpm, "atrial_fibrillation", seed=seed))
    for lead, millivolts in signals.leads.items():
        hidden = slice(2500, None) if lead in LIMB_LEADS else slice(None, 2500)
        millivolts[hidden] = np.nan
    found = find_findings(measure(signals))
    assert "IRREGULAR_RHYTHM" in {finding.code for finding in found}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Normal rhythm", {}),
        ("Fast heart rate", {"TACHYCARDIA": ()}),
        ("Premature beats", {"PREMATURE_VENTRICULAR": ()}),
        ("Raised ST in V1 to V4", {"ST_ELEVATION": ("V1", "V2", "V3", "V4")}),
        ("Q waves in II, III and aVF", {"Q_WAVES": ("II", "III", "aVF")}),
        ("Irregular rhythm, six rows", {"IRREGULAR_RHYTHM": ()}),
    ],
)
def test_every_sample_of_the_app_shows_what_its_name_says(
    name: str, shown: dict[str, tuple[str, ...]]
) -> None:
    assert name in SAMPLES
    diagnosis = diagnose(draw_sample(name))
    assert {finding.code: finding.leads for finding in diagnosis.findings} == shown
    assert diagnosis.verdict is not None
    if shown and diagnosis.verdict.label == "normal":
        assert not diagnosis.verdict.confident


@pytest.mark.parametrize(
    ("rhythm", "said"),
    [("premature_ventricular_beats", "come early"), ("atrial_fibrillation", "irregular")],
)
def test_a_sure_verdict_of_normal_is_held_back_on_a_sheet_that_shows_otherwise(
    rhythm: Rhythm, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sure = [0.97, 0.01, 0.01, 0.01]
    install(monkeypatch, sure, sure, sure)
    page = io.BytesIO()
    render(simulate(PatientModel(80, rhythm)), "3x4").save(page, "PNG", compress_level=1)
    verdict = diagnose(page.getvalue()).verdict
    assert verdict is not None
    assert verdict.label == "normal"
    assert not verdict.confident
    assert said in str(verdict.reason)
