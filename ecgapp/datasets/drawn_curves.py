"""How well each statement is found on drawn sheets, source by source."""

from __future__ import annotations

import numpy as np

from ecgapp.datasets.drawn_sheets import PTBXL, DrawnSheets
from ecgapp.evaluation.curves import Curve, curve

# Fewer records with a statement, or without it, make no curve.
LEAST_RECORDS = 3
LUDB, OTHERS = "LUDB", "five other collections"


def statement_curves(sheets: DrawnSheets, code: str) -> dict[str, Curve]:
    """Draw up one statement's curves.

    Parameters
    ----------
    sheets : DrawnSheets
    code : str
        One of their codes.

    Returns
    -------
    dict of str to Curve
        Source -> curve, of the sources that have three records with the statement, and without.
    """
    column = sheets.codes.index(code)
    known = sheets.stated[:, column] >= 0
    parts = {
        PTBXL: sheets.source == PTBXL,
        LUDB: sheets.source == LUDB,
        OTHERS: ~np.isin(sheets.source, (PTBXL, LUDB)),
    }
    curves = {}
    for source, of_source in parts.items():
        rows = known & of_source
        positive = sheets.stated[rows, column] > 0
        if min(positive.sum(), (~positive).sum()) >= LEAST_RECORDS:
            records = np.arange(len(positive))
            curves[source] = curve(positive, sheets.statements[rows, column], records)
    return curves


def codes_with_curves(sheets: DrawnSheets) -> list[str]:
    """List the statements that three records of any source have, the most frequent first."""
    n_with = (sheets.stated > 0).sum(axis=0)
    order = np.argsort(-n_with, kind="stable")
    return [sheets.codes[k] for k in order if n_with[k] >= LEAST_RECORDS]
