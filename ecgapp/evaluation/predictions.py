"""The out-of-fold predictions that ship beside each model, by lead and summed to sheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgapp.io.text_table import read_text_table

_PROBABILITY_PREFIX = "p_"
_TEXTS = ("sheet", "label", "layout", "lead")
_NUMBERS = ("session", "fold")
_COLUMNS = ("sheet", "label", "layout", "session", "fold", "lead")
PROBABILITY_DECIMALS = 4  # in files


class SheetRows(Protocol):
    """What is known of the sheet behind every row: of windows, or of other inputs."""

    @property
    def sheet(self) -> NDArray[np.str_]:
        """SHA-256 of the sheet, (n,)."""

    @property
    def label(self) -> NDArray[np.str_]:
        """Label of the sheet, (n,)."""

    @property
    def layout(self) -> NDArray[np.str_]:
        """Layout of the sheet, (n,)."""

    @property
    def session(self) -> NDArray[np.int64]:
        """Recording session of the sheet, (n,)."""

    @property
    def fold(self) -> NDArray[np.int64]:
        """Fold in which the session lies, (n,)."""


class LabelledRows(SheetRows, Protocol):
    """What is known of every row that a model reads."""

    @property
    def lead(self) -> NDArray[np.str_]:
        """Lead, (n,); empty where a row is a whole sheet."""


@dataclass(frozen=True)
class Predictions:
    """Predictions, one entry a lead or a sheet in every array.

    Attributes
    ----------
    classes : tuple of str
        In the order of the probability columns.
    sheet, label, layout : ndarray of str, (n,)
    session, fold : ndarray of int64, (n,)
    lead : ndarray of str, (n,)
        Empty text when the entries are sheets.
    probabilities : ndarray of float64, (n, n_classes)
    """

    classes: tuple[str, ...]
    sheet: NDArray[np.str_]
    label: NDArray[np.str_]
    layout: NDArray[np.str_]
    session: NDArray[np.int64]
    fold: NDArray[np.int64]
    lead: NDArray[np.str_]
    probabilities: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.sheet)

    @property
    def true(self) -> NDArray[np.int64]:
        """Class number of every label, (n,)."""
        return np.array([self.classes.index(label) for label in self.label], dtype=np.int64)

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Number of the likeliest class, (n,)."""
        return self.probabilities.argmax(axis=1)

    def where(self, kept: NDArray[np.bool_] | NDArray[np.int64]) -> Predictions:
        """Keep some entries, such as those of one layout; by number, an entry may be repeated."""
        return Predictions(
            self.classes,
            self.sheet[kept],
            self.label[kept],
            self.layout[kept],
            self.session[kept],
            self.fold[kept],
            self.lead[kept],
            self.probabilities[kept],
        )

    def by_sheet(self) -> Predictions:
        """Sum the leads' probabilities sheet by sheet, as the verdict does, and scale to one."""
        _, first, sheet = np.unique(self.sheet, return_index=True, return_inverse=True)
        sums = np.zeros((len(first), len(self.classes)))
        np.add.at(sums, sheet, self.probabilities)
        return Predictions(
            self.classes,
            self.sheet[first],
            self.label[first],
            self.layout[first],
            self.session[first],
            self.fold[first],
            np.full(len(first), ""),
            sums / sums.sum(axis=1, keepdims=True),
        )


def read_predictions(path: Path) -> Predictions:
    """Read a model's ``predictions.csv``.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Predictions
        One entry a lead.

    Raises
    ------
    OSError
        If the file cannot be read.
    KeyError, ValueError
        If it is not such a file.
    """
    return from_table(read_text_table(path))


def from_table(table: pd.DataFrame) -> Predictions:
    """Take the predictions from a table of texts; see `read_predictions`.

    Raises
    ------
    KeyError, ValueError
        If it is no such table.
    """
    names = [name for name in table.columns if name.startswith(_PROBABILITY_PREFIX)]
    columns: dict[str, NDArray[Any]] = {
        **{name: np.array(table[name].tolist(), np.str_) for name in _TEXTS},
        **{name: table[name].to_numpy(np.int64) for name in _NUMBERS},
    }
    return Predictions(
        classes=tuple(name.removeprefix(_PROBABILITY_PREFIX) for name in names),
        probabilities=table[names].astype(np.float64).to_numpy(),
        **columns,
    )


def by_lead(
    rows: LabelledRows, probabilities: NDArray[np.float32], classes: Sequence[str]
) -> tuple[Predictions, NDArray[np.int64]]:
    """Average what a model says of the windows of each lead.

    Parameters
    ----------
    rows : LabelledRows
        The windows of a lead follow one another; a row without a lead is a whole sheet.
    probabilities : ndarray of float32, (n, n_classes)
    classes : sequence of str

    Returns
    -------
    predictions : Predictions
        One entry a lead.
    starts : ndarray of int64, (n_leads,)
        First row of each.
    """
    sheet, lead = rows.sheet, rows.lead
    begins = np.append(True, (sheet[1:] != sheet[:-1]) | (lead[1:] != lead[:-1]))
    starts = np.flatnonzero(begins)
    sums = np.add.reduceat(probabilities, starts, axis=0)
    n_windows = np.diff(np.append(starts, len(sheet)))
    entries = {name: getattr(rows, name)[starts] for name in (*_TEXTS, *_NUMBERS)}
    means = sums / n_windows[:, None]
    return Predictions(classes=tuple(classes), probabilities=means, **entries), starts


def write_predictions(
    path: Path,
    predictions: Predictions,
    more: Mapping[str, Sequence[object] | NDArray[Any]] | None = None,
) -> None:
    """Write the table that `read_predictions` reads, one row an entry.

    Parameters
    ----------
    path : Path
    predictions : Predictions
    more : mapping of str to sequence, optional
        Further columns, which `read_predictions` leaves out.
    """
    table = pd.DataFrame({name: getattr(predictions, name) for name in _COLUMNS})
    for name, column in zip(predictions.classes, predictions.probabilities.T, strict=True):
        table[_PROBABILITY_PREFIX + name] = [f"{p:.{PROBABILITY_DECIMALS}f}" for p in column]
    table = table.assign(**(more or {}))
    table.to_csv(path, index=False, lineterminator="\r\n")
