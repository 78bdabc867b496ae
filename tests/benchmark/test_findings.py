"""Findings beside what cardiologists stated."""

import pytest

from ecgapp.benchmark.findings import Case, agreements, false_alarms


def test_agreement_counts_what_is_stated_and_leaves_out_what_is_open() -> None:
    found = frozenset({"LONG_PR"})
    cases = [
        Case("here", {"1AVB": True}, found),
        Case("here", {"1AVB": True}, frozenset()),
        Case("here", {"1AVB": False}, frozenset()),
        Case("here", {"1AVB": None}, found),
        Case("there", {"1AVB": False}, found),
    ]
    (one,) = agreements(cases)
    assert (one.source, one.statement, one.n_with, one.n_without) == ("here", "1AVB", 2, 1)
    assert one.sensitivity == pytest.approx(0.5)
    assert one.specificity == pytest.approx(1.0)
    assert one.sensitivity_interval is not None
    low, high = one.sensitivity_interval
    assert 0 < low < 0.5 < high < 1


def test_false_alarms_are_of_normal_recordings_alone() -> None:
    cases = [
        Case("here", {"NORM": True}, frozenset({"LEFT_AXIS"})),
        Case("here", {"NORM": True}, frozenset()),
        Case("here", {"NORM": False}, frozenset({"PACED"})),
    ]
    assert false_alarms(cases) == {"here": {"n": 2, "any": 0.5, "LEFT_AXIS": 0.5}}
