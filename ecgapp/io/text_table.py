"""CSV tables of our own making and of data sets, with every field as its text.

Not for a reading and its exports, which use Python's ``csv``: loading pandas takes 0.3 s.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd


def read_text_table(path: Path) -> pd.DataFrame:
    """Read a CSV file, gzipped or not.

    Parameters
    ----------
    path : Path
        UTF-8.

    Returns
    -------
    pandas.DataFrame
        Empty text where a field is empty or missing; without columns where the file is empty.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no such table.
    """
    try:
        return pd.read_csv(path, dtype=str, na_filter=False, index_col=False, encoding="utf-8-sig")
    except pd.errors.EmptyDataError:
        return pd.DataFrame()


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read such a file as one dict a row; see `read_text_table`."""
    rows: list[dict[str, str]] = read_text_table(path).to_dict("records")
    return rows
