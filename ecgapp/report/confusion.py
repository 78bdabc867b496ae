"""A confusion matrix to take along, and the sheets behind one of its cells."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from ecgapp.report.html import shade
from ecgapp.report.words import CLASS_STYLES, TEXT_ON_TILE, WHITE_TEXT_FROM, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ecgapp.evaluation.predictions import Predictions

# Sizes of the picture, chosen by eye.
_TILE_PX, _NAMES_PX, _LINE_PX = 72, 60, 18
# Characters of a sheet's SHA-256 that are shown, set by hand: enough to tell all sheets of a
# collection apart.
NUMBER_CHARACTERS = 12


def confusion_rows(counts: NDArray[np.int64], classes: Sequence[str]) -> list[dict[str, str]]:
    """Lay out a confusion matrix as a table, one row a label."""
    names = [CLASS_STYLES[name].short for name in classes]
    return [
        {"Labelled": name} | {f"Read as {n}": str(count) for n, count in zip(names, row,
                                                                          strict=True)}
        for name, row in zip(names, np.asarray(counts), strict=True)
    ]  # fmt: skip


def confusion_svg(counts: NDArray[np.int64], classes: Sequence[str], caption: str) -> str:
    """Draw a confusion matrix as a picture of its own.

    Parameters
    ----------
    counts : ndarray of int, shape (n_classes, n_classes)
        Row: the label; column: the verdict.
    classes : sequence of str
    caption : str

    Returns
    -------
    str
        SVG, with counts and row percentages on tiles shaded by the share.
    """
    counts = np.asarray(counts)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    top = 3 * _LINE_PX
    width, height = (before + len(classes) * _TILE_PX for before in (_NAMES_PX, top))
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' "
        f"width='{width}' height='{height}' font-family='sans-serif' font-size='13' "
        "text-anchor='middle'>",
        f"<title>{escape(caption)}</title><rect width='100%' height='100%' fill='#FFFFFF'/>",
        f"<text x='4' y='{_LINE_PX}' text-anchor='start' font-size='11'>Rows: labelled, columns: "
        "read as</text>",
    ]
    for place, name in enumerate(classes):
        short, middle = CLASS_STYLES[name].short, _TILE_PX * (place + 0.5)
        parts.append(f"<text x='{_NAMES_PX + middle}' y='{top - 6}'>{short}</text>")
        parts.append(f"<text x='{_NAMES_PX / 2}' y='{top + middle + 5}'>{short}</text>")
    for row, column in np.ndindex(counts.shape):
        x, y, share = _NAMES_PX + column * _TILE_PX, top + row * _TILE_PX, shares[row, column]
        ink = "#FFFFFF" if share >= WHITE_TEXT_FROM else TEXT_ON_TILE
        middle = x + _TILE_PX / 2
        parts.append(
            f"<rect x='{x + 1}' y='{y + 1}' width='{_TILE_PX - 2}' height='{_TILE_PX - 2}' "
            f"fill='{shade(share)}'/><text x='{middle}' y='{y + 33}' fill='{ink}' "
            f"font-weight='bold'>{counts[row, column]}</text><text x='{middle}' y='{y + 51}' "
            f"fill='{ink}'>{escape(percent(share))}</text>"
        )
    return "".join([*parts, "</svg>"])


def cell_of(text: object, n_classes: int) -> tuple[int, int] | None:
    """Read which cell a browser names, such as ``0,2``; None for what is none."""
    row, _, column = str(text).partition(",")
    if not (row.isdecimal() and column.isdecimal()):
        return None
    cell = int(row), int(column)
    return cell if max(cell) < n_classes else None


def sheet_rows(predictions: Predictions, cell: tuple[int, int]) -> list[dict[str, str]]:
    """List the sheets of one cell of a confusion matrix, the surest verdict first.

    Parameters
    ----------
    predictions : Predictions
        One entry a sheet.
    cell : (int, int)
        Number of the label's class and of the verdict's.

    Returns
    -------
    list of dict of str to str
        Sheets by number, with their session, layout, fold and the probability of each class.
    """
    row, column = cell
    inside = np.flatnonzero((predictions.true == row) & (predictions.predicted == column))
    order = inside[np.argsort(-predictions.probabilities[inside, column], kind="stable")]
    return [
        {
            "Sheet": str(predictions.sheet[at])[:NUMBER_CHARACTERS],
            "Session": str(predictions.session[at]),
            "Layout": str(predictions.layout[at]),
            "Fold": str(predictions.fold[at]),
        }
        | {
            CLASS_STYLES[name].short: percent(share)
            for name, share in zip(predictions.classes, predictions.probabilities[at],
                                   strict=True)
        }
        for at in order
    ]  # fmt: skip
