"""Check the findings against what cardiologists stated: sensitivity and specificity by source.

``ecgapp bench findings --data DIR`` measures PTB-XL's fold 9, LUDB and the records of other
collections from their signals, and writes ``models/study/findings.json``. LUDB is stored with
every lead stretched to one height, so that only what counts in time is judged there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from ecgapp.datasets.ludb import ludb_records
from ecgapp.datasets.ptbxl import load_records, to_signals
from ecgapp.datasets.statements import of_ludb, of_snomed_ct
from ecgapp.ecg import LEADS, SAMPLING_RATE_HZ, Signals
from ecgapp.io.text_table import read_rows
from ecgapp.measure.findings import find_findings
from ecgapp.measure.measurements import measure

OUTPUT = "study/findings.json"
# Findings -> the code of PTB-XL that states the same. Where several findings make one statement,
# any of them counts.
STATEMENTS: dict[str, tuple[str, ...]] = {
    "1AVB": ("LONG_PR",),
    "AFIB": ("IRREGULAR_RHYTHM",),
    "CLBBB": ("WIDE_QRS_LBBB",),
    "CRBBB": ("WIDE_QRS_RBBB",),
    "INVT": ("T_INVERSION",),
    "LAFB": ("LEFT_AXIS",),
    "LVH": ("LVH_VOLTAGE",),
    "MI": ("Q_WAVES", "ST_ELEVATION"),
    "PAC": ("PREMATURE_ATRIAL",),
    "PACE": ("PACED",),
    "PVC": ("PREMATURE_VENTRICULAR",),
    "SBRAD": ("BRADYCARDIA",),
    "STACH": ("TACHYCARDIA",),
}
# SNOMED abbreviations of PTB-XL's labels.
_PTBXL = {
    "IAVB": "1AVB",
    "AF": "AFIB",
    "LBBB": "CLBBB",
    "CRBBB": "CRBBB",
    "TInv": "INVT",
    "LAnFB": "LAFB",
    "LVH": "LVH",
    "PAC": "PAC",
    "PR": "PACE",
    "VEB": "PVC",
    "SB": "SBRAD",
    "STach": "STACH",
}
# What needs true heights cannot be judged on LUDB.
_OF_HEIGHT = ("INVT", "LAFB", "LVH", "MI")


@dataclass(frozen=True)
class Case:
    """One recording: what is stated of it (None: open), and the codes of what was found."""

    source: str
    stated: dict[str, bool | None]
    found: frozenset[str]


@dataclass(frozen=True)
class Agreement:
    """How often findings and a statement agree; intervals are Wilson's, 95%."""

    source: str
    statement: str
    findings: tuple[str, ...]
    n_with: int
    sensitivity: float | None
    sensitivity_interval: tuple[float, float] | None
    n_without: int
    specificity: float | None
    specificity_interval: tuple[float, float] | None


def agreements(cases: Iterable[Case]) -> list[Agreement]:
    """Compare findings with statements, by source and statement."""
    by_source: dict[str, list[Case]] = {}
    for case in cases:
        by_source.setdefault(case.source, []).append(case)
    return [
        _agreement(source, statement, some)
        for source, some in by_source.items()
        for statement in STATEMENTS
        if any(case.stated.get(statement) for case in some)
    ]


def _agreement(source: str, statement: str, cases: list[Case]) -> Agreement:
    codes = STATEMENTS[statement]
    hits = {
        value: [
            bool(case.found & set(codes)) for case in cases if case.stated.get(statement) is value
        ]
        for value in (True, False)
    }
    missed = [not hit for hit in hits[False]]
    return Agreement(
        source, statement, codes, len(hits[True]), *_part(hits[True]), len(missed), *_part(missed)
    )


def _part(hits: list[bool]) -> tuple[float | None, tuple[float, float] | None]:
    if not hits:
        return None, None
    low, high = binomtest(sum(hits), len(hits)).proportion_ci(method="wilson")
    return float(np.mean(hits)), (float(low), float(high))


def _case(source: str, signals: Signals, stated: dict[str, bool | None]) -> Case:
    found = frozenset(finding.code for finding in find_findings(measure(signals)))
    return Case(source, stated, found)


def read_cases(data: Path) -> Iterator[Case]:
    """Measure all recordings; about three minutes of one core.

    Parameters
    ----------
    data : Path
        Holds ``ptbxl``, ``ludb`` and ``external``.
    """
    of_record = {row["ID"]: of_ludb(row)[0] for row in read_rows(data / "ludb" / "records.csv")}
    for record in ludb_records(data / "ludb"):
        stated = of_record[record.name]
        yield _case(
            "LUDB", record.signals, {k: v for k, v in stated.items() if k not in _OF_HEIGHT}
        )
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
        codes: dict[str, bool | None] = {code: name in snomed for name, code in _PTBXL.items()}
        codes["MI"] = bool(superclasses[1])
        codes["NORM"] = bool(superclasses[0]) and not superclasses[1:].any() and snomed <= {"NSR"}
        yield _case("PTB-XL fold 9", to_signals(steps), codes)


def run(data: Path, models: Path) -> list[Agreement]:
    """Measure, compare and write ``study/findings.json`` beside the models.

    Returns
    -------
    list of Agreement
    """
    cases = list(read_cases(data))
    found = agreements(cases)
    report = {
        "agreement": [asdict(one) for one in found],
        "false_alarms_on_normal": false_alarms(cases),
    }
    (models / OUTPUT).write_text(json.dumps(report, indent=1) + "\n")
    return found


def false_alarms(cases: Iterable[Case]) -> dict[str, dict[str, float]]:
    """Part of the recordings stated to be normal that have each finding, by source."""
    normal: dict[str, list[Case]] = {}
    for case in cases:
        if case.stated.get("NORM"):
            normal.setdefault(case.source, []).append(case)
    return {
        source: {
            "n": float(len(some)),
            "any": float(np.mean([bool(case.found) for case in some])),
            **{
                code: float(np.mean([code in case.found for case in some]))
                for code in sorted({code for case in some for code in case.found})
            },
        }
        for source, some in normal.items()
        if source != "LUDB"
    }


def to_text(found: Iterable[Agreement]) -> str:
    """Lay the figures out, one a line."""
    return "\n".join(
        f"{one.source:18}{one.statement:7}{_share(one.sensitivity)} of {one.n_with:4} found, "
        f"{_share(one.specificity)} of {one.n_without:4} without it clear"
        for one in found
    )


def _share(part: float | None) -> str:
    return "   -" if part is None else f"{part:4.0%}"
