"""The out-of-fold predictions that ship beside each model, by lead and summed to sheets."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PROBABILITY_PREFIX = "p_"
PROBABILITY_DECIMALS = 4


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
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name.startswith(_PROBABILITY_PREFIX)]

    def column(name: str, kind: type) -> NDArray[Any]:
        return np.array([kind(row[name]) for row in rows])

    return Predictions(
        classes=tuple(name.removeprefix(_PROBABILITY_PREFIX) for name in names),
        sheet=column("sheet", str),
        label=column("label", str),
        layout=column("layout", str),
        session=column("session", int),
        fold=column("fold", int),
        lead=column("lead", str),
        probabilities=np.array([[float(row[name]) for name in names] for row in rows]),
    )


def write_predictions(
    path: Path, predictions: Predictions, more: Mapping[str, Sequence[object]] | None = None
) -> None:
    """Write the table that `read_predictions` reads, one row an entry.

    Parameters
    ----------
    path : Path
    predictions : Predictions
    more : mapping of str to sequence, optional
        Further columns, which `read_predictions` leaves out.
    """
    names = [_PROBABILITY_PREFIX + name for name in predictions.classes]
    columns = ("sheet", "label", "layout", "session", "fold", "lead")
    entries = zip(*(getattr(predictions, name) for name in columns), strict=True)
    more = more or {}
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, *names, *more])
        for number, (entry, probabilities) in enumerate(
            zip(entries, predictions.probabilities, strict=True)
        ):
            shares = (f"{p:.{PROBABILITY_DECIMALS}f}" for p in probabilities)
            writer.writerow([*entry, *shares, *(column[number] for column in more.values())])
