"""Where measurements of healthy adults at rest lie, for a value to stand beside."""

from __future__ import annotations

from typing import NamedTuple

from ecgapp.measure.conduction_findings import (
    AXIS_DEG,
    PR_MS,
    QTC_FEMALE_MS,
    QTC_MALE_MS,
    SEX_MALE,
)
from ecgapp.measure.finding import (
    BRADYCARDIA_2018,
    CONDUCTION_2009,
    FIBRILLATION_2020,
    HYPERTROPHY_2009,
    REPOLARIZATION_2009,
    SURAWICZ_KNILANS,
)
from ecgapp.measure.measurements import IRREGULAR
from ecgapp.measure.rhythm_findings import FASTEST_BPM, LONGEST_PAUSE_MS, SLOWEST_BPM

# A QRS complex longer than this is not normal in an adult; from 120 ms on it is called wide
# (Surawicz 2009).
LONGEST_NORMAL_QRS_MS = 110
# Below this QTc is short (Rautaharju 2009), above that P is long (Hancock 2009).
SHORTEST_QTC_MS = 390
LONGEST_P_MS = 120


class NormalRange(NamedTuple):
    """Lowest and highest value of healthy adults, in the measurement's unit; None is open."""

    low: float | None
    high: float | None
    source: str

    def holds(self, value: float) -> bool:
        """Tell whether a value, rounded as it is printed, lies within."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


_QTC = NormalRange(SHORTEST_QTC_MS, QTC_FEMALE_MS, REPOLARIZATION_2009)

# By name of the measurement, for anyone whose sex is not known.
NORMAL_RANGES: dict[str, NormalRange] = {
    "heart_rate_bpm": NormalRange(SLOWEST_BPM, FASTEST_BPM, BRADYCARDIA_2018),
    "rr_longest_ms": NormalRange(None, LONGEST_PAUSE_MS, BRADYCARDIA_2018),
    "rr_irregularity_otherwise": NormalRange(None, IRREGULAR, FIBRILLATION_2020),
    "premature_beats": NormalRange(None, 0, SURAWICZ_KNILANS),
    "premature_atrial_beats": NormalRange(None, 0, SURAWICZ_KNILANS),
    "p_duration_ms": NormalRange(None, LONGEST_P_MS, HYPERTROPHY_2009),
    "pr_ms": NormalRange(*PR_MS, SURAWICZ_KNILANS),
    "qrs_ms": NormalRange(None, LONGEST_NORMAL_QRS_MS, CONDUCTION_2009),
    "qtc_bazett_ms": _QTC,
    "qtc_fridericia_ms": _QTC,
    "axis_deg": NormalRange(*AXIS_DEG, CONDUCTION_2009),
}


def normal_range(name: str, sex: str | None = None) -> NormalRange | None:
    """Look up the normal range of a measurement.

    Parameters
    ----------
    name : str
        As in :func:`ecgapp.measure.measurements.measure`.
    sex : str, optional
        ``male`` or ``female``, where it is known.

    Returns
    -------
    NormalRange or None
        None for a measurement without one.
    """
    found = NORMAL_RANGES.get(name)
    if found is _QTC and sex == SEX_MALE:
        return found._replace(high=QTC_MALE_MS)
    return found
