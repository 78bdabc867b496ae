"""Sheets whose label the out-of-fold verdicts contradict, by confident learning."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues

from ecgapp.evaluation.predictions import Predictions

SUSPICIOUS_FILE = "suspicious_sheets.csv"
# What a person saw on some of these sheets: columns ``sheet`` and ``seen``. Never written here.
SEEN_FILE = "suspicious_seen.csv"


@dataclass(frozen=True)
class SuspiciousSheet:
    """A sheet that may carry a wrong label.

    Attributes
    ----------
    rank : int
        1 for the most suspicious.
    row : int
        Of the verdicts' table, from 1, its header not counted.
    sheet : str
        SHA-256 of its file.
    session, fold : int
    layout, label, likely_label : str
    p_label, p_likely_label : float
        Out-of-fold probability of either.
    models_that_agree : int
        How many of the models by themselves find the likely label likeliest.
    seen : str
        What a person saw there; empty when nobody looked.
    """

    rank: int
    row: int
    sheet: str
    session: int
    fold: int
    layout: str
    label: str
    likely_label: str
    p_label: float
    p_likely_label: float
    models_that_agree: int
    seen: str


def find_suspicious(
    verdicts: Predictions, models: list[Predictions], seen: dict[str, str]
) -> list[SuspiciousSheet]:
    """Rank the sheets whose label is likely to be wrong (Northcutt et al., JAIR 2021).

    Confident learning estimates how many labels of each class belong to another from how sure the
    verdicts are, and names as many sheets. It cannot tell a wrong label from a wrong verdict: what
    it names is to be looked at.

    Parameters
    ----------
    verdicts : Predictions
        Out of fold, one entry a sheet.
    models : list of Predictions
        Out-of-fold predictions of the same sheets by each model alone, one entry a sheet.
    seen : dict of str to str
        Sheet -> what a person saw.

    Returns
    -------
    list of SuspiciousSheet
        The least probable label first.
    """
    true, likely = verdicts.true, verdicts.predicted
    ranked = find_label_issues(
        true, verdicts.probabilities, return_indices_ranked_by="self_confidence", n_jobs=1
    )
    agree = np.sum([model.predicted == likely for model in models], axis=0)
    return [
        SuspiciousSheet(
            rank=rank,
            row=int(place) + 1,
            sheet=str(verdicts.sheet[place]),
            session=int(verdicts.session[place]),
            fold=int(verdicts.fold[place]),
            layout=str(verdicts.layout[place]),
            label=str(verdicts.label[place]),
            likely_label=verdicts.classes[likely[place]],
            p_label=float(verdicts.probabilities[place, true[place]]),
            p_likely_label=float(verdicts.probabilities[place, likely[place]]),
            models_that_agree=int(agree[place]),
            seen=seen.get(str(verdicts.sheet[place]), ""),
        )
        for rank, place in enumerate(ranked, start=1)
    ]


def write_suspicious(path: Path, sheets: list[SuspiciousSheet]) -> None:
    """Write a table with a column for each attribute of a suspicious sheet."""
    table = pd.DataFrame(map(vars, sheets), columns=list(SuspiciousSheet.__annotations__))
    table.to_csv(path, index=False, lineterminator="\r\n")
