"""Which sheets train, validate and test.

Sheets of one recording session look alike, so an honest split keeps a session whole: a figure
from a split that does not is a figure about recognising sessions. The published split is here too,
to show what it does to the figures; it is marked as leaky.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgapp.evaluation.predictions import SheetRows

VALIDATION_PARTS = 8  # one of so many parts of the training sessions; set by hand
# Train, validation, test, as the published work split.
HOLD_OUT_RATIOS = (0.70, 0.15, 0.15)
PROTOCOLS = ("grouped", "holdout", "random")
LEAKY_PROTOCOLS = ("random",)


@dataclass(frozen=True)
class Split:
    """Row numbers that train, validate and test.

    No session is in two of them, unless the split is leaky. A leaky split may name a row several
    times, once for each copy of its file.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    leaky: bool = False


def protocol_splits(
    protocol: str, rows: SheetRows, copies: NDArray[np.int64], seed: int
) -> dict[str, Split]:
    """Split by one of the study's protocols.

    Parameters
    ----------
    protocol : str
        ``grouped``: one split a fold of the manifest, so that every sheet is tested once.
        ``holdout``: one split of 70/15/15 by session. ``random``: one split of 70/15/15 at random
        over file copies, as published; leaky.
    rows : SheetRows
    copies : ndarray of int64, (n,)
        Files that hold each row's sheet in the data that the random split is drawn from.
    seed : int

    Returns
    -------
    dict of str to Split
        By a name such as ``fold0``.
    """
    if protocol == "grouped":
        return {f"fold{fold}": fold_split(rows, fold, seed) for fold in np.unique(rows.fold)}
    if protocol == "holdout":
        return {"holdout": holdout_split(rows, seed)}
    return {"random": random_split(rows, copies, seed)}


def grouped_stratified(
    strata: NDArray[np.str_], groups: NDArray[np.int64], ratios: Sequence[float], seed: int
) -> NDArray[np.int64]:
    """Deal groups into parts so that every part has its share of every stratum.

    Greedy: groups are dealt largest first (ties in seeded random order), each to the part where
    it leaves the strata most evenly spread.

    Parameters
    ----------
    strata : ndarray of str, (n,)
        What to balance, such as the label, one a sheet.
    groups : ndarray of int64, (n,)
        What to keep whole, such as the session, one a sheet.
    ratios : sequence of float
        Sizes of the parts in relation to one another.
    seed : int
        Seed of the order among groups of one size.

    Returns
    -------
    ndarray of int64, (n,)
        Part of each sheet, 0 .. len(ratios) - 1.
    """
    names, stratum = np.unique(strata, return_inverse=True)
    _, group = np.unique(groups, return_inverse=True)
    counts = np.zeros((group.max() + 1, len(names)))
    np.add.at(counts, (group, stratum), 1)
    share = counts / counts.sum(axis=0)

    rng = np.random.default_rng(seed)
    order = rng.permutation(len(counts))
    order = order[np.argsort(-counts[order].max(axis=1), kind="stable")]
    sizes = np.array(ratios, dtype=float)
    filled = np.zeros((len(sizes), len(names)))
    part_of_group = np.zeros(len(counts), dtype=np.int64)
    for number in order:
        # Squares, because they grow fastest where a part is already the fullest.
        cost = ((filled + share[number]) ** 2 - filled**2).sum(axis=1)
        part_of_group[number] = np.argmin((cost + 1e-9 * filled.sum(axis=1)) / sizes)
        filled[part_of_group[number]] += share[number]
    return part_of_group[group]


def hold_out_validation(
    rows: SheetRows, chosen: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Take about an eighth of some rows' sessions, stratified by label and layout, to validate on.

    Returns
    -------
    train, validation : ndarray of int64
        The given row numbers in two parts.
    """
    part = _deal_sheets(rows, chosen, [1] * VALIDATION_PARTS, seed)
    return chosen[part != 0], chosen[part == 0]


def fold_split(rows: SheetRows, test_fold: int, seed: int) -> Split:
    """Test on one fold of the manifest; validate on sessions taken from the other folds.

    Parameters
    ----------
    rows : SheetRows
    test_fold : int
        A fold that occurs in the set.
    seed : int
        Seed of the choice of validation sessions.

    Returns
    -------
    Split

    Raises
    ------
    ValueError
        If the fold is empty.
    """
    testing = rows.fold == test_fold
    if not testing.any():
        raise ValueError(f"fold {test_fold} holds no windows")
    train, validation = hold_out_validation(rows, np.flatnonzero(~testing), seed)
    return Split(train, validation, np.flatnonzero(testing))


def holdout_split(rows: SheetRows, seed: int) -> Split:
    """Deal the sessions into train, validation and test, stratified by label and layout.

    Parameters
    ----------
    rows : SheetRows
    seed : int

    Returns
    -------
    Split
        70%, 15% and 15% of the sheets, or as near as whole sessions allow.

    Raises
    ------
    ValueError
        If there are too few sessions for three parts.
    """
    every = np.arange(len(rows.sheet))
    part = _deal_sheets(rows, every, HOLD_OUT_RATIOS, seed)
    if len(np.unique(part)) < len(HOLD_OUT_RATIOS):
        raise ValueError(f"{len(np.unique(rows.session))} sessions are too few to hold some out")
    return Split(every[part == 0], every[part == 1], every[part == 2])


def random_split(rows: SheetRows, copies: NDArray[np.int64], seed: int) -> Split:
    """Deal file copies at random into train, validation and test, as published studies did.

    Leaky: copies of one file, and sheets of one session, come to lie on both sides. Where a file
    goes depends on its content, its number and the seed alone, so that every kind of input is
    split alike.

    Parameters
    ----------
    rows : SheetRows
    copies : ndarray of int64, (n,)
        Files that hold each row's sheet; sheets without a file take no part.
    seed : int

    Returns
    -------
    Split
        70%, 15% and 15% of every label's files. All rows of a sheet occur once a file.
    """
    _, first, sheet_of_row = np.unique(rows.sheet, return_index=True, return_inverse=True)
    file_sheet = np.repeat(np.arange(len(first)), copies[first])
    file_number = np.concatenate([np.arange(n) for n in copies[first]])
    draw = np.array(
        [
            int.from_bytes(hashlib.sha256(f"{seed} {rows.sheet[row]} {number}".encode()).digest())
            for row, number in zip(first[file_sheet], file_number, strict=True)
        ]
    )
    label = rows.label[first[file_sheet]]
    borders = np.cumsum(HOLD_OUT_RATIOS)[:-1]
    files_in_part = np.zeros((len(HOLD_OUT_RATIOS), len(first)), dtype=np.int64)
    for name in np.unique(label):
        shuffled = np.flatnonzero(label == name)
        shuffled = shuffled[np.argsort(draw[shuffled])]
        parts = np.split(shuffled, np.round(borders * len(shuffled)).astype(int))
        for part, files in enumerate(parts):
            np.add.at(files_in_part[part], file_sheet[files], 1)
    every = np.arange(len(rows.sheet))
    train, validation, test = (np.repeat(every, files[sheet_of_row]) for files in files_in_part)
    return Split(train, validation, test, leaky=True)


def _deal_sheets(
    rows: SheetRows, chosen: NDArray[np.int64], ratios: Sequence[float], seed: int
) -> NDArray[np.int64]:
    """Part of each chosen row: its session's, stratified by the sheets' labels and layouts."""
    _, first = np.unique(rows.sheet[chosen], return_index=True)
    sheets = chosen[first]
    strata = np.char.add(np.char.add(rows.label[sheets], " "), rows.layout[sheets])
    part = grouped_stratified(strata, rows.session[sheets], ratios, seed)
    sessions, first = np.unique(rows.session[sheets], return_index=True)
    return part[first][np.searchsorted(sessions, rows.session[chosen])]
