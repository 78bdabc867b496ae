"""What the statement network says of sheets drawn as other machines print them, as a table."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgapp.datasets.statements import LABELS
from ecgapp.io.text_table import read_text_table

# What was read from pixels, and what fold 9's signals themselves give.
DRAWN_FILE, SIGNALS_FILE = "drawn.csv", "fold_9.csv"
# How often that is right, source by source.
SOURCES_FILE = "sources.json"
PTBXL = "PTB-XL fold 9"
_LABEL, _POSSIBLE, _STATED, _STATEMENT = "p_", "may_be_", "is_", "s_"
_TEXTS = ("source", "record", "vendor", "arrangement", "defined")
_FLAGS = ("photographed", "abstained")


@dataclass(frozen=True)
class DrawnSheets:
    """Drawn sheets that were read; every array has one row a sheet.

    Attributes
    ----------
    source, record, vendor, arrangement : ndarray of str, (n,)
        The record is a name, or a row's number in the source.
    defined : ndarray of str, (n,)
        The label that it has by definition if it is not normal; empty where it has none.
    photographed : ndarray of bool, (n,)
    abstained : ndarray of bool, (n,)
        Whether the app would call no verdict on it confident, whatever its probability.
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
    defined: NDArray[np.str_]
    photographed: NDArray[np.bool_]
    abstained: NDArray[np.bool_]
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
    columns = {name: getattr(sheets, name) for name in _TEXTS}
    columns |= {name: getattr(sheets, name).astype(int) for name in _FLAGS}
    for prefix, names, table in (
        (_POSSIBLE, LABELS, sheets.possible.astype(int)),
        (_LABEL, LABELS, sheets.labels),
        (_STATED, sheets.codes, sheets.stated),
        (_STATEMENT, sheets.codes, sheets.statements),
    ):
        columns |= {prefix + name: table[:, k] for k, name in enumerate(names)}
    pd.DataFrame(columns).to_csv(path, index=False)


def read_drawn_sheets(path: Path) -> DrawnSheets:
    """Read what :func:`write_drawn_sheets` wrote; OSError where there is none."""
    rows = read_text_table(path)

    def columns(prefix: str) -> list[str]:
        return [name for name in rows.columns if name.startswith(prefix)]

    def table(prefix: str) -> NDArray[np.float64]:
        return np.asarray(rows[columns(prefix)].to_numpy(str).astype(np.float64))

    # Of fold 9's signals nothing was defined.
    texts = {name: rows.get(name, pd.Series("", rows.index)).to_numpy(str) for name in _TEXTS}
    flags = {name: rows[name].to_numpy(str) == "1" for name in _FLAGS}
    return DrawnSheets(
        **texts,
        **flags,
        possible=table(_POSSIBLE) > 0,
        labels=table(_LABEL),
        codes=tuple(name.removeprefix(_STATED) for name in columns(_STATED)),
        stated=table(_STATED).astype(np.int64),
        statements=table(_STATEMENT),
    )
