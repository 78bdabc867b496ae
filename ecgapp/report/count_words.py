"""Why the pages count different numbers of sheets, in one sentence each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ecgapp.report.language import _, marked

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
    return _(
        "Of the {n:,} files that the Dataset page counts, {n_covid} are of "
        "COVID-19, which the shipped models do not know, and {n_no_sheet} show "
        "no 12-lead sheet; by the other {n_judged:,} models are judged.",
        n=audit["files"],
        n_covid=n_covid,
        n_no_sheet=n_no_sheet,
        n_judged=n_judged,
    )


def layout_counts(n: int, n_all: int) -> str:
    """Say how many of all sheets are counted; empty where it is all of them."""
    return (
        "" if n == n_all else _("{n:,} of the {n_all:,} sheets are printed 3x4.", n=n, n_all=n_all)
    )


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
        "grouped": marked("five folds test every sheet once (n = {n:,})"),
        "holdout": marked("the hold-out tests about one sheet in seven (n = {n:,})"),
        "random": marked(
            "the leaky split draws from version 2's files alone, copies and all (n = "
            "{n:,}, {different:,} of them different)"
        ),
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
            parts.append(_(text, n=largest.n_test, different=largest.n_test_different))
    joined = "; ".join(parts)
    return f"{joined[:1].upper()}{joined[1:]}." if parts else ""
