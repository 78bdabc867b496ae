"""Which label the written definitions give a sheet for what was measured on it."""

import pytest

from ecgapp import diagnose
from ecgapp.inference.definitions import Definition, define
from ecgapp.inference.statements import Statement
from ecgapp.measure.finding import Finding
from ecgapp.report.headline import headline
from ecgapp.synthesis.samples import SAMPLES, draw_sample

CODES = ("MI", "PACE", "CLBBB", "CRBBB", "AFIB", "PVC")


def finding(code: str, strong: bool = True) -> Finding:
    return Finding(code, f"{code} was measured.", (), None, "", None, "", strong)


def stated(*present: str) -> dict[str, Statement]:
    return {code: Statement(code, code, 0.5, code in present) for code in CODES}


def test_a_strong_finding_counts_where_the_statement_network_says_the_same() -> None:
    found = [finding("WIDE_QRS_LBBB")]
    assert define(found, stated("CLBBB")) == Definition(
        "abnormal_heartbeat", "WIDE_QRS_LBBB was measured."
    )
    assert define(found, stated("CRBBB")) is None
    assert define([finding("WIDE_QRS_LBBB", strong=False)], stated("CLBBB")) is None
    assert define([], stated(*CODES)) is None


def test_a_strongly_raised_st_is_an_acute_infarction_whatever_is_stated() -> None:
    both = [finding("PREMATURE_VENTRICULAR"), finding("Q_WAVES"), finding("ST_ELEVATION")]
    settled = define(both, stated("PVC", "MI"))
    assert settled is not None
    assert settled.label == "mi"
    assert define([finding("ST_ELEVATION", strong=False)], stated("MI")) is None


@pytest.mark.parametrize(
    ("sample", "label", "title"),
    [
        ("Normal rhythm", "normal", "Normal"),
        ("Fast heart rate", "abnormal_heartbeat", "Abnormal heartbeat"),
        ("Premature beats", "abnormal_heartbeat", "3 beats come early"),
        ("Raised ST in V1 to V4", "mi", "ST is raised in V1, V2, V3 and V4"),
        ("Q waves in II, III and aVF", "history_of_mi", "Q waves as a scar leaves them"),
        ("Irregular rhythm, six rows", "abnormal_heartbeat", "Most like abnormal heartbeat"),
    ],
)
def test_a_sample_reads_as_what_it_shows(sample: str, label: str, title: str) -> None:
    read = diagnose(draw_sample(sample))
    assert read.verdict is not None
    assert read.verdict.label == label
    assert headline(read).title.startswith(title)


def test_every_sample_is_looked_at() -> None:
    assert len(SAMPLES) == 6
