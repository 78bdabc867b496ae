"""Teaching cases and the quiz: what is kept in a link, what is drawn, how answers are scored."""

import base64
import io
import json

import pytest
from PIL import Image

from ecgapp.measure.findings import find_findings
from ecgapp.measure.measurements import measure
from ecgapp.synthesis.cases import (
    CHOICES,
    Case,
    draw_case,
    from_file,
    from_link,
    layouts_of,
    to_file,
    to_link,
)
from ecgapp.synthesis.electrode_swaps import SHOWN_LEADS, exchange_electrodes
from ecgapp.synthesis.quiz import Answer, random_case, score
from ecgapp.synthesis.simulate import PatientModel, simulate

pytestmark = pytest.mark.slow

CASES = [
    Case(),
    Case(rate_bpm=95, rhythm="atrial_fibrillation", seed=7),
    Case(st_territory="inferior", st_mv=0.35, vendor="green", layout="12x1", picture="scan"),
]


def test_cases_come_back_from_a_link_and_from_a_file():
    assert from_link(to_link(CASES)) == CASES
    assert from_file(to_file(CASES).encode()) == CASES
    # A link shows no answer at a glance, and stays short.
    assert "fibrillation" not in to_link(CASES)
    assert len(to_link([Case(rhythm="atrial_flutter")])) < 60


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([{"rhythm": "waltz"}], "rhythm is 'waltz'"),
        ([{"rate_bpm": 500}], "from 30 to 200"),
        ([{"rate_bpm": True}], "should be a number"),
        ([{"rate_bpm": "70"}], "should be a number"),
        ([{"noise_mv": float("nan")}], "should be a number"),
        ([{"seed": 1.5}], "whole number"),
        ([{"pulse": 3}], "no 'pulse'"),
        ([{"rhythm": ["sinus"]}], "rhythm is"),
        ([{"layout": "12x1"}], "does not print"),
        ([], "should be a list"),
        ({"cases": "none"}, "should be a list"),
        ([{}] * 51, "at most 50"),
    ],
)
def test_a_bad_case_is_refused_in_one_sentence(content, said):
    data = json.dumps(content).encode()
    link = base64.urlsafe_b64encode(data).decode()
    for read, value in ((from_file, data), (from_link, link)):
        with pytest.raises(ValueError, match=said) as refused:
            read(value)
        assert str(refused.value).endswith(".")


@pytest.mark.parametrize("link", ["???", "A", "ä", "x" * 5000, "bm90IGpzb24"])
def test_a_bad_link_is_refused(link):
    with pytest.raises(ValueError, match=r"[.?]$"):
        from_link(link)


@pytest.mark.parametrize(
    ("case", "leads", "label"),
    [
        (Case(), (), "normal"),
        (Case(st_territory="anterior"), ("V1", "V2", "V3", "V4"), "mi"),
        (Case(st_territory="inferior"), ("II", "III", "aVF"), "mi"),
        (Case(st_territory="lateral"), ("I", "aVL", "V5", "V6"), "mi"),
        (Case(st_territory="anterior", st_mv=-0.3), (), "abnormal_heartbeat"),
        (Case(q_waves="anterior"), (), "history_of_mi"),
        (Case(rate_bpm=120), (), "abnormal_heartbeat"),
        (Case(hypertrophy="left"), (), "abnormal_heartbeat"),
        (
            Case(st_territory="anterior", swap="chest_reversed"),
            ("V3", "V4", "V5", "V6"),
            "mi",
        ),
    ],
)
def test_truth_of_a_case(case, leads, label):
    assert case.raised_leads == leads
    assert case.label == label


@pytest.mark.parametrize("territory", ["anterior", "inferior", "lateral"])
def test_raised_st_is_measured_where_the_case_says(territory):
    case = Case(st_territory=territory, st_mv=0.4)
    found = {one.code: one for one in find_findings(measure(simulate(case.patient)))}
    assert set(found["ST_ELEVATION"].leads) == set(case.raised_leads)


def test_every_choice_is_drawn():
    sizes = set()
    for case in (
        *CASES,
        Case(picture="photograph"),
        Case(layout="6x2", picture="scan"),
        Case(swap="arms", hypertrophy="right", noise_mv=0.05, axis_deg=-60),
    ):
        with Image.open(io.BytesIO(draw_case(case))) as image:
            assert image.format == "JPEG"
            sizes.add(image.size)
    assert len(sizes) > 3
    assert layouts_of("known") == ("3x4", "6x2")
    assert layouts_of("pink") == CHOICES["layout"]


def test_a_swap_done_twice_is_none():
    signals = simulate(PatientModel())
    for swap in ("arms", "V3_V4", "chest_reversed", "right_arm_left_leg"):
        once = exchange_electrodes(signals, swap)
        twice = exchange_electrodes(once, swap)
        changed = {
            lead for lead in signals.leads if (once.leads[lead] != signals.leads[lead]).any()
        }
        assert changed == set(SHOWN_LEADS[swap])
        assert all((twice.leads[lead] == signals.leads[lead]).all() for lead in signals.leads)


def test_a_quiz_draws_all_kinds_and_the_same_case_for_the_same_number():
    cases = [random_case(seed) for seed in range(60)]
    assert random_case(3) == cases[3]
    assert {case.label for case in cases} == {
        "normal", "abnormal_heartbeat", "mi", "history_of_mi",
    }  # fmt: skip
    assert len({case.rhythm for case in cases}) > 5


def test_an_answer_is_scored_by_part():
    case = Case(st_territory="inferior")
    right = Answer("sinus", frozenset({"II", "III", "aVF"}), "mi")
    assert score(case, right).points == 3
    half = score(case, Answer("atrial_flutter", frozenset({"II", "V1"}), "mi"))
    assert (half.rhythm, half.leads, half.label) == (0, 0.25, 1)
    assert score(Case(), Answer("sinus", frozenset(), "normal")).points == 3
    assert score(Case(), Answer("sinus", frozenset({"V1"}), "normal")).leads == 0
