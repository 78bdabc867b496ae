"""Which sheets train, validate and test.

Sheets of one recording session look alike, so every split here keeps a session whole: a figure
from a split that does not is a figure about recognising sessions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgapp.study.windows import WindowSet

VALIDATION_PARTS = 8


@dataclass(frozen=True)
class Split:
    """Row numbers of the windows that train, validate and test; no session in two of them."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def grouped_stratified(
    strata: NDArray[np.str_], groups: NDArray[np.int64], n_parts: int, seed: int
) -> NDArray[np.int64]:
    """Deal groups into parts so that every part has a like share of every stratum.

    Greedy: groups are dealt largest first (ties in seeded random order), each to the part where
    it leaves the strata most evenly spread.

    Parameters
    ----------
    strata : ndarray of str, (n,)
        What to balance, such as the label, one a sheet.
    groups : ndarray of int64, (n,)
        What to keep whole, such as the session, one a sheet.
    n_parts : int
        Number of parts.
    seed : int
        Seed of the order among groups of one size.

    Returns
    -------
    ndarray of int64, (n,)
        Part of each sheet, 0 .. n_parts - 1.
    """
    names, stratum = np.unique(strata, return_inverse=True)
    _, group = np.unique(groups, return_inverse=True)
    counts = np.zeros((group.max() + 1, len(names)))
    np.add.at(counts, (group, stratum), 1)
    share = counts / counts.sum(axis=0)

    rng = np.random.default_rng(seed)
    order = rng.permutation(len(counts))
    order = order[np.argsort(-counts[order].max(axis=1), kind="stable")]
    filled = np.zeros((n_parts, len(names)))
    part_of_group = np.zeros(len(counts), dtype=np.int64)
    for number in order:
        # Squares, because they grow fastest where a part is already the fullest.
        cost = ((filled + share[number]) ** 2 - filled**2).sum(axis=1)
        part_of_group[number] = np.argmin(cost + 1e-9 * filled.sum(axis=1))
        filled[part_of_group[number]] += share[number]
    return part_of_group[group]


def hold_out_validation(
    windows: WindowSet, rows: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Take about an eighth of the rows' sessions, stratified by label and layout, to validate on.

    Returns
    -------
    train, validation : ndarray of int64
        The given row numbers in two parts.
    """
    _, first = np.unique(windows.sheet[rows], return_index=True)
    sheets = rows[first]
    strata = np.char.add(np.char.add(windows.label[sheets], " "), windows.layout[sheets])
    part = grouped_stratified(strata, windows.session[sheets], VALIDATION_PARTS, seed)
    validating = np.isin(windows.session[rows], windows.session[sheets[part == 0]])
    return rows[~validating], rows[validating]


def fold_split(windows: WindowSet, test_fold: int, seed: int) -> Split:
    """Test on one fold of the manifest; validate on sessions taken from the other folds.

    Parameters
    ----------
    windows : WindowSet
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
    testing = windows.fold == test_fold
    if not testing.any():
        raise ValueError(f"fold {test_fold} holds no windows")
    train, validation = hold_out_validation(windows, np.flatnonzero(~testing), seed)
    return Split(train, validation, np.flatnonzero(testing))
