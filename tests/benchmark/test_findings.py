"""Findings beside what cardiologists stated."""

import json

import pytest
from paths import ROOT

from ecgapp.benchmark.findings import OUTPUT, Case, agreements, false_alarms, found_swaps
from ecgapp.measure.measurements import measure
from ecgapp.report.finding_rows import agreement_rows, in_words, normal_rows, swap_rows
from ecgapp.synthesis.simulate import PatientModel, simulate


def test_agreement_counts_what_is_stated_and_leaves_out_what_is_open() -> None:
    found = frozenset({"LONG_PR"})
    cases = [
        Case("here", {"1AVB": True}, found),
        Case("here", {"1AVB": False, "LPR": True}, frozenset()),
        Case("here", {"1AVB": False}, frozenset()),
        Case("here", {"1AVB": None}, found),
        Case("there", {"1AVB": False}, found),
    ]
    (one,) = agreements(cases)
    assert (one.source, one.findings, one.n_with, one.n_without) == ("here", ("LONG_PR",), 2, 1)
    assert one.sensitivity == pytest.approx(0.5)
    assert one.specificity == pytest.approx(1.0)
    assert one.sensitivity_95 is not None
    low, high = one.sensitivity_95
    assert 0 < low < 0.5 < high < 1


def test_false_alarms_are_of_normal_recordings_alone() -> None:
    cases = [
        Case("here", {"NORM": True}, frozenset({"LEFT_AXIS"})),
        Case("here", {"NORM": True}, frozenset()),
        Case("here", {"NORM": False}, frozenset({"PACED"})),
    ]
    assert false_alarms(cases) == {"here": {"n": 2, "any": 0.5, "LEFT_AXIS": 0.5}}


def test_exchanged_arms_are_found_and_named() -> None:
    found = found_swaps([measure(simulate(PatientModel(70, seed=seed))) for seed in range(3)])
    assert found["n"] == 3
    assert found["false_alarms"] == 0
    assert found["swaps"]["arms"]["found"] == found["swaps"]["arms"]["named"] == 1


def test_what_ships_makes_tables() -> None:
    report = json.loads((ROOT / "models" / OUTPUT).read_text())
    for source in report["records"]:
        rows = agreement_rows(report, source)
        assert all(row["Finding"] and row["Stated as"] for row in rows)
    assert normal_rows(report)[0]["Finding"] == "any"
    assert len(swap_rows(report)) == len(report["electrode_swaps"]["swaps"])
    assert in_words(["WIDE_QRS_LBBB", "LONG_PR"]) == "wide QRS LBBB or long PR"
