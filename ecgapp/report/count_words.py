"""Why the pages count different numbers of sheets, in one sentence each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ecgapp.evaluation.published import StudyResult

_COVID = "covid_19"
_NO_SHEET = "unclear"


def dataset_counts(audit: Mapping[str, Any], n_judged: int) -> str:
    """Say how the sheets that models are judged by come out of the files.

    Parameters
    ----------
    audit : mapping
        As ``ecgapp audit --json`` writes it.
    n_judged : int
        Sheets that the Evaluation page counts.

    Returns
    -------
    str
        One sentence; empty where the numbers do not add up, as with an audit of other files.
    """
    n_covid = audit["classes"].get(_COVID, {}).get("files", 0)
    layouts = (audit["manifest"] or {}).get("layouts", {})
    n_no_sheet = sum(counts.get(_NO_SHEET, 0) for counts in layouts.values())
    if audit["files"] - n_covid - n_no_sheet != n_judged:
        return ""
    return (
        f"Of the {audit['files']:,} files that the Dataset page counts, {n_covid} are of COVID-19, "
        f"which the shipped models do not know, and {n_no_sheet} show no 12-lead sheet; by the "
        f"other {n_judged:,} models are judged."
    )


def layout_counts(n: int, n_all: int) -> str:
    """Say how many of all sheets are counted; empty where it is all of them."""
    return "" if n == n_all else f"{n:,} of the {n_all:,} sheets are printed 3x4."


def protocol_counts(runs: Sequence[StudyResult]) -> str:
    """Say how many sheets each protocol tests, of runs with the same classes.

    Parameters
    ----------
    runs : sequence of StudyResult

    Returns
    -------
    str
        One sentence.
    """
    said = {
        "grouped": "five folds test every sheet once (n = {n:,})",
        "holdout": "the hold-out tests about one sheet in seven (n = {n:,})",
        "random": "the leaky split draws from version 2's files alone, copies and all (n = {n:,}, "
        "{different:,} of them different)",
    }
    parts = []
    for protocol, text in said.items():
        # A few runs leave sheets out; their notes say so.
        largest = max(
            (run for run in runs if run.protocol == protocol),
            key=lambda run: run.n_test,
            default=None,
        )
        if largest is not None:
            parts.append(text.format(n=largest.n_test, different=largest.n_test_different))
    joined = "; ".join(parts)
    return f"{joined[:1].upper()}{joined[1:]}." if parts else ""
