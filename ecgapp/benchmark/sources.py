"""How well sheets of other machines are understood, source by source, from their pixels.

``ecgapp check sources --data DIR`` draws records of PTB-XL's fold 9, of LUDB and of
five other collections as sheets of every vendor and layout, a third of them photographed, reads
them as the app does, and writes what the statement network says of them to
``models/statements/drawn.csv`` and how often that is right to ``models/statements/sources.json``.
What was read is cached; without the cache about 20 minutes on two cores.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from ecgapp.benchmark.drawn_recordings import MEASURED, Recording, read_recording
from ecgapp.datasets.drawn_sheets import (
    DRAWN_FILE,
    PTBXL,
    SIGNALS_FILE,
    SOURCES_FILE,
    DrawnSheets,
    read_drawn_sheets,
    write_drawn_sheets,
)
from ecgapp.datasets.ludb import ludb_records
from ecgapp.datasets.ptbxl import learnt_targets, load_records, possible_targets, to_signals
from ecgapp.datasets.statements import LABELS, LEARNT, labels_of, of_ludb, of_snomed_ct
from ecgapp.ecg import LEADS, SAMPLING_RATE_HZ, Signals
from ecgapp.evaluation import metrics
from ecgapp.inference.definitions import define
from ecgapp.inference.shipped_models import STATEMENT_NETWORK, load_statement_network
from ecgapp.inference.statements import make_statements, read_calibrations
from ecgapp.inference.twelve_lead_inputs import TwelveLeadInputs
from ecgapp.inference.verdict import read_rule
from ecgapp.io.text_table import read_rows
from ecgapp.measure.findings import find_findings
from ecgapp.measure.measurements import Measurement
from ecgapp.training.run_folder import write_json
from ecgapp.training.stacking import (
    JudgedElsewhere,
    judge_elsewhere,
    known_if_normal,
    write_elsewhere,
)
from ecgapp.training.statement_calibration import NAMED
from ecgapp.training.statement_card import write_card

COMMAND = "ecgapp check sources --data DIR"

# Records of fold 9 that are drawn, how they are chosen, and resamplings of the bootstrap: by the
# time that they take.
PTBXL_RECORDS = 485
_PTBXL_SEED = 9
_RESAMPLINGS = 500
# Fewer of either kind say nothing about a ranking.
_LEAST_POSITIVES = 3
# Of the named statements that so many records have the mean AUROC is taken.
_LEAST_FOR_MEAN = 5

Arrays = dict[str, Any]


def recordings(data: Path, n_ptbxl: int = PTBXL_RECORDS) -> Iterator[Recording]:
    """List the records of all sources.

    Parameters
    ----------
    data : Path
        The data folder.
    n_ptbxl : int
        So many records of fold 9, drawn at random.

    Yields
    ------
    Recording
    """
    words = {row["ID"]: row for row in read_rows(data / "ludb" / "records.csv")}
    for number, record in enumerate(ludb_records(data / "ludb")):
        stated, stages = of_ludb(words[record.name])
        yield Recording(
            "LUDB",
            record.name,
            number,
            lambda signals=record.signals: signals,  # type: ignore[misc]
            stated,
            labels_of(stated, stages),
        )
    yield from _external(data / "external")
    records = load_records(data, "val")
    targets, possible = learnt_targets(records), possible_targets(records)
    order = np.random.default_rng(_PTBXL_SEED).permutation(len(records))
    for number, row in enumerate(order[:n_ptbxl].tolist()):
        yield Recording(
            PTBXL,
            str(row),
            number,
            lambda steps=records.steps[row]: to_signals(steps),  # type: ignore[misc]
            {
                name: None if value < 0 else bool(value)
                for name, value in zip(LEARNT, targets[row].tolist(), strict=True)
                if ":" not in name
            },
            frozenset(name for name, may in zip(LABELS, possible[row], strict=True) if may),
        )


def _external(folder: Path) -> Iterator[Recording]:
    rows = {row["record"]: row for row in read_rows(folder / "records.csv")}
    stored = np.load(folder / "signals_500hz_uV.npz", allow_pickle=False)
    order = [str(lead) for lead in stored["leads"]]
    for number, (name, microvolts) in enumerate(
        zip(stored["record"], stored["signal"], strict=True)
    ):
        row = rows[str(name)]
        stated, stages = of_snomed_ct(row["snomed_codes"].split(","))
        leads = {
            lead: (microvolts[:, order.index(lead)] / 1000).astype(np.float32) for lead in LEADS
        }
        yield Recording(
            row["source"],
            str(name),
            number,
            lambda leads=leads: Signals(SAMPLING_RATE_HZ, leads),  # type: ignore[misc]
            stated,
            labels_of(stated, stages),
        )


def understand(every: Sequence[Recording], read: Sequence[Arrays]) -> DrawnSheets:
    """Ask the shipped statement network about sheets that were read.

    Parameters
    ----------
    every : sequence of Recording
    read : sequence of dict
        From :func:`read_recording`, none of them refused.

    Returns
    -------
    DrawnSheets
    """
    network = load_statement_network()
    calibrations = read_calibrations(network.metadata)
    names = network.metadata["statements"]
    inputs = TwelveLeadInputs(
        *(
            np.stack([arrays[name] for arrays in read]).astype(np.float32)
            for name in ("leads", "shown", "activity")
        )
    )
    labels, raw = network.predict(inputs)
    findings = [find_findings(_measurements(arrays)) for arrays in read]
    statements = [
        make_statements(
            dict(zip(names, row.tolist(), strict=True)), calibrations, _measured(arrays), found
        )
        for row, arrays, found in zip(raw, read, findings, strict=True)
    ]
    definitions = [define(found, said) for found, said in zip(findings, statements, strict=True)]
    return DrawnSheets(
        source=np.array([one.source for one in every]),
        record=np.array([one.name for one in every]),
        vendor=np.array([str(arrays["vendor"]) for arrays in read]),
        arrangement=np.array([str(arrays["arrangement"]) for arrays in read]),
        defined=np.array([one.label if one is not None else "" for one in definitions]),
        photographed=np.array([bool(arrays["photographed"]) for arrays in read]),
        abstained=np.array([bool(arrays["abstained"]) for arrays in read]),
        possible=np.array([[name in one.possible for name in LABELS] for one in every]),
        labels=np.asarray(np.round(labels.astype(np.float64), 5), np.float64),
        codes=tuple(calibrations),
        stated=np.array(
            [[_as_number(one.stated.get(code)) for code in calibrations] for one in every]
        ),
        statements=np.round(
            [[said[code].probability for code in calibrations] for said in statements], 4
        ),
    )


def _measured(arrays: Mapping[str, Any]) -> dict[str, float]:
    return {
        name.removeprefix(MEASURED): float(value)
        for name, value in arrays.items()
        if name.startswith(MEASURED)
    }


def _measurements(arrays: Mapping[str, Any]) -> dict[str, Measurement]:
    return {name: Measurement(value, "") for name, value in _measured(arrays).items()}


def _as_number(stated: bool | None) -> int:
    return -1 if stated is None else int(stated)


def judge(
    sheets: DrawnSheets, verdicts: JudgedElsewhere, thresholds: Mapping[str, float]
) -> Arrays:
    """Work out one source's figures.

    Parameters
    ----------
    sheets : DrawnSheets
        Of that source.
    verdicts : JudgedElsewhere
        On them.
    thresholds : mapping of str to float
        Code -> probability from which on it counts as present.

    Returns
    -------
    dict
        ``sheets``, ``photographed``; ``statements``, code -> ``records``, ``positives``, ``auroc``
        with its 95% interval, ``called`` and ``precision``; ``mean_auroc`` of the named statements
        that five or more records have; ``verdict``, with AUROC of normal and of infarction or its
        history against the rest, accuracy, what the rule calls confident, and which ECGs are
        confidently not normal.
    """
    by_code: dict[str, Any] = {}
    for column, code in enumerate(sheets.codes):
        known = sheets.stated[:, column] >= 0
        true, found = sheets.stated[known, column] > 0, sheets.statements[known, column]
        if not _LEAST_POSITIVES <= true.sum() < len(true):
            continue
        called = found >= thresholds[code]
        by_code[code] = {
            "records": len(true),
            "positives": int(true.sum()),
            **_auroc(true, found),
            "called": int(called.sum()),
            "precision": round(float(true[called].mean()), 3) if called.any() else None,
            "sensitivity": round(float(called[true].mean()), 3),
        }
    counted = [
        by_code[code]["auroc"]
        for code in sheets.codes
        if code in NAMED and code in by_code and by_code[code]["positives"] >= _LEAST_FOR_MEAN
    ]
    figures: Arrays = {
        "sheets": len(sheets),
        "photographed": int(sheets.photographed.sum()),
        "statements": by_code,
        "mean_auroc": round(float(np.mean(counted)), 4) if counted else None,
        "statements_in_mean": len(counted),
        "verdict": _judge_verdict(sheets, verdicts),
    }
    superclasses = [
        by_code.get(code, {}).get("auroc") for code in ("NORM", "MI", "STTC", "CD", "HYP")
    ]
    if all(value is not None for value in superclasses) and sheets.source[0] == PTBXL:
        figures["superclass_macro_auroc"] = _macro(sheets)
    return figures


def _judge_verdict(sheets: DrawnSheets, judged: JudgedElsewhere) -> Arrays:
    normal, ill = LABELS.index("normal"), [LABELS.index("mi"), LABELS.index("history_of_mi")]
    possible: NDArray[np.bool_] = sheets.possible
    # What is known: surely so, or surely not.
    surely_normal = possible[:, normal] & (possible.sum(axis=1) == 1)
    others = [k for k in range(len(LABELS)) if k not in ill]
    surely_ill = np.asarray(~possible[:, others].any(axis=1))
    surely_well = np.asarray(~possible[:, ill].any(axis=1))
    questions: list[tuple[str, NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float64]]] = [
        (
            "normal",
            surely_normal | ~possible[:, normal],
            surely_normal,
            judged.probabilities[:, normal],
        ),
        (
            "infarction_or_history",
            surely_ill | surely_well,
            surely_ill,
            np.asarray(judged.probabilities[:, ill].sum(axis=1)),
        ),
    ]
    result: Arrays = {}
    for name, known, true, score in questions:
        if 0 < true[known].sum() < known.sum():
            result[name] = {
                "records": int(known.sum()),
                "positives": int(true[known].sum()),
                **_auroc(true[known], score[known]),
            }
    settled = ~possible.all(axis=1)
    result["accuracy"] = round(float(judged.right[settled].mean()), 4)
    confident = judged.confident & settled
    result["confident"] = {
        "sheets": int(settled.sum()),
        "share": round(float(confident.sum() / settled.sum()), 4),
        "right": round(float(judged.right[confident].mean()), 4) if confident.any() else None,
        "right_95": _interval(judged.right[confident]),
    }
    known = known_if_normal(possible)
    called = judged.not_normal & known
    right = ~possible[called][:, normal]
    result["not_normal"] = {
        "sheets": int(known.sum()),
        "share": round(float(called.sum() / max(1, known.sum())), 4),
        "right": round(float(right.mean()), 4) if called.any() else None,
        "right_95": _interval(right),
        "normal": int((known & possible[:, normal]).sum()),
        "normal_called_not_normal": int((~right).sum()),
    }
    return result


def _interval(hits: NDArray[np.bool_]) -> list[float] | None:
    """95% interval of a share."""
    if not len(hits):
        return None
    low, high = metrics.wilson_interval(int(hits.sum()), len(hits))
    return [round(low, 3), round(high, 3)]


def _auroc(true: NDArray[np.bool_], score: NDArray[np.float64]) -> Arrays:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(_RESAMPLINGS):
        rows = rng.integers(0, len(true), len(true))
        if 0 < true[rows].sum() < len(rows):
            found.append(metrics.auroc(true[rows], score[rows]))
    low, high = np.quantile(found, (0.025, 0.975))
    return {
        "auroc": round(metrics.auroc(true, score), 4),
        "auroc_95": [round(float(low), 3), round(float(high), 3)],
    }


def _macro(sheets: DrawnSheets) -> Arrays:
    columns = [sheets.codes.index(code) for code in ("NORM", "MI", "STTC", "CD", "HYP")]

    def macro(rows: NDArray[np.int64]) -> float:
        return float(
            np.mean(
                [
                    metrics.auroc(sheets.stated[rows, k] > 0, sheets.statements[rows, k])
                    for k in columns
                ]
            )
        )

    rng = np.random.default_rng(0)
    found = [macro(rng.integers(0, len(sheets), len(sheets))) for _ in range(_RESAMPLINGS)]
    low, high = np.quantile(found, (0.025, 0.975))
    return {
        "auroc": round(macro(np.arange(len(sheets))), 4),
        "auroc_95": [round(float(low), 3), round(float(high), 3)],
    }


def _with_hypertrophy_open(sheets: DrawnSheets) -> DrawnSheets:
    """Leave open whether sheets are normal of which nothing but a hypertrophy is stated.

    LUDB's readers state a hypertrophy or an overload of some chamber in 89 of 120 records, PTB-XL's
    in one of eight.
    """
    others = [k for k, code in enumerate(sheets.codes) if code not in ("HYP", "LVH", "NORM")]
    alone = (sheets.stated[:, sheets.codes.index("HYP")] == 1) & ~(
        sheets.stated[:, others] == 1
    ).any(axis=1)
    alone &= sheets.possible.sum(axis=1) == 1
    possible = sheets.possible.copy()
    possible[alone, LABELS.index("normal")] = True
    return replace(sheets, possible=possible)


def write_sources(models: Path, refused: Mapping[str, int] | None = None) -> None:
    """Judge the drawn sheets of ``drawn.csv`` by the shipped rule, and write ``sources.json``.

    Parameters
    ----------
    models : Path
        Holds ``statements/`` and ``verdict.json``.
    refused : mapping of str to int, optional
        Source -> sheets that could not be read; the numbers of the last run when left out.
    """
    folder = models / STATEMENT_NETWORK
    sheets = read_drawn_sheets(folder / DRAWN_FILE)
    fitted_on = read_drawn_sheets(folder / SIGNALS_FILE)
    verdicts = judge_elsewhere(sheets, read_rule(models), fitted_on)
    thresholds = {
        code: one.threshold
        for code, one in read_calibrations(load_statement_network().metadata).items()
    }
    ludb = _with_hypertrophy_open(sheets.where(sheets.source == "LUDB"))
    judged_ludb = judge_elsewhere(ludb, read_rule(models), fitted_on)
    external = ~np.isin(sheets.source, (PTBXL, "LUDB"))
    parts = {
        PTBXL: sheets.source == PTBXL,
        f"{PTBXL}, photographed": (sheets.source == PTBXL) & sheets.photographed,
        "LUDB": sheets.source == "LUDB",
        "five other collections": external,
        "LUDB and the five": external | (sheets.source == "LUDB"),
    }
    write_json(
        folder / SOURCES_FILE,
        {
            "command": COMMAND,
            "protocol": "Drawn as sheets of every vendor and layout at random, every third "
            "photographed, located, traced and measured by the app. Intervals: 95%, bootstrap over "
            "records. Calibration, thresholds and the rule of confidence are fitted on PTB-XL's "
            "fold 9 and on nothing else; a PTB-XL verdict is judged by a rule fitted on the other "
            "half.",
            "refused": dict(refused or {}),
            "sources": {
                name: judge(sheets.where(rows), verdicts.where(rows), thresholds)
                for name, rows in parts.items()
            }
            | {"LUDB, its hypertrophies left open": {"verdict": _judge_verdict(ludb, judged_ludb)}},
        },
    )


def main(data: Path, models: Path, cache: Path, n_ptbxl: int) -> None:
    """Draw, read and judge all sources, and write what comes of it.

    Parameters
    ----------
    data : Path
        Holds ``ptbxl/``, ``ludb/`` and ``external/``.
    models : Path
        Holds ``statements/`` and ``verdict.json``.
    cache : Path
        Folder; made if it is missing.
    n_ptbxl : int
        So many records of fold 9.
    """
    every = list(recordings(data, n_ptbxl))
    read = [read_recording(one, cache) for one in track(every, "Reading drawn sheets")]
    refused: dict[str, int] = {}
    kept = []
    for one, arrays in zip(every, read, strict=True):
        if str(arrays["refusal"]):
            refused[one.source] = refused.get(one.source, 0) + 1
        else:
            kept.append((one, arrays))
    sheets = understand([one for one, _ in kept], [arrays for _, arrays in kept])
    write_drawn_sheets(models / STATEMENT_NETWORK / DRAWN_FILE, sheets)
    write_elsewhere(models)
    write_sources(models, refused)
    write_card(models / STATEMENT_NETWORK)
