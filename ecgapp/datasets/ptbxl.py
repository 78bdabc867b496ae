"""PTB-XL, as the data folder holds it: twelve-lead signals at 100 Hz with their statements.

Wagner et al. 2020, PhysioNet, CC BY 4.0. The folder's archive holds the first differences of eight
leads in steps of 10 microvolts; the other four follow from Einthoven's and Goldberger's laws.
"""

from __future__ import annotations

import ast
import io
import lzma
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgapp.datasets.statements import (
    GROUPS,
    LABELS,
    LEARNT,
    OF_SNOMED,
    RARE_OF_SNOMED,
    possible_labels,
)
from ecgapp.ecg import LEADS, SAMPLING_RATE_HZ, Signals
from ecgapp.io.text_table import read_rows

RATE_HZ = 100  # the lower of PTB-XL's two
SUPERCLASSES = ("NORM", "MI", "STTC", "CD", "HYP")
STEP_MV = 0.01  # that voltages are kept in: finer than a traced curve is

# A statement is learnt when so many training records have it. Set by hand.
MIN_SNOMED, MIN_SCP = 50, 40


@dataclass(frozen=True)
class Records:
    """Records of one part of PTB-XL.

    Attributes
    ----------
    steps : ndarray of int16, (n, 1000, 8)
        Leads I, II, V1 to V6 in units of 10 microvolts.
    superclasses : ndarray of int8, (n, 5)
        Which of :data:`SUPERCLASSES` each record is in.
    snomed : tuple of frozenset of str
        Abbreviations of each record's SNOMED statements.
    scp : tuple of (frozenset of str or None)
        Each record's SCP codes; None where they are not given.
    sex : ndarray of str, (n,)
        ``Male`` or ``Female``; empty where it is not given.
    age_years : ndarray of float32, (n,)
        NaN where it is not given; 300 stands for more than 89.
    stages : tuple of (frozenset of str or None)
        Stages of infarction, ``unknown`` among them; None where nobody was asked. Empty for
        records that were made up without.
    """

    steps: NDArray[np.int16]
    superclasses: NDArray[np.int8]
    snomed: tuple[frozenset[str], ...]
    scp: tuple[frozenset[str] | None, ...]
    sex: NDArray[np.str_]
    age_years: NDArray[np.float32]
    stages: tuple[frozenset[str] | None, ...] = ()

    def __len__(self) -> int:
        return len(self.steps)


def load_records(data: Path, part: str, limit: int | None = None) -> Records:
    """Read a part of PTB-XL; the larger one takes about half a minute.

    Parameters
    ----------
    data : Path
        The data folder, which holds ``ptbxl/``.
    part : str
        ``train`` or ``val``.
    limit : int, optional
        Keep only so many records, from the first on.

    Returns
    -------
    Records

    Raises
    ------
    OSError
        If a file cannot be read.
    """
    folder = data / "ptbxl"
    with lzma.open(folder / f"{part}_delta10uV.npy.xz") as file:
        low, high = np.load(io.BytesIO(file.read()), allow_pickle=False)[:, :limit]
    rows = read_rows(folder / f"{part}_labels.csv")[:limit]
    differences = (low.astype(np.uint16) | high.astype(np.uint16) << 8).view(np.int16)
    return Records(
        steps=np.cumsum(differences, axis=1, dtype=np.int16),
        superclasses=np.array(
            [[float(row[name] or 0) > 0 for name in SUPERCLASSES] for row in rows], np.int8
        ),
        snomed=tuple(frozenset(filter(None, row["snomed_abbr"].split(";"))) for row in rows),
        scp=tuple(
            frozenset(ast.literal_eval(row["scp_codes"])) if row["scp_codes"] else None
            for row in rows
        ),
        sex=np.array([row["sex"] for row in rows]),
        age_years=np.array([float(row["age"] or "nan") for row in rows], np.float32),
        stages=tuple(
            frozenset(filter(None, (row["infarction_stadium1"], row["infarction_stadium2"])))
            if row["scp_codes"]
            else None
            for row in rows
        ),
    )


def twelve_leads(eight: NDArray[Any]) -> NDArray[np.float32]:
    """Work out the twelve leads, mV.

    Parameters
    ----------
    eight : ndarray, (..., 8)
        Leads I, II, V1 to V6 in units of 10 microvolts.

    Returns
    -------
    ndarray of float32, (..., 12)
        In the order of :data:`ecgapp.ecg.LEADS`.
    """
    millivolts = eight.astype(np.float32) * np.float32(STEP_MV)
    one, two = millivolts[..., 0], millivolts[..., 1]
    limbs = (one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2)
    return np.concatenate([np.stack(limbs, axis=-1), millivolts[..., 2:]], axis=-1)


def to_signals(steps: NDArray[np.int16]) -> Signals:
    """Take one record of PTB-XL, (1000, 8), to 500 Hz without adding to its band."""
    leads = twelve_leads(steps)
    # Mirrored, so that the ends do not ring.
    mirrored = np.concatenate([leads, leads[::-1]])
    spectrum = np.fft.rfft(mirrored, axis=0)
    times = SAMPLING_RATE_HZ // RATE_HZ
    fine = np.fft.irfft(spectrum, len(mirrored) * times, axis=0)[: len(leads) * times] * times
    return Signals(
        SAMPLING_RATE_HZ, {name: fine[:, k].astype(np.float32) for k, name in enumerate(LEADS)}
    )


def statement_names(records: Records) -> tuple[str, ...]:
    """Name what a net is to learn: the superclasses, then all frequent statements.

    Returns
    -------
    tuple of str
        Superclasses as they are, SNOMED statements with ``snomed:``, SCP codes with ``scp:``.
    """

    def frequent(sets: Iterable[frozenset[str]], least: int) -> list[str]:
        counts = Counter(name for one in sets for name in one)
        return sorted(name for name, count in counts.items() if count >= least)

    snomed = frequent(records.snomed, MIN_SNOMED)
    scp = frequent((codes for codes in records.scp if codes is not None), MIN_SCP)
    return (*SUPERCLASSES, *(f"snomed:{name}" for name in snomed), *(f"scp:{name}" for name in scp))


def targets(records: Records, names: tuple[str, ...]) -> NDArray[np.float32]:
    """Say what of each record is true, (n, len(names)): 1, 0, or -1 where it is not known."""
    result = np.zeros((len(records), len(names)), np.float32)
    result[:, : len(SUPERCLASSES)] = records.superclasses
    for column, name in enumerate(names[len(SUPERCLASSES) :], start=len(SUPERCLASSES)):
        kind, statement = name.split(":", 1)
        sets = records.snomed if kind == "snomed" else records.scp
        result[:, column] = [-1 if one is None else statement in one for one in sets]
    return result


def codes_of(records: Records, row: int) -> frozenset[str]:
    """List what is stated of one record: superclasses and SCP codes, translated where need be."""
    superclasses = {
        name for name, is_in in zip(SUPERCLASSES, records.superclasses[row], strict=True) if is_in
    }
    snomed = records.snomed[row]
    translated = {
        code for code, name in (*OF_SNOMED.items(), *RARE_OF_SNOMED.items()) if name in snomed
    }
    return frozenset(superclasses | translated | (records.scp[row] or frozenset()))


def learnt_targets(records: Records) -> NDArray[np.float32]:
    """Say which of :data:`LEARNT` is true of each record.

    Returns
    -------
    ndarray of float32, (n, len(LEARNT))
        1, 0, or -1 where it is not known.
    """
    columns = [_stated(records, name) for name in LEARNT]
    return np.stack(columns, axis=1).astype(np.float32)


def _stated(records: Records, name: str) -> list[float]:
    """Say of every record whether one statement is true."""
    if name in SUPERCLASSES:
        return [float(one) for one in records.superclasses[:, SUPERCLASSES.index(name)]]
    prefix, _, rest = name.rpartition(":")
    if prefix == "snomed" or name in OF_SNOMED:
        abbreviation = OF_SNOMED.get(name, rest)
        return [float(abbreviation in one) for one in records.snomed]
    codes = GROUPS.get(name, frozenset({rest}))
    return [-1.0 if one is None else float(bool(one & codes)) for one in records.scp]


def possible_targets(records: Records) -> NDArray[np.float32]:
    """Mark which of the four labels each record may have, (n, 4), in the order of LABELS."""
    stages = records.stages or (None,) * len(records)
    possible = [possible_labels(codes_of(records, row), stages[row]) for row in range(len(records))]
    return np.array([[name in one for name in LABELS] for one in possible], np.float32)
