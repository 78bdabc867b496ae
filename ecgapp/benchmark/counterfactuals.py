"""What one change of the heart does to what is read, and what changes of the page must not do.

``python -m ecgapp bench counterfactuals``: simulated patients are drawn as sheets and read; then
the same patients with one change each (a faster rate, premature beats, raised ST, Q waves, atrial
fibrillation, a bundle branch block, a pacemaker), and the same curves on pages with another header,
footer or grid. Of every change the finding, the statement and the verdict should follow. Writes
``models/study/counterfactuals.json``; needs no data.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ecgapp import Diagnosis, diagnose
from ecgapp.ecg import LAYOUTS, Signals
from ecgapp.evaluation.metrics import wilson_interval
from ecgapp.synthesis.draw import as_png, draw_sheet
from ecgapp.synthesis.edan import PageStyle, render
from ecgapp.synthesis.simulate import PatientModel, Rhythm, simulate
from ecgapp.synthesis.vendors import VENDORS

COMMAND = "ecgapp bench counterfactuals"
OUTPUT = "study/counterfactuals.json"
# Simulated patients, for changes of the heart and of the page, and the range of their rates, which
# a change leaves plausible. Set by hand, the numbers by the time that they take.
N_PATIENTS = 50
N_PAGE_PATIENTS = 10
SLOWEST_BPM, FASTEST_BPM = 62.0, 80.0

# Pages that say nothing of the heart, or something wrong.
_OTHER_PAGES = (
    PageStyle(grid=True),
    PageStyle(grid=False),
    PageStyle(title="ACUTE MYOCARDIAL INFARCTION", patient_id="987654"),
    PageStyle(filter_band="0.05~150Hz", heart_rate_bpm=141, recorded_at="2020-02-29 23:59:59"),
)


@dataclass(frozen=True)
class Change:
    """A change of the heart, and what should be made of it.

    Attributes
    ----------
    name : str
        In plain words.
    findings, statements : tuple of str
        One of each should be said of the changed heart.
    label : str
        Its label, by the written definition.
    of : callable
        Changes a patient.
    """

    name: str
    findings: tuple[str, ...]
    statements: tuple[str, ...]
    label: str
    of: Callable[[PatientModel], PatientModel]


def _rhythm(rhythm: Rhythm) -> Callable[[PatientModel], PatientModel]:
    return lambda patient: replace(patient, rhythm=rhythm)


# Of the heart, large enough for any definition of the labels they should lead to. Set by hand.
CHANGES = (
    Change(
        "rate of 110 per minute",
        ("TACHYCARDIA",),
        ("STACH",),
        "abnormal_heartbeat",
        lambda patient: replace(patient, heart_rate_bpm=110.0),
    ),
    Change(
        "every fourth beat premature, from a ventricle",
        ("PREMATURE_VENTRICULAR",),
        ("PVC",),
        "abnormal_heartbeat",
        _rhythm("premature_ventricular_beats"),
    ),
    Change(
        "atrial fibrillation",
        ("IRREGULAR_RHYTHM",),
        ("AFIB",),
        "abnormal_heartbeat",
        _rhythm("atrial_fibrillation"),
    ),
    Change(
        "left bundle branch block",
        ("WIDE_QRS_LBBB",),
        ("CLBBB",),
        "abnormal_heartbeat",
        lambda patient: replace(patient, bundle_branch_block="left"),
    ),
    Change(
        "right bundle branch block",
        ("WIDE_QRS_RBBB",),
        ("CRBBB",),
        "abnormal_heartbeat",
        lambda patient: replace(patient, bundle_branch_block="right"),
    ),
    Change(
        "ventricular pacing",
        ("PACED",),
        ("PACE",),
        "abnormal_heartbeat",
        _rhythm("ventricular_pacing"),
    ),
    Change(
        "ST raised by 0.3 mV in V2 to V4",
        ("ST_ELEVATION",),
        ("MI",),
        "mi",
        lambda patient: replace(patient, st_level_mv=dict.fromkeys(("V2", "V3", "V4"), 0.3)),
    ),
    Change(
        "deep Q in II, III and aVF",
        ("Q_WAVES",),
        ("MI",),
        "history_of_mi",
        lambda patient: replace(patient, q_waves=frozenset({"inferior"})),
    ),
)


@dataclass(frozen=True)
class ChangeEffect:
    """In how many patients what is read follows a change.

    Attributes
    ----------
    change, sheets : str
        `sheets` names how they were drawn, a key of `SHEETS`.
    n : int
        Patients that read as normal before, without any finding that a normal ECG does not show.
    finding, statement, verdict : int
        In how many of them the change's finding and statement are said, and its label is given.
    """

    change: str
    sheets: str
    n: int
    finding: int
    statement: int
    verdict: int


@dataclass(frozen=True)
class PageEffect:
    """How far other pages around the same curves move the verdict's probabilities.

    Attributes
    ----------
    layout : str
    n : int
        Pages compared with the plain one.
    largest : float
        Largest difference of any class's probability.
    """

    layout: str
    n: int
    largest: float


def patients(n: int) -> Iterator[PatientModel]:
    """Simulate hearts in sinus rhythm, at rates at which no class is implied."""
    for seed, rate_bpm in enumerate(np.linspace(SLOWEST_BPM, FASTEST_BPM, n).tolist()):
        yield PatientModel(rate_bpm, seed=seed)


def _other_machine(signals: Signals, seed: int) -> bytes:
    vendor = list(VENDORS.values())[seed % len(VENDORS)]
    return as_png(draw_sheet(signals, LAYOUTS["3x4"], ("II",), vendor=vendor).image)


# How sheets are drawn: signals and the patient's number -> a file.
SHEETS: dict[str, Callable[[Signals, int], bytes]] = {
    "3x4": lambda signals, seed: as_png(render(signals, "3x4")),
    "6x2": lambda signals, seed: as_png(render(signals, "6x2")),
    "3x4 + II, other machines": _other_machine,
}


def change_effects(sheets: str, n: int = N_PATIENTS) -> list[ChangeEffect]:
    """Read patients before and after every change.

    Parameters
    ----------
    sheets : str
        A key of `SHEETS`.
    n : int
        Patients.

    Returns
    -------
    list of ChangeEffect
        By change.
    """
    draw = SHEETS[sheets]
    before = [
        heart for heart in patients(n) if _reads_normal(diagnose(draw(simulate(heart), heart.seed)))
    ]
    effects = []
    for change in CHANGES:
        followed = [
            _follows(diagnose(draw(simulate(change.of(heart)), heart.seed)), change)
            for heart in before
        ]
        finding, statement, verdict = np.array(followed).sum(axis=0).tolist()
        effects.append(ChangeEffect(change.name, sheets, len(before), finding, statement, verdict))
    return effects


def _reads_normal(diagnosis: Diagnosis) -> bool:
    verdict = diagnosis.verdict
    return verdict is not None and verdict.label == "normal" and not diagnosis.findings


def _follows(diagnosis: Diagnosis, change: Change) -> tuple[bool, bool, bool]:
    if diagnosis.verdict is None:
        # A sheet that is refused says nothing of its heart.
        return False, False, False
    return (
        any(finding.code in change.findings for finding in diagnosis.findings),
        any(diagnosis.statements[code].present for code in change.statements),
        diagnosis.verdict.label == change.label,
    )


def page_effect(layout: str, n: int = N_PAGE_PATIENTS) -> PageEffect:
    """Read the same curves on pages with other headers, footers and grids.

    Parameters
    ----------
    layout : str
        ``3x4`` or ``6x2``.
    n : int
        Patients.

    Returns
    -------
    PageEffect
    """
    differences = []
    for heart in patients(n):
        signals = simulate(heart)
        plain, *others = (
            _probabilities(diagnose(as_png(render(signals, layout, page))))
            for page in (None, *_OTHER_PAGES)
        )
        differences += [max(abs(other[name] - plain[name]) for name in plain) for other in others]
    return PageEffect(layout, len(differences), max(differences))


def _probabilities(diagnosis: Diagnosis) -> Mapping[str, float]:
    if diagnosis.refusal is not None:
        raise diagnosis.refusal
    assert diagnosis.verdict is not None
    return diagnosis.verdict.probabilities


def run(models: Path, n: int = N_PATIENTS) -> dict[str, Any]:
    """Read all patients, changed and not, and write what comes of it.

    Parameters
    ----------
    models : Path
        ``study/counterfactuals.json`` is written there.
    n : int
        Patients.

    Returns
    -------
    dict
        What was written: ``changes``, as :class:`ChangeEffect` says, with 95% intervals, and
        ``pages``, as :class:`PageEffect` says.
    """
    effects = [effect for sheets in SHEETS for effect in change_effects(sheets, n)]
    report = {
        "command": COMMAND,
        "patients": n,
        "changes": [
            asdict(one)
            | {
                f"{part}_95": [round(limit, 4) for limit in wilson_interval(hits, one.n)]
                for part, hits in (
                    ("finding", one.finding),
                    ("statement", one.statement),
                    ("verdict", one.verdict),
                )
            }
            for one in effects
        ],
        "pages": [asdict(page_effect(layout)) for layout in ("3x4", "6x2")],
    }
    (models / OUTPUT).write_text(json.dumps(report, indent=1) + "\n")
    return report
