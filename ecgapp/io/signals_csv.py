"""The twelve leads as voltages over time, and the CSV table that holds them."""

from __future__ import annotations

import csv
import io

import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import LEADS, SAMPLING_RATE_HZ, Signals
from ecgapp.errors import Refusal, plain

CSV_COLUMNS = ("time_s", *LEADS)
MAX_DURATION_S = 60  # set by us: a sheet shows ten seconds

# No surface ECG reaches this; a table in microvolts does at once.
_MAX_PLAUSIBLE_MV = 30.0
_STAGE = "Reading the signals"


def write_signals_csv(signals: Signals) -> str:
    """Write signals as a table with the columns ``time_s,I,II,III,aVR,aVL,aVF,V1,...,V6``.

    Parameters
    ----------
    signals : Signals
        Signals of any length.

    Returns
    -------
    str
        The table: seconds with three decimals, mV with four, nothing where a lead is not known.
    """
    rows = [",".join(CSV_COLUMNS)]
    table = np.column_stack([signals.leads[lead] for lead in LEADS])
    known = np.isfinite(table)
    for index, (values, shown) in enumerate(zip(table.tolist(), known.tolist(), strict=True)):
        cells = [f"{v:.4f}" if s else "" for v, s in zip(values, shown, strict=True)]
        rows.append(f"{index / signals.sampling_rate_hz:.3f}," + ",".join(cells))
    return "\n".join(rows) + "\n"


def read_signals_csv(data: bytes) -> Signals:
    """Read the table that `write_signals_csv` writes.

    Parameters
    ----------
    data : bytes
        The file's content, UTF-8.

    Returns
    -------
    Signals
        Signals at 500 Hz, NaN where the table's cells are empty.

    Raises
    ------
    Refusal
        With the code ``bad_signals`` when the content is not such a table: not text, other
        columns, a cell that is not a number, a time step other than 2 ms, voltages that cannot
        be millivolts, no row, or more than `MAX_DURATION_S` seconds.
    """
    rows = _split(data)
    table = np.array([_numbers(row, line) for line, row in enumerate(rows, start=2)])
    _check_time_axis(table[:, 0])
    _check_voltages(table[:, 1:])
    leads = {lead: table[:, k].astype(np.float32) for k, lead in enumerate(LEADS, start=1)}
    return Signals(SAMPLING_RATE_HZ, leads)


def in_microvolts(signals: Signals, unknown: int) -> NDArray[np.int16]:
    """Round signals to whole microvolts, as the formats that others read hold them.

    Parameters
    ----------
    signals : Signals
        Signals of any length, within 32.767 mV.
    unknown : int
        What stands for a value that is not known.

    Returns
    -------
    ndarray of int16, little-endian, shape (n_samples, 12)
        Microvolts, leads in the order of `LEADS`.
    """
    microvolts = np.rint(np.column_stack([signals.leads[lead] for lead in LEADS]) * 1e3)
    known = np.isfinite(microvolts)
    if (np.abs(microvolts[known]) > np.iinfo(np.int16).max).any():
        raise ValueError("a voltage is beyond what 16 bits hold in microvolts")
    return np.where(known, microvolts, unknown).astype("<i2")


def _bad(found: str) -> Refusal:
    return Refusal("bad_signals", _STAGE, f"{_STAGE}: {found}.")


def _split(data: bytes) -> list[list[str]]:
    """Rows of a table below its header, once the header and their number are as they should be."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _bad("the file is not text; a CSV table in UTF-8 is needed") from None
    try:
        rows = [row for row in csv.reader(io.StringIO(text)) if row]
    except csv.Error as error:
        raise _bad(f"the file is not a CSV table ({plain(str(error), 80)})") from None
    header = tuple(name.strip() for name in rows[0]) if rows else ()
    if header != CSV_COLUMNS:
        shown = plain(",".join(header), 80) or "nothing"
        raise _bad(f"the first line is '{shown}', and should be {','.join(CSV_COLUMNS)!r}")
    if len(rows) < 2:
        raise _bad("the table has no row below its header")
    limit = MAX_DURATION_S * SAMPLING_RATE_HZ
    if len(rows) - 1 > limit:
        raise _bad(f"the table has {len(rows) - 1} rows, more than {limit} ({MAX_DURATION_S} s)")
    return rows[1:]


def _numbers(row: list[str], line: int) -> list[float]:
    """One row's cells as numbers, NaN for an empty one."""
    if len(row) != len(CSV_COLUMNS):
        raise _bad(f"line {line} has {len(row)} cells, and should have {len(CSV_COLUMNS)}")
    try:
        return [float(cell) if cell.strip() else np.nan for cell in row]
    except ValueError as error:
        raise _bad(
            f"line {line} holds a cell that is not a number ({plain(str(error), 80)})"
        ) from None


def _check_time_axis(time_s: NDArray[np.float64]) -> None:
    expected_s = 1 / SAMPLING_RATE_HZ
    if not np.isfinite(time_s).all():
        raise _bad("a row has no time")
    steps_s = np.diff(time_s)
    wrong = np.flatnonzero(np.abs(steps_s - expected_s) > 0.1 * expected_s)
    if wrong.size:
        raise _bad(
            f"below line {wrong[0] + 2} time moves on by {steps_s[wrong[0]]:.4g} s, and should by "
            f"{expected_s:g} s ({SAMPLING_RATE_HZ} Hz); resample the signals first"
        )


def _check_voltages(millivolts: NDArray[np.float64]) -> None:
    if np.isinf(millivolts).any():
        raise _bad("a voltage is infinite")
    if np.isnan(millivolts).all():
        raise _bad("no lead has a value")
    largest = float(np.nanmax(np.abs(millivolts)))
    if largest > _MAX_PLAUSIBLE_MV:
        raise _bad(
            f"the largest voltage is {largest:.4g} mV, more than {_MAX_PLAUSIBLE_MV:g} mV; "
            "the values should be in millivolts"
        )
