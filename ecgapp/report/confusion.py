"""A confusion matrix to look at and to take along, and the sheets behind one of its cells."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from ecgapp.report.html import shade, tile_table
from ecgapp.report.language import _
from ecgapp.report.words import CLASS_STYLES, ink_on_tile, percent

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
    names = _short(classes)
    rows = []
    for name, row in zip(names, np.asarray(counts), strict=True):
        titles = [_("Read as {name}", name=one) for one in names]
        rows.append({_("Labelled"): name} | dict(zip(titles, map(str, row), strict=True)))
    return rows


def confusion_tiles(
    counts: NDArray[np.int64], classes: Sequence[str], caption: str, to_press: bool = False
) -> str:
    """Draw a confusion matrix, true class in rows, with counts and row percentages.

    Parameters
    ----------
    counts : ndarray of int, shape (n_classes, n_classes)
        Row: the data set's label; column: the verdict.
    classes : sequence of str
        Class order of rows and columns.
    caption : str
    to_press : bool
        Whether cells that are not empty are buttons; ``data-cell`` is their row and column.

    Returns
    -------
    str
        Tiles are shaded by the share of the row's total.
    """
    counts = np.asarray(counts)
    shares = _shares(counts)
    names = _short(classes)
    texts = [
        [f"<b>{count}</b><br>{escape(percent(share))}" for count, share in zip(*row, strict=True)]
        for row in zip(counts, shares, strict=True)
    ]
    if to_press:
        for row, column in zip(*np.nonzero(counts), strict=True):
            said = _(
                "Labelled {label}, read as {said}: {n} sheets",
                label=names[row],
                said=names[column],
                n=counts[row, column],
            )
            texts[row][column] = (
                f"<button type='button' data-cell='{row},{column}' aria-pressed='false' "
                f"aria-label='{said}'>{texts[row][column]}</button>"
            )
    return tile_table(
        shares,
        texts,
        names,
        names,
        caption,
        corner=_("Labelled, read as"),
        column_colours=[CLASS_STYLES[name].colour for name in classes],
    )


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
        SVG, with counts and row percentages on tiles shaded as those of `confusion_tiles`.
    """
    counts = np.asarray(counts)
    shares = _shares(counts)
    top = 3 * _LINE_PX
    width, height = (before + len(classes) * _TILE_PX for before in (_NAMES_PX, top))
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' "
        f"width='{width}' height='{height}' font-family='sans-serif' font-size='13' "
        "text-anchor='middle'>",
        f"<title>{escape(caption)}</title><rect width='100%' height='100%' fill='#FFFFFF'/>",
        f"<text x='4' y='{_LINE_PX}' text-anchor='start' font-size='11'>"
        f"{_('Rows: labelled, columns: read as')}</text>",
    ]
    for place, short in enumerate(_short(classes)):
        middle = _TILE_PX * (place + 0.5)
        parts.append(f"<text x='{_NAMES_PX + middle}' y='{top - 6}'>{short}</text>")
        parts.append(f"<text x='{_NAMES_PX / 2}' y='{top + middle + 5}'>{short}</text>")
    for row, column in np.ndindex(counts.shape):
        x, y = _NAMES_PX + column * _TILE_PX, top + row * _TILE_PX
        share = float(shares[row, column])
        text = f"<text x='{x + _TILE_PX / 2}' fill='{ink_on_tile(share)}'"
        parts += [
            f"<rect x='{x + 1}' y='{y + 1}' width='{_TILE_PX - 2}' height='{_TILE_PX - 2}' "
            f"fill='{shade(share)}'/>",
            f"{text} y='{y + 33}' font-weight='bold'>{counts[row, column]}</text>",
            f"{text} y='{y + 51}'>{escape(percent(share))}</text>",
        ]
    return "".join([*parts, "</svg>"])


def _shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Divide each row by its total; an empty row is zero."""
    shares: NDArray[np.float64] = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def _short(classes: Sequence[str]) -> list[str]:
    return [CLASS_STYLES[name].short for name in classes]


def cell_of(text: object, n_classes: int) -> tuple[int, int] | None:
    """Read which cell a browser names, such as ``0,2``; None for what is none."""
    row, _, column = str(text).partition(",")
    if not (row.isdecimal() and column.isdecimal()):
        return None
    cell = int(row), int(column)
    return cell if max(cell) < n_classes else None


def sheet_rows(
    predictions: Predictions, cell: tuple[int, int], by_file: bool = False
) -> list[dict[str, str]]:
    """List the sheets of one cell of a confusion matrix, the surest verdict first.

    Parameters
    ----------
    predictions : Predictions
        One entry a sheet.
    cell : (int, int)
        Number of the label's class and of the verdict's.
    by_file : bool
        Whether sheets are told by a visitor's own file names, and neither by number nor by
        session and fold.

    Returns
    -------
    list of dict of str to str
        Sheets with their layout and the probability of each class.
    """
    row, column = cell
    inside = np.flatnonzero((predictions.true == row) & (predictions.predicted == column))
    order = inside[np.argsort(-predictions.probabilities[inside, column], kind="stable")]
    names = _short(predictions.classes)

    def told_by(at: int) -> dict[str, str]:
        sheet, layout = str(predictions.sheet[at]), {_("Layout"): str(predictions.layout[at])}
        if by_file:
            return {_("File"): sheet} | layout
        found_in = {
            _("Session"): str(predictions.session[at]),
            _("Fold"): str(predictions.fold[at]),
        }
        return {_("Sheet"): sheet[:NUMBER_CHARACTERS]} | layout | found_in

    return [
        told_by(at) | dict(zip(names, map(percent, predictions.probabilities[at]), strict=True))
        for at in order
    ]
