"""What a finding is, and how the rules read the measurements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ecgapp.ecg import LEADS
from ecgapp.measure.measurements import Measurement

# Where the limits come from.
UNIVERSAL_DEFINITION = "Thygesen et al., Fourth Universal Definition of Myocardial Infarction, 2018"
CONDUCTION_2009 = "Surawicz et al., AHA/ACCF/HRS recommendations part III, 2009"
REPOLARIZATION_2009 = "Rautaharju et al., AHA/ACCF/HRS recommendations part IV, 2009"
HYPERTROPHY_2009 = "Hancock et al., AHA/ACCF/HRS recommendations part V, 2009"
BRADYCARDIA_2018 = "Kusumoto et al., ACC/AHA/HRS guideline on bradycardia, 2018"
TACHYCARDIA_2015 = "Page et al., ACC/AHA/HRS guideline on supraventricular tachycardia, 2015"
FIBRILLATION_2020 = "Hindricks et al., ESC guidelines on atrial fibrillation, 2020"
SURAWICZ_KNILANS = "Surawicz and Knilans, Chou's Electrocardiography in Clinical Practice, 2008"
ZEMA_1982 = "Zema et al., electrocardiographic poor R wave progression, Am Heart J, 1982"

# Leads that look at neighbouring parts of the heart.
NEIGHBOURS = (
    ("aVL", "I"),
    ("II", "aVF"),
    ("aVF", "III"),
    ("II", "III"),
    ("V1", "V2"),
    ("V2", "V3"),
    ("V3", "V4"),
    ("V4", "V5"),
    ("V5", "V6"),
)


@dataclass(frozen=True)
class Finding:
    """Something measured that a normal ECG does not show.

    Attributes
    ----------
    code : str
        Such as ``ST_ELEVATION``.
    text : str
        One plain sentence.
    leads : tuple of str
        Where it shows; empty where it is of all leads together.
    value : float or None
        The measurement that is farthest from its limit; None where nothing is counted.
    unit : str
        Of `value` and `limit`.
    limit : float or None
        What `value` was compared with.
    source : str
        Where the rule comes from.
    strong : bool
        Whether it is so far beyond its limit that it settles that the ECG is not normal.
    """

    code: str
    text: str
    leads: tuple[str, ...]
    value: float | None
    unit: str
    limit: float | None
    source: str
    strong: bool = False


class Values:
    """Measurements by name and by lead; None where something was not measurable."""

    def __init__(self, measurements: Mapping[str, Measurement]) -> None:
        self._measurements = measurements

    def get(self, name: str) -> float | None:
        """Value of a measurement of the whole sheet."""
        measured = self._measurements.get(name)
        return None if measured is None else measured.value

    def at(self, name: str, lead: str) -> float | None:
        """Value of a measurement of one lead."""
        return self.get(f"{name}_{lead}")


def with_neighbour(leads: Iterable[str]) -> tuple[str, ...]:
    """Keep the leads that have a neighbour among them, in the usual order."""
    found = set(leads)
    kept = {lead for pair in NEIGHBOURS if found.issuperset(pair) for lead in pair}
    return tuple(lead for lead in LEADS if lead in kept)


def listed(names: Iterable[str]) -> str:
    """Join names as a sentence does."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
