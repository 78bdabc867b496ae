"""What a sheet is read as without one of its leads."""

import numpy as np
import pytest
from fakes import install

from ecgapp.errors import Refusal
from ecgapp.explain.without_lead import without_lead
from ecgapp.pipeline import Diagnosis, diagnose
from ecgapp.synthesis.cases import Case, draw_case


@pytest.fixture(scope="module")
def reading() -> Diagnosis:
    return diagnose(draw_case(Case(st_territory="anterior", st_mv=0.4)))


def test_a_lead_that_is_taken_away_has_no_say_any_more(reading):
    without = without_lead(reading, "V3")
    assert "V3" not in without.leads
    assert "V3" not in without.lead_probabilities
    assert without.sheet.missing == ("V3",)
    assert np.isnan(without.signals.leads["V3"]).all()
    assert not any(name.endswith("_V3") for name in without.measurements)
    assert without.verdict.probabilities != reading.verdict.probabilities
    # The reading itself stays what it was.
    assert "V3" in reading.leads
    assert np.isfinite(reading.signals.leads["V3"]).any()


def test_findings_follow_from_the_leads_that_are_left(monkeypatch):
    install(monkeypatch)
    lateral = diagnose(draw_case(Case(st_territory="inferior", st_mv=0.3)))
    raised = next(one for one in lateral.findings if one.code == "ST_ELEVATION")
    assert "III" in raised.leads
    left = without_lead(lateral, "III")
    assert all("III" not in finding.leads for finding in left.findings)


def test_too_few_leads_are_refused(reading):
    fewer = reading
    for lead in ("I", "II", "III", "aVR"):
        fewer = without_lead(fewer, lead)
    with pytest.raises(Refusal) as refused:
        without_lead(fewer, "aVL")
    assert refused.value.code == "leads_missing"


def test_a_lead_that_is_not_there_is_an_error(reading):
    with pytest.raises(ValueError, match="does not show V9"):
        without_lead(reading, "V9")
    with pytest.raises(ValueError, match="no verdict"):
        without_lead(Diagnosis(), "V3")
