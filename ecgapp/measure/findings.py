"""Measurements -> findings: what the sheet shows and a normal ECG does not, whatever models say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ecgapp.measure.conduction_findings import conduction_findings
from ecgapp.measure.electrode_swap import ELECTRODE_SWAP, find_swap
from ecgapp.measure.finding import Finding, Values
from ecgapp.measure.measurements import Measurement
from ecgapp.measure.rhythm_findings import rhythm_findings
from ecgapp.measure.wave_findings import wave_findings


def find_findings(
    measurements: Mapping[str, Measurement],
    sex: str | None = None,
    age_years: float | None = None,
) -> list[Finding]:
    """Compare measurements with the limits of guidelines and textbooks.

    Parameters
    ----------
    measurements : mapping of str to Measurement
        From :func:`ecgapp.measure.measurements.measure`. What is not in it is not said.
    sex : str, optional
        ``male`` or ``female``; where it is not known, the limit that fewer exceed holds.
    age_years : float, optional

    Returns
    -------
    list of Finding
        Exchanged electrodes first, then rhythm, conduction and the waves; empty where all that
        could be measured is within its limits.
    """
    values = Values(measurements)
    swap = find_swap(values)
    return [
        *([swap] if swap is not None else []),
        *rhythm_findings(values),
        *conduction_findings(values, sex),
        *wave_findings(values, sex, age_years),
    ]


# Healthy hearts have these now and then; they are said, and take no confidence away. Of the
# development sheets that the verdict calls normal, those with one of them are labelled normal as
# often as those without any finding.
_VARIANTS = frozenset(
    {
        "LEFT_AXIS",
        "RIGHT_AXIS",
        "SHORT_PR",
        "LVH_VOLTAGE",
        "LOW_VOLTAGE",
        "POOR_R_PROGRESSION",
        "TALL_R_V1_V2",
    }
)


def against_normal(findings: Sequence[Finding]) -> str | None:
    """Say in plain words which findings do not fit a verdict of normal.

    Parameters
    ----------
    findings : sequence of Finding

    Returns
    -------
    str or None
        None where none of them contradicts it.
    """
    against = [
        finding.text
        for finding in findings
        if finding.code not in _VARIANTS and finding.code != ELECTRODE_SWAP
    ]
    if not against:
        return None
    return f"What was measured does not fit a normal ECG. {' '.join(against)}"


def against_any_verdict(findings: Sequence[Finding]) -> str | None:
    """Say why no verdict on such a sheet is to be relied on: electrodes look exchanged.

    Parameters
    ----------
    findings : sequence of Finding

    Returns
    -------
    str or None
    """
    for finding in findings:
        if finding.code == ELECTRODE_SWAP:
            return f"{finding.text} This verdict is not to be relied on."
    return None


def shows_raised_st(findings: Sequence[Finding]) -> bool:
    """Whether ST elevation is among the findings."""
    return any(finding.code == "ST_ELEVATION" for finding in findings)
