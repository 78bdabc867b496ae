"""What the statement network says of sheets drawn as other machines print them, as a table."""

from __future__ import annotations

import csv
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgapp.datasets.statements import LABELS

# What was read from pixels, and what fold 9's signals themselves give.
DRAWN_FILE, SIGNALS_FILE = "drawn.csv", "fold_9.csv"
# How often that is right, source by source.
SOURCES_FILE = "sources.json"
PTBXL = "PTB-XL fold 9"
_LABEL, _POSSIBLE, _STATED, _STATEMENT = "p_", "may_be_", "is_", "s_"
_TEXTS = ("source", "record", "vendor", "arrangement")
_FLAGS = ("photographed", "abstained", "raised_st")


@dataclass(frozen=True)
class DrawnSheets:
    """Drawn sheets that were read; every array has one row a sheet.

    Attributes
    ----------
    source, record, vendor, arrangement : ndarray of str, (n,)
        The record is a name, or a row's number in the source.
    photographed : ndarray of bool, (n,)
    abstained : ndarray of bool, (n,)
        Whether the app would call no verdict on it confident, whatever its probability.
    raised_st : ndarray of bool, (n,)
        Whether ST elevation was measured.
    possible : ndarray of bool, (n, 4)
        Which of `LABELS` the record may have.
    labels : ndarray of float64, (n, 4)
        The network's probabilities of the labels, not calibrated.
    codes : tuple of str
        The statements that ship.
    stated : ndarray of int, (n, n_codes)
        1 where a code is stated of the record, 0 where not, -1 where that is not known.
    statements : ndarray of float64, (n, n_codes)
        Calibrated probabilities.
    """

    source: NDArray[np.str_]
    record: NDArray[np.str_]
    vendor: NDArray[np.str_]
    arrangement: NDArray[np.str_]
    photographed: NDArray[np.bool_]
    abstained: NDArray[np.bool_]
    raised_st: NDArray[np.bool_]
    possible: NDArray[np.bool_]
    labels: NDArray[np.float64]
    codes: tuple[str, ...]
    stated: NDArray[np.int64]
    statements: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.source)

    def where(self, rows: NDArray[np.bool_]) -> DrawnSheets:
        """Keep some sheets."""
        arrays = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "codes"}
        return replace(self, **{name: array[rows] for name, array in arrays.items()})


def write_drawn_sheets(path: Path, sheets: DrawnSheets) -> None:
    """Write one CSV row a sheet."""
    header = [
        *_TEXTS,
        *_FLAGS,
        *(f"{_POSSIBLE}{name}" for name in LABELS),
        *(f"{_LABEL}{name}" for name in LABELS),
        *(f"{_STATED}{code}" for code in sheets.codes),
        *(f"{_STATEMENT}{code}" for code in sheets.codes),
    ]
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for row in range(len(sheets)):
            writer.writerow(
                [
                    *(getattr(sheets, name)[row] for name in _TEXTS),
                    *(int(getattr(sheets, name)[row]) for name in _FLAGS),
                    *sheets.possible[row].astype(int),
                    *sheets.labels[row],
                    *sheets.stated[row],
                    *sheets.statements[row],
                ]
            )


def read_drawn_sheets(path: Path) -> DrawnSheets:
    """Read what :func:`write_drawn_sheets` wrote; OSError where there is none."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    header = list(rows[0])

    def columns(prefix: str) -> list[str]:
        return [name for name in header if name.startswith(prefix)]

    def table(prefix: str) -> NDArray[np.float64]:
        return np.array([[float(row[name]) for name in columns(prefix)] for row in rows])

    texts = {name: np.array([row[name] for row in rows]) for name in _TEXTS}
    flags = {name: np.array([row.get(name) == "1" for row in rows]) for name in _FLAGS}
    return DrawnSheets(
        **texts,
        **flags,
        possible=table(_POSSIBLE) > 0,
        labels=table(_LABEL),
        codes=tuple(name.removeprefix(_STATED) for name in columns(_STATED)),
        stated=table(_STATED).astype(np.int64),
        statements=table(_STATEMENT),
    )
