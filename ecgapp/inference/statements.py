"""What the statement network gives -> statements with probabilities that mean what they say.

A statement's probability is the network's, scaled, and where a measurement defines what is stated
(a rate, an interval, a duration) the measurement has a say beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ecgapp.measure.findings import against_normal

if TYPE_CHECKING:
    from ecgapp.measure.finding import Finding

# No statement is surer than this. Set by hand.
LEAST_PROBABILITY = 1e-4

NORM, MI = "NORM", "MI"
# Statement -> the finding that says the same. Where that was measured, so much of the statement's
# threshold is enough. On PTB-XL's fold 9 that changes which records are called right, and how many
# of those that have it are found, from 85% and 91% to 83% and 93% (AFIB), and from 74% and 83% to
# 73% and 87% (PVC).
BORNE_OUT_BY: Mapping[str, str] = {"AFIB": "IRREGULAR_RHYTHM", "PVC": "PREMATURE_VENTRICULAR"}
_BORNE_OUT_PART = 0.5
# A right bundle branch block is complete where QRS is measured as wide, whichever of the two the
# network states: on fold 9 77% and 89% instead of 78% and 85%.
_INCOMPLETE, _COMPLETE, _COMPLETE_FINDING = "IRBBB", "CRBBB", "WIDE_QRS_RBBB"
# Of PTB-XL's records with a strong ST elevation so many are stated to be infarctions (22 of 38,
# 95% interval 42 to 72%; every seventh of folds 1 to 8, and fold 9).
_MI_WITH_RAISED_ST = 0.58


@dataclass(frozen=True)
class Measured:
    """What a measurement has to say about a statement.

    Attributes
    ----------
    name : str
        As :func:`ecgapp.measure.measurements.measure` names it.
    limit, width : float
        Where it changes its mind, and how quickly, in the measurement's unit.
    weight : float
        Log odds that a value far above the limit adds, or, being negative, takes away; one far
        below changes nothing.
    """

    name: str
    limit: float
    width: float
    weight: float

    def log_odds(self, values: Mapping[str, float]) -> float:
        """Say what a sheet's measurements add; nothing where it was not measurable."""
        value = values.get(self.name)
        if value is None:
            return 0.0
        return self.weight * (1 + math.tanh((value - self.limit) / self.width)) / 2


@dataclass(frozen=True)
class Calibration:
    """How a statement's probability comes about; learnt on records that no network learnt from.

    Attributes
    ----------
    scale, offset : float
        Of the log odds (Platt 1999).
    threshold : float
        Probability from which on it counts as present.
    measured : Measured or None
    """

    scale: float
    offset: float
    threshold: float
    measured: Measured | None = None


@dataclass(frozen=True)
class Statement:
    """One thing that a sheet shows or does not.

    Attributes
    ----------
    code : str
        PTB-XL's SCP-ECG code or superclass.
    title : str
        In plain words.
    probability : float
        Calibrated.
    present : bool
        Whether the probability reaches the statement's threshold, and nothing that was measured
        contradicts it; where a measurement bears it out, a part of the threshold.
    """

    code: str
    title: str
    probability: float
    present: bool


TITLES: Mapping[str, str] = {
    "NORM": "Normal ECG",
    "MI": "Myocardial infarction, of any age",
    "STTC": "ST or T changes",
    "CD": "Conduction disturbance",
    "HYP": "Hypertrophy or enlarged chamber",
    "AFIB": "Atrial fibrillation",
    "AFLT": "Atrial flutter",
    "SBRAD": "Sinus bradycardia",
    "STACH": "Sinus tachycardia",
    "SARRH": "Sinus arrhythmia",
    "PAC": "Atrial premature beats",
    "PVC": "Ventricular premature beats",
    "BIGU": "Bigeminy",
    "SVARR": "Supraventricular arrhythmia",
    "PACE": "Paced rhythm",
    "1AVB": "First degree AV block",
    "LPR": "Long PR interval",
    "WPW": "Wolff-Parkinson-White pattern",
    "CLBBB": "Complete left bundle branch block",
    "CRBBB": "Complete right bundle branch block",
    "IRBBB": "Incomplete right bundle branch block",
    "IVCD": "Unspecific intraventricular conduction delay",
    "LAFB": "Left anterior fascicular block",
    "LPFB": "Left posterior fascicular block",
    "LVH": "Left ventricular hypertrophy",
    "RVH": "Right ventricular hypertrophy",
    "LAO/LAE": "Left atrial enlargement",
    "RAO/RAE": "Right atrial enlargement",
    "LVOLT": "Low voltage",
    "LNGQT": "Long QT interval",
    "QWAVE": "Q waves",
    "INVT": "Inverted T waves",
    "STD_": "ST depression",
    "AMI": "Anterior infarction",
    "ASMI": "Anteroseptal infarction",
    "ALMI": "Anterolateral infarction",
    "IMI": "Inferior infarction",
    "ILMI": "Inferolateral infarction",
    "LMI": "Lateral infarction",
    "INJAS": "Anteroseptal injury current",
    "INJAL": "Anterolateral injury current",
    "ISC_": "Unspecific ischaemia",
    "ISCAL": "Anterolateral ischaemia",
    "ISCAS": "Anteroseptal ischaemia",
    "ISCIL": "Inferolateral ischaemia",
    "ISCIN": "Inferior ischaemia",
    "DIG": "Digitalis effect",
    "NDT": "Unspecific T changes",
    "NST_": "Unspecific ST changes",
    "NT_": "Unspecific T changes of low height",
    "LOWT": "Low T waves",
}


def read_calibrations(metadata: Mapping[str, Any]) -> dict[str, Calibration]:
    """Read which statements ship, and how, from the network's ``metadata.json``.

    Parameters
    ----------
    metadata : mapping of str to Any
        Its ``shipped`` names them.

    Returns
    -------
    dict of str to Calibration
    """
    return {
        code: Calibration(
            scale=entry["scale"],
            offset=entry["offset"],
            threshold=entry["threshold"],
            measured=Measured(**entry["measured"]) if entry.get("measured") else None,
        )
        for code, entry in metadata["shipped"].items()
    }


def calibrated(
    probability: float, calibration: Calibration, measurements: Mapping[str, float]
) -> float:
    """Calibrate one probability as the network gives it.

    Parameters
    ----------
    probability : float
    calibration : Calibration
    measurements : mapping of str to float
        Name -> value, of one sheet; what is not measurable is absent.

    Returns
    -------
    float
    """
    bounded = min(max(probability, LEAST_PROBABILITY), 1 - LEAST_PROBABILITY)
    log_odds = calibration.scale * math.log(bounded / (1 - bounded)) + calibration.offset
    if calibration.measured is not None:
        log_odds += calibration.measured.log_odds(measurements)
    found = 1 / (1 + math.exp(-log_odds))
    return min(max(found, LEAST_PROBABILITY), 1 - LEAST_PROBABILITY)


def make_statements(
    probabilities: Mapping[str, float],
    calibrations: Mapping[str, Calibration],
    measurements: Mapping[str, float],
    findings: Sequence[Finding] = (),
) -> dict[str, Statement]:
    """Say what a sheet shows.

    Parameters
    ----------
    probabilities : mapping of str to float
        Statement -> probability as the network gives it.
    calibrations : mapping of str to Calibration
        Of the statements that ship.
    measurements : mapping of str to float
        As in :func:`calibrated`.
    findings : sequence of Finding
        Of the same sheet. Where they show what no normal ECG shows, NORM is not present, whatever
        its probability; a finding that says the same as a statement bears it out.

    Returns
    -------
    dict of str to Statement
        By code, in the order of `calibrations`.
    """
    made = {}
    codes = {finding.code for finding in findings}
    not_normal = against_normal(findings) is not None
    raised_st = any(one.code == "ST_ELEVATION" and one.strong for one in findings)
    for code, calibration in calibrations.items():
        probability = calibrated(probabilities[code], calibration, measurements)
        threshold = calibration.threshold
        if BORNE_OUT_BY.get(code) in codes:
            threshold *= _BORNE_OUT_PART
        if code == MI and raised_st:
            probability = max(probability, _MI_WITH_RAISED_ST)
        present = probability >= threshold and not (not_normal and code == NORM)
        made[code] = Statement(code, TITLES.get(code, code), probability, present)
    if _COMPLETE_FINDING in codes and _INCOMPLETE in made and made[_INCOMPLETE].present:
        made[_COMPLETE] = replace(made[_COMPLETE], present=True)
        made[_INCOMPLETE] = replace(made[_INCOMPLETE], present=False)
    return made
