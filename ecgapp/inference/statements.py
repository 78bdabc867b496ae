"""What the statement network gives -> statements with probabilities that mean what they say.

A statement's probability is the network's, scaled, and where a measurement defines what is stated
(a rate, an interval, a duration) the measurement has a say beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# No statement is surer than this. Set by hand.
LEAST_PROBABILITY = 1e-4


NORM = "NORM"


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
        contradicts it.
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
    not_normal: bool = False,
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
    not_normal : bool
        Whether something was measured that no normal ECG shows; NORM is then not present,
        whatever its probability.

    Returns
    -------
    dict of str to Statement
        By code, in the order of `calibrations`.
    """
    made = {}
    for code, calibration in calibrations.items():
        probability = calibrated(probabilities[code], calibration, measurements)
        present = probability >= calibration.threshold and not (not_normal and code == NORM)
        made[code] = Statement(code, TITLES.get(code, code), probability, present)
    return made
