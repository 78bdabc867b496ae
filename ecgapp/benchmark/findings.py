"""Check the findings against what cardiologists stated: sensitivity and specificity by source.

``ecgapp bench findings --data DIR`` measures PTB-XL's fold 9, LUDB and the records of other
collections from their signals, and writes ``models/study/findings.json``. LUDB is stored with
every lead stretched to one height, so that only what counts in time is judged there. Swaps of
electrodes are simulated on fold 9 by exchanging the leads' names in what was measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ecgapp.datasets.ludb import ludb_records
from ecgapp.datasets.ptbxl import load_records, to_signals
from ecgapp.datasets.statements import OF_SNOMED, of_ludb, of_snomed_ct
from ecgapp.ecg import LEADS, SAMPLING_RATE_HZ, Signals
from ecgapp.evaluation.metrics import wilson_interval
from ecgapp.io.text_table import read_rows
from ecgapp.measure.electrode_swap import SWAPS, find_swap
from ecgapp.measure.finding import Values
from ecgapp.measure.findings import find_findings
from ecgapp.measure.measurements import Measurement, measure
from ecgapp.training.electrode_swaps import exchange

COMMAND = "ecgapp bench findings --data DIR"
OUTPUT = "study/findings.json"
PTBXL = "PTB-XL fold 9"


@dataclass(frozen=True)
class Claim:
    """Findings, any of them, and the statements, any of them, that say the same.

    Attributes
    ----------
    findings : tuple of str
        Codes, as :mod:`ecgapp.measure.findings` gives them.
    statements : tuple of str
        PTB-XL's codes; ``LAD`` and ``RAD`` are its axis to the left and to the right.
    of_height : bool
        Whether it needs the leads' true heights.
    """

    findings: tuple[str, ...]
    statements: tuple[str, ...]
    of_height: bool = False


CLAIMS = (
    Claim(("TACHYCARDIA",), ("STACH",)),
    Claim(("BRADYCARDIA",), ("SBRAD",)),
    Claim(("IRREGULAR_RHYTHM",), ("AFIB",)),
    Claim(("PREMATURE_VENTRICULAR",), ("PVC", "BIGU", "TRIGU")),
    Claim(("PREMATURE_ATRIAL",), ("PAC", "SVARR")),
    Claim(("PACED",), ("PACE",)),
    Claim(("LONG_PR",), ("1AVB", "LPR")),
    Claim(("WIDE_QRS_LBBB",), ("CLBBB",)),
    Claim(("WIDE_QRS_RBBB",), ("CRBBB",)),
    Claim(("WIDE_QRS_IVCD", "WIDE_QRS_LBBB", "WIDE_QRS_RBBB"), ("IVCD", "CLBBB", "CRBBB")),
    Claim(("LONG_QTC",), ("LNGQT",)),
    Claim(("LEFT_AXIS",), ("LAD", "LAFB"), of_height=True),
    Claim(("RIGHT_AXIS",), ("RAD",), of_height=True),
    Claim(("Q_WAVES", "ST_ELEVATION"), ("MI",), of_height=True),
    Claim(("Q_WAVES",), ("QWAVE",), of_height=True),
    Claim(("ST_DEPRESSION",), ("STD_",), of_height=True),
    Claim(("T_INVERSION",), ("INVT",), of_height=True),
    Claim(("LVH_VOLTAGE",), ("LVH",), of_height=True),
    Claim(("LOW_VOLTAGE",), ("LVOLT",), of_height=True),
)
# SNOMED abbreviations of PTB-XL's labels.
_PTBXL = {"LAD": "LAD", "RAD": "RAD", "TRIGU": "VTrig", **OF_SNOMED}


@dataclass(frozen=True)
class Case:
    """One recording.

    Attributes
    ----------
    source : str
    stated : dict of str to (bool or None)
        Code -> whether it is stated; None, or absent, where that is open.
    found : frozenset of str
        Codes of the findings.
    measured : mapping of str to Measurement
    """

    source: str
    stated: dict[str, bool | None]
    found: frozenset[str]
    measured: Mapping[str, Measurement] = field(default_factory=dict)

    def states(self, claim: Claim) -> bool | None:
        """Tell whether a claim is stated; None where that is open."""
        known = [self.stated.get(code) for code in claim.statements]
        if any(known):
            return True
        # The first is what the finding is called; the others are rarer names of it.
        return None if known[0] is None else False


@dataclass(frozen=True)
class Agreement:
    """How often findings and statements agree; intervals are Wilson's, 95%."""

    source: str
    findings: tuple[str, ...]
    statements: tuple[str, ...]
    n_with: int
    sensitivity: float | None
    sensitivity_95: tuple[float, float] | None
    n_without: int
    specificity: float | None
    specificity_95: tuple[float, float] | None


def agreements(cases: Iterable[Case]) -> list[Agreement]:
    """Compare findings with statements, by claim and source, where any record has it."""
    by_source: dict[str, list[Case]] = {}
    for case in cases:
        by_source.setdefault(case.source, []).append(case)
    return [
        _agreement(source, claim, some)
        for claim in CLAIMS
        for source, some in by_source.items()
        if any(case.states(claim) for case in some)
    ]


def _agreement(source: str, claim: Claim, cases: list[Case]) -> Agreement:
    hits = [bool(case.found & set(claim.findings)) for case in cases if case.states(claim)]
    clear = [not case.found & set(claim.findings) for case in cases if case.states(claim) is False]
    return Agreement(
        source, claim.findings, claim.statements, len(hits), *_part(hits), len(clear), *_part(clear)
    )


def _part(hits: list[bool]) -> tuple[float | None, tuple[float, float] | None]:
    if not hits:
        return None, None
    low, high = wilson_interval(sum(hits), len(hits))
    return round(float(np.mean(hits)), 4), (round(low, 4), round(high, 4))


def false_alarms(cases: Iterable[Case]) -> dict[str, dict[str, float]]:
    """Part of the recordings stated to be normal that have each finding, by source."""
    normal: dict[str, list[Case]] = {}
    for case in cases:
        if case.stated.get("NORM"):
            normal.setdefault(case.source, []).append(case)
    return {
        source: {
            "n": float(len(some)),
            "any": round(float(np.mean([bool(case.found) for case in some])), 4),
            **{
                code: round(float(np.mean([code in case.found for case in some])), 4)
                for code in sorted({code for case in some for code in case.found})
            },
        }
        for source, some in normal.items()
        if source != "LUDB"
    }


def found_swaps(measured: Iterable[Mapping[str, Measurement]]) -> dict[str, Any]:
    """Simulate every swap of electrodes on recordings, and count how many are found.

    Parameters
    ----------
    measured : iterable of mapping
        Measurements of recordings whose electrodes lie where they should.

    Returns
    -------
    dict
        ``n`` recordings; ``false_alarms``, the part of them that is taken for swapped; ``swaps``,
        name -> ``leads``, ``found``, the part that is taken for swapped once it is, and ``named``,
        the part of which the right swap is said, each with its 95% interval.
    """
    every = list(measured)

    def leads_of(one: Mapping[str, Measurement]) -> tuple[str, ...] | None:
        finding = find_swap(Values(one))
        return None if finding is None else finding.leads

    alarms, alarms_95 = _part([leads_of(one) is not None for one in every])
    swaps = {}
    for swap in SWAPS:
        told = [leads_of(exchange(one, swap.name)) for one in every]
        found, found_95 = _part([leads is not None for leads in told])
        named, named_95 = _part([leads == swap.leads for leads in told])
        swaps[swap.name] = {
            "electrodes": swap.text,
            "found": found,
            "found_95": found_95,
            "named": named,
            "named_95": named_95,
        }
    return {"n": len(every), "false_alarms": alarms, "false_alarms_95": alarms_95, "swaps": swaps}


def _case(source: str, signals: Signals, stated: dict[str, bool | None]) -> Case:
    measured = measure(signals)
    found = frozenset(finding.code for finding in find_findings(measured))
    return Case(source, stated, found, measured)


def read_cases(data: Path) -> Iterator[Case]:
    """Measure all recordings; about three minutes of one core.

    Parameters
    ----------
    data : Path
        Holds ``ptbxl``, ``ludb`` and ``external``.
    """
    of_record = {row["ID"]: of_ludb(row)[0] for row in read_rows(data / "ludb" / "records.csv")}
    of_height = {code for claim in CLAIMS if claim.of_height for code in claim.statements}
    for record in ludb_records(data / "ludb"):
        stated = of_record[record.name]
        yield _case("LUDB", record.signals, {k: v for k, v in stated.items() if k not in of_height})
    records_csv = data / "external" / "records.csv"
    numbers = {row["record"]: row["snomed_codes"] for row in read_rows(records_csv)}
    stored = np.load(data / "external" / "signals_500hz_uV.npz", allow_pickle=False)
    order = [str(lead) for lead in stored["leads"]]
    for name, microvolts in zip(stored["record"], stored["signal"], strict=True):
        leads = {
            lead: (microvolts[:, order.index(lead)] / 1000).astype(np.float32) for lead in LEADS
        }
        stated, _ = of_snomed_ct(numbers[str(name)].replace(";", ",").split(","))
        yield _case("other collections", Signals(SAMPLING_RATE_HZ, leads), stated)
    records = load_records(data, "val")
    for steps, superclasses, snomed in zip(
        records.steps, records.superclasses, records.snomed, strict=True
    ):
        codes: dict[str, bool | None] = {code: name in snomed for code, name in _PTBXL.items()}
        codes["MI"] = bool(superclasses[1])
        codes["NORM"] = bool(superclasses[0]) and not superclasses[1:].any() and snomed <= {"NSR"}
        yield _case(PTBXL, to_signals(steps), codes)


def run(data: Path, models: Path) -> dict[str, Any]:
    """Measure, compare and write ``study/findings.json`` beside the models.

    Returns
    -------
    dict
        What was written: ``agreement`` as :func:`agreements` gives it, ``false_alarms_on_normal``
        and ``electrode_swaps``.
    """
    cases = list(read_cases(data))
    report = {
        "command": COMMAND,
        "records": {
            source: sum(case.source == source for case in cases)
            for source in dict.fromkeys(case.source for case in cases)
        },
        "agreement": [asdict(one) for one in agreements(cases)],
        "false_alarms_on_normal": false_alarms(cases),
        "electrode_swaps": found_swaps(case.measured for case in cases if case.source == PTBXL),
    }
    (models / OUTPUT).write_text(json.dumps(report, indent=1) + "\n")
    return report


def to_text(report: Mapping[str, Any]) -> str:
    """Lay the agreement out, one finding of one source a line."""
    return "\n".join(
        f"{one['source']:18}{'/'.join(one['findings']):50}"
        f"{_share(one['sensitivity'])} of {one['n_with']:4} found, "
        f"{_share(one['specificity'])} of {one['n_without']:4} without it clear"
        for one in report["agreement"]
    )


def _share(part: float | None) -> str:
    return "   -" if part is None else f"{part:4.0%}"
