"""Where the limits of ``ecgapp.inference.abstention`` come from, and what they let pass.

``ecgapp check abstention --data DIR`` writes ``models/abstention.json``, whose
limits serving reads: how thick the curves of the development sheets are and how far they drift, and
how many of PTB-XL's and LUDB's recordings, drawn as that machine's sheets with and without what
spoils them, lie beyond; and ``models/study/abstentions.csv``: which development sheets get no
confident verdict, or none of normal, whatever the networks say. About four minutes on one core, and
as much on two for sheets that are not traced yet.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgapp.datasets.khan import read_manifest
from ecgapp.datasets.ludb import ludb_records
from ecgapp.datasets.ptbxl import load_records, to_signals
from ecgapp.digitize.leads import cut_leads
from ecgapp.digitize.trace import digitize
from ecgapp.ecg import Signals
from ecgapp.errors import Refusal
from ecgapp.evaluation import metrics
from ecgapp.inference.abstention import LIMITS_FILE, drift_mv, ink_px
from ecgapp.inference.definitions import define
from ecgapp.inference.model_readings import read_statements, read_together
from ecgapp.inference.twelve_lead_inputs import TwelveLeadInputs, twelve_lead_inputs
from ecgapp.io.pages import read_page
from ecgapp.io.weights import write_checksums
from ecgapp.measure.findings import against_normal, find_findings, shows_raised_st
from ecgapp.measure.measurements import Measurement
from ecgapp.sheet.edan import locate_native
from ecgapp.synthesis.draw import as_png
from ecgapp.synthesis.edan import render
from ecgapp.training.run_folder import write_json
from ecgapp.training.stacking import ABSTENTIONS_FILE
from ecgapp.training.traced_sheets import trace_sheets
from ecgapp.training.twelve_lead_checks import LAYOUT

# Part of the development sheets within the limits, and how many drawn records are counted beyond
# them; mains, wander and muscle are what spoils those. Set by hand.
QUANTILE = 0.99
DRAWN_RECORDS = 30
MEASURES = ("ink_px", "drift_mv")
_MAINS_HZ, _WANDER_HZ, _MUSCLE_HZ = 50.0, 0.4, (20.0, 100.0)

Floats = NDArray[np.float64]


def found_on(arrays: dict[str, Any]) -> dict[str, int | str]:
    """Say what was found on a traced sheet that a verdict on it depends on.

    Parameters
    ----------
    arrays : dict
        Of one sheet, from :func:`ecgapp.training.traced_sheets.trace_sheets`.

    Returns
    -------
    dict
        ``not_normal`` and ``raised_st``, 0 or 1; ``defined``, the label that it has by definition
        if it is not normal, or an empty text.
    """
    values: dict[str, float] = json.loads(str(arrays["measured"]))
    measured = {name: Measurement(value, "") for name, value in values.items()}
    findings = find_findings(measured)
    inputs = TwelveLeadInputs(*(arrays[name] for name in ("leads", "shown", "activity")))
    _, stated = read_together(inputs)
    definition = define(findings, read_statements(stated, measured, findings))
    return {
        "not_normal": int(against_normal(findings) is not None),
        "raised_st": int(shows_raised_st(findings)),
        "defined": "" if definition is None else definition.label,
    }


def measure_sheet(picture: bytes) -> list[float]:
    """Measure one sheet of the development data's machine, (2,), in the order of `MEASURES`.

    Raises
    ------
    Refusal
        If it is no such sheet.
    """
    sheet = locate_native(read_page(picture))
    leads = cut_leads(sheet)
    return [ink_px(leads), drift_mv(twelve_lead_inputs(digitize(sheet, leads)))]


def measure_drawn(recordings: Iterable[Signals]) -> Floats:
    """Draw recordings as sheets and measure those that can be read, (n, 2)."""
    found = []
    for signals in recordings:
        try:
            found.append(measure_sheet(as_png(render(signals, LAYOUT))))
        except Refusal:
            continue
    return np.array(found)


def beyond_limits(development: Floats, fold: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the sheets of each fold that lie beyond a limit which the others set.

    Parameters
    ----------
    development : ndarray of float64, (n, 2)
    fold : ndarray of int64, (n,)

    Returns
    -------
    ndarray of bool, (n,)
    """
    beyond = np.zeros(len(fold), dtype=bool)
    for number in np.unique(fold):
        limits = np.quantile(development[fold != number], QUANTILE, axis=0)
        beyond |= (fold == number) & (development > limits).any(axis=1)
    return beyond


def judge(
    development: Floats, beyond: NDArray[np.bool_], others: dict[str, Floats]
) -> dict[str, Any]:
    """Fit the limits, and count how many sheets of each kind lie beyond one.

    Parameters
    ----------
    development : ndarray of float64, (n, 2)
        Measures of the development sheets.
    beyond : ndarray of bool, (n,)
        From :func:`beyond_limits`.
    others : dict of str to ndarray
        Kind -> measures of its sheets.

    Returns
    -------
    dict
        ``limits``; the share of ``held_out`` development sheets beyond them; and of each kind that
        share, with each measure's AUROC against the development sheets.
    """
    limits = np.quantile(development, QUANTILE, axis=0)
    kinds = {}
    for kind, found in others.items():
        is_other = np.arange(len(beyond) + len(found)) >= len(beyond)
        both = np.concatenate([development, found])
        kinds[kind] = {
            "sheets": len(found),
            "beyond": round(float((found > limits).any(axis=1).mean()), 4),
        } | {
            f"auroc_{name}": round(metrics.auroc(is_other, both[:, column]), 3)
            for column, name in enumerate(MEASURES)
        }
    return {
        "quantile": QUANTILE,
        "limits": dict(zip(MEASURES, np.round(limits, 4).tolist(), strict=True)),
        "held_out": {"sheets": len(beyond), "beyond": round(float(beyond.mean()), 4)},
        "kinds": kinds,
    }


def spoilers() -> dict[str, Callable[[Signals], Signals]]:
    """Name what spoils a recording: noise of all frequencies, muscles, mains, breathing."""
    rng = np.random.default_rng(0)

    def white(n: int, rate: int) -> Floats:
        return rng.standard_normal(n)

    def muscle(n: int, rate: int) -> Floats:
        spectrum = np.fft.rfft(rng.standard_normal(n))
        frequency = np.fft.rfftfreq(n, 1 / rate)
        spectrum[(frequency < _MUSCLE_HZ[0]) | (frequency > _MUSCLE_HZ[1])] = 0
        noise = np.fft.irfft(spectrum, n)
        return np.asarray(noise / noise.std())

    def wave(hertz: float) -> Callable[[int, int], Floats]:
        def made(n: int, rate: int) -> Floats:
            phase = rng.uniform(0, 2 * np.pi)
            return np.sin(2 * np.pi * hertz * np.arange(n) / rate + phase)

        return made

    def adds(millivolts: float, make: Callable[[int, int], Floats]) -> Callable[[Signals], Signals]:
        def spoil(signals: Signals) -> Signals:
            n, rate = signals.n_samples, signals.sampling_rate_hz
            leads = {
                name: (values + millivolts * make(n, rate)).astype(np.float32)
                for name, values in signals.leads.items()
            }
            return Signals(rate, leads)

        return spoil

    return {
        "noise_0.05_mv": adds(0.05, white),
        "noise_0.15_mv": adds(0.15, white),
        "muscle_0.05_mv": adds(0.05, muscle),
        "mains_0.1_mv": adds(0.1, wave(_MAINS_HZ)),
        "wander_0.3_mv": adds(0.3, wave(_WANDER_HZ)),
        "wander_0.6_mv": adds(0.6, wave(_WANDER_HZ)),
    }


def main(data: Path, models: Path) -> None:
    """Measure everything and write it.

    Parameters
    ----------
    data : Path
        Holds ``khan``, ``ptbxl`` and ``ludb``.
    models : Path
        Folder of the models, which takes the limits, and whose ``study`` folder takes the sheets.
    """
    every = read_manifest(data)
    traced = trace_sheets([row.path for row in every], Path(".cache"))
    kept = [
        (row, arrays) for row, (arrays, refusal) in zip(every, traced, strict=True) if not refusal
    ]
    development = np.array([[arrays[name] for name in MEASURES] for _, arrays in kept])
    beyond = beyond_limits(development, np.array([row.fold for row, _ in kept]))
    records = load_records(data, "val")
    chosen = np.linspace(0, len(records) - 1, DRAWN_RECORDS).astype(int).tolist()
    recordings = [to_signals(records.steps[row]) for row in chosen]
    marked = islice(ludb_records(data / "ludb"), DRAWN_RECORDS)
    others = {
        "ptbxl": measure_drawn(recordings),
        "ludb": measure_drawn(record.signals for record in marked),
    }
    for kind, spoil in spoilers().items():
        others[f"ptbxl_with_{kind}"] = measure_drawn(map(spoil, recordings))
    write_json(models / LIMITS_FILE, judge(development, beyond, others))
    write_checksums(models)
    reasons = pd.DataFrame(
        [
            {
                "beyond_limits": int(is_beyond),
                "poorly_read": int(arrays["poorly_read"]),
                **found_on(arrays),
            }
            for (_, arrays), is_beyond in zip(kept, beyond, strict=True)
        ],
        index=pd.Index([row.sheet for row, _ in kept], name="sheet"),
    )
    path = models / "study" / ABSTENTIONS_FILE
    reasons[reasons.any(axis=1)].to_csv(path, lineterminator="\r\n")
